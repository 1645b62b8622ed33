// URLSearchParams of the URL Standard, and how forms are written in URLs.

provideTogether(
  ['URLSearchParams'],
  () => {
    const decode = (text) => {
      text = text.replaceAll('+', ' ');
      if (!text.includes('%')) return text;
      try {
        return decodeURIComponent(text);
      } catch {
        const bytes = text.replace(/%([0-9a-f]{2})|[^\0-\x7f]+/gi, (found, hex) =>
          hex === undefined ? binaryOf(utf8(found)) : String.fromCharCode(parseInt(hex, 16)),
        );
        return new use.TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesOfBinary(bytes));
      }
    };

    const encode = (text) =>
      encodeURIComponent(text).replace(/%20|[!'()~]/g, (found) =>
        found === '%20' ? '+' : `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
      );

    function parse(text) {
      const pairs = [];
      for (const part of text.split('&')) {
        if (part === '') continue;
        const at = part.indexOf('=');
        pairs.push(at < 0 ? [decode(part), ''] : [decode(part.slice(0, at)), decode(part.slice(at + 1))]);
      }
      return pairs;
    }

    class URLSearchParams {
      #pairs = [];
      #changed = () => {};

      constructor(init = '') {
        if ((typeof init === 'object' && init !== null) || typeof init === 'function') {
          const iterator = init[Symbol.iterator];
          if (iterator !== undefined && iterator !== null) {
            for (const pair of init) {
              if (pair === null || typeof pair !== 'object' || typeof pair[Symbol.iterator] !== 'function') {
                throw new TypeError('each pair of URLSearchParams is a sequence');
              }
              const [...parts] = pair;
              if (parts.length !== 2) throw new TypeError('each pair of URLSearchParams is a name and a value');
              this.#pairs.push([usv(parts[0]), usv(parts[1])]);
            }
          } else {
            const record = new Map();
            for (const key of Reflect.ownKeys(init)) {
              if (Object.getOwnPropertyDescriptor(init, key)?.enumerable) record.set(usv(key), usv(init[key]));
            }
            this.#pairs = [...record];
          }
        } else this.#pairs = parse(usv(init).replace(/^\?/, ''));
      }

      get size() {
        return this.#pairs.length;
      }

      append(name, value) {
        needs(arguments.length, 2, 'append');
        this.#pairs.push([usv(name), usv(value)]);
        this.#changed(this);
      }

      delete(name, value) {
        needs(arguments.length, 1, 'delete');
        name = usv(name);
        if (value !== undefined) value = usv(value);
        this.#pairs = this.#pairs.filter((pair) => pair[0] !== name || (value !== undefined && pair[1] !== value));
        this.#changed(this);
      }

      get(name) {
        needs(arguments.length, 1, 'get');
        name = usv(name);
        return this.#pairs.find((pair) => pair[0] === name)?.[1] ?? null;
      }

      getAll(name) {
        needs(arguments.length, 1, 'getAll');
        name = usv(name);
        return this.#pairs.filter((pair) => pair[0] === name).map((pair) => pair[1]);
      }

      has(name, value) {
        needs(arguments.length, 1, 'has');
        name = usv(name);
        if (value !== undefined) value = usv(value);
        return this.#pairs.some((pair) => pair[0] === name && (value === undefined || pair[1] === value));
      }

      set(name, value) {
        needs(arguments.length, 2, 'set');
        [name, value] = [usv(name), usv(value)];
        const first = this.#pairs.find((pair) => pair[0] === name);
        if (first === undefined) this.#pairs.push([name, value]);
        else {
          first[1] = value;
          this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== name);
        }
        this.#changed(this);
      }

      sort() {
        this.#pairs.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
        this.#changed(this);
      }

      toString() {
        return this.#pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
      }

      static {
        pairsOf = (params) => params.#pairs;
        attach = (query, changed) => {
          const params = new URLSearchParams();
          params.#pairs = parse(query);
          params.#changed = () => changed(params.toString());
          return params;
        };
        replace = (params, query) => {
          params.#pairs = parse(query);
        };
      }
    }
    var pairsOf, attach, replace;

    pairIterators(URLSearchParams, 'URLSearchParams', pairsOf);
    tag(enumerable(URLSearchParams, 'size', 'append', 'delete', 'get', 'getAll', 'has', 'set', 'sort', 'toString'));
    return { URLSearchParams, attachParams: attach, replaceParams: replace, encodeForm: encode };
  },
  ['attachParams', 'replaceParams', 'encodeForm'],
);
