// The class URL.

provideTogether(
  ['URL'],
  () => {
    const portOf = (url) => (url.port === null ? '' : `:${url.port}`);
    const pathOf = (url) => (typeof url.path === 'string' ? url.path : url.path.map((part) => `/${part}`).join(''));

    function serialise(url, withFragment = true) {
      let text = `${url.scheme}:`;
      if (url.host !== null) {
        text += '//';
        if (url.username !== '' || url.password !== '') {
          text += url.username + (url.password === '' ? '' : `:${url.password}`) + '@';
        }
        text += url.host + portOf(url);
      } else if (typeof url.path !== 'string' && url.path.length > 1 && url.path[0] === '') text += '/.';
      text += pathOf(url);
      if (url.query !== null) text += `?${url.query}`;
      return withFragment && url.fragment !== null ? `${text}#${url.fragment}` : text;
    }

    function originOf(url) {
      if (url.scheme === 'blob') {
        const inner = parseRecord(pathOf(url));
        return inner && (inner.scheme === 'http' || inner.scheme === 'https') ? originOf(inner) : 'null';
      }
      return Object.hasOwn(SPECIAL_SCHEMES, url.scheme) && url.scheme !== 'file'
        ? `${url.scheme}://${url.host}${portOf(url)}`
        : 'null';
    }

    function invalid(text, base) {
      const error = new TypeError(`Invalid URL: ${text}`);
      error.code = 'ERR_INVALID_URL';
      error.input = text;
      if (base !== undefined) error.base = base;
      return error;
    }

    class URL {
      #url;
      #params;

      constructor(text, base = undefined) {
        needs(arguments.length, 1, 'URL');
        const url = URL.#parsed(usv(text), base === undefined ? undefined : usv(base));
        if (url === null) throw invalid(usv(text), base);
        this.#url = url;
      }

      static #parsed(text, base) {
        if (base === undefined) return parseRecord(text);
        const record = parseRecord(base);
        return record === null ? null : parseRecord(text, record);
      }

      static canParse(text, base) {
        needs(arguments.length, 1, 'canParse');
        return URL.#parsed(usv(text), base === undefined ? undefined : usv(base)) !== null;
      }

      static parse(text, base) {
        needs(arguments.length, 1, 'parse');
        return URL.canParse(text, base) ? new URL(text, base) : null;
      }

      // Like the standard's "basic URL parse with state override": what is invalid leaves the URL as it was.
      #set(
        value,
        state,
        url = { ...this.#url, path: typeof this.#url.path === 'string' ? this.#url.path : [...this.#url.path] },
      ) {
        const parsed = parseRecord(value, undefined, url, state);
        if (parsed !== null) this.#url = parsed;
        return parsed !== null;
      }

      #hasCredentials() {
        return this.#url.host !== null && this.#url.host !== '' && this.#url.scheme !== 'file';
      }

      get href() {
        return serialise(this.#url);
      }
      set href(value) {
        const url = parseRecord(usv(value));
        if (url === null) throw invalid(usv(value));
        this.#url = url;
        this.#refresh();
      }

      get origin() {
        return originOf(this.#url);
      }

      get protocol() {
        return `${this.#url.scheme}:`;
      }
      set protocol(value) {
        this.#set(`${usv(value)}:`, 'scheme start');
      }

      get username() {
        return this.#url.username;
      }
      set username(value) {
        if (this.#hasCredentials()) this.#url.username = percentEncode(usv(value), USERINFO);
      }

      get password() {
        return this.#url.password;
      }
      set password(value) {
        if (this.#hasCredentials()) this.#url.password = percentEncode(usv(value), USERINFO);
      }

      get host() {
        return this.#url.host === null ? '' : this.#url.host + portOf(this.#url);
      }
      set host(value) {
        if (typeof this.#url.path === 'string') return;
        const text = usv(value);
        // A port that is invalid does not undo the host before it.
        if (!this.#set(text, 'host') && this.#url.scheme !== 'file')
          this.#set(text.replace(/:(?![^[]*\]).*$/s, ''), 'host');
      }

      get hostname() {
        return this.#url.host ?? '';
      }
      set hostname(value) {
        if (typeof this.#url.path !== 'string') this.#set(usv(value), 'hostname');
      }

      get port() {
        return this.#url.port === null ? '' : String(this.#url.port);
      }
      set port(value) {
        if (!this.#hasCredentials()) return;
        const text = usv(value);
        if (text === '') this.#url.port = null;
        else this.#set(text, 'port');
      }

      get pathname() {
        return pathOf(this.#url);
      }
      set pathname(value) {
        if (typeof this.#url.path !== 'string') this.#set(usv(value), 'path start', { ...this.#url, path: [] });
      }

      get search() {
        return this.#url.query ? `?${this.#url.query}` : '';
      }
      set search(value) {
        const text = usv(value);
        if (text === '') this.#url.query = null;
        else this.#set(text.replace(/^\?/, ''), 'query', { ...this.#url, query: '' });
        this.#refresh();
      }

      get searchParams() {
        return (this.#params ??= use.attachParams(this.#url.query ?? '', (query) => {
          this.#url.query = query === '' ? null : query;
        }));
      }

      get hash() {
        return this.#url.fragment ? `#${this.#url.fragment}` : '';
      }
      set hash(value) {
        const text = usv(value);
        if (text === '') this.#url.fragment = null;
        else this.#set(text.replace(/^#/, ''), 'fragment', { ...this.#url, fragment: '' });
      }

      #refresh() {
        if (this.#params) use.replaceParams(this.#params, this.#url.query ?? '');
      }

      toString() {
        return this.href;
      }

      toJSON() {
        return this.href;
      }
    }

    const shown =
      'href origin protocol username password host hostname port pathname search searchParams hash toString toJSON';
    tag(enumerable(URL, ...shown.split(' ')));
    const parseUrl = (text, base) => {
      const url = parseRecord(text, base === undefined ? undefined : parseRecord(base));
      return url === null
        ? null
        : {
            href: serialise(url),
            bare: serialise(url, false),
            scheme: url.scheme,
            credentials: url.username !== '' || url.password !== '',
          };
    };
    return { URL, parseUrl };
  },
  ['parseUrl'],
);
