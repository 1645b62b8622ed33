// URL of the URL Standard: a record is parsed by the standard's state machine; names of states are the standard's.

provideTogether(['URL'], () => {
  const SPECIAL = { ftp: 21, file: null, http: 80, https: 443, ws: 80, wss: 443 };
  const hexByte = (byte) => `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;

  // Percent-encode sets, as patterns of the ASCII characters that are in them; all else beyond 0x7e is, too.
  const C0 = /[^ -~]/u;
  const FRAGMENT = /[^!#-;=?-_a-~]/u;
  const QUERY = /[^!$-;=?-~]/u;
  const SPECIAL_QUERY = /[^!$-&(-;=?-~]/u;
  const PATH = /[^!$-;=@-\]_a-z|~]/u;
  const USERINFO = /[^!$-.0-9A-Z_a-z~]/u;
  const all = new Map([C0, FRAGMENT, QUERY, SPECIAL_QUERY, PATH, USERINFO].map((set) => [set, new RegExp(set.source, 'gu')]));

  function encode(text, set) {
    if (!set.test(text)) return text;
    return text.replace(all.get(set), (found) => {
      let bytes = '';
      for (const byte of utf8(found)) bytes += hexByte(byte);
      return bytes;
    });
  }

  function ipv4Number(text) {
    if (text === '') return NaN;
    let radix = 10;
    if (/^0x/i.test(text)) [text, radix] = [text.slice(2), 16];
    else if (text.length > 1 && text[0] === '0') [text, radix] = [text.slice(1), 8];
    if (text === '') return 0;
    const digits = radix === 10 ? /^[0-9]+$/ : radix === 16 ? /^[0-9a-f]+$/i : /^[0-7]+$/;
    return digits.test(text) ? parseInt(text, radix) : NaN;
  }

  function endsInNumber(host) {
    const parts = host.split('.');
    if (parts.at(-1) === '') {
      if (parts.length === 1) return false;
      parts.pop();
    }
    const last = parts.at(-1);
    return /^[0-9]+$/.test(last) || /^0x[0-9a-f]*$/i.test(last);
  }

  // The dotted host, or null.
  function ipv4(host) {
    const parts = host.split('.');
    if (parts.at(-1) === '' && parts.length > 1) parts.pop();
    if (parts.length > 4) return null;
    const numbers = parts.map(ipv4Number);
    const last = numbers.pop();
    if (Number.isNaN(last) || numbers.some((number) => !(number <= 255))) return null;
    if (last >= 256 ** (4 - numbers.length)) return null;
    let address = last;
    numbers.forEach((number, place) => (address += number * 256 ** (3 - place)));
    return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
  }

  function ipv6(text) {
    const halves = text.split('::');
    if (halves.length > 2) return null;
    const pieces = (half) => (half === '' ? [] : half.split(':'));
    const [head, tail] = [pieces(halves[0]), halves.length === 2 ? pieces(halves[1]) : []];
    const written = [...head, ...tail];
    const last = written.at(-1);
    if (last?.includes('.')) {
      const bytes = last.split('.');
      if (bytes.length !== 4 || !bytes.every((byte) => /^(0|[1-9][0-9]{0,2})$/.test(byte) && byte <= 255)) return null;
      const words = [0, 2].map((at) => (bytes[at] * 256 + Number(bytes[at + 1])).toString(16));
      (tail.length > 0 ? tail : head).splice(-1, 1, ...words);
    }
    if (![...head, ...tail].every((piece) => /^[0-9a-f]{1,4}$/i.test(piece))) return null;
    const given = head.length + tail.length;
    if (halves.length === 2 ? given > 7 : given !== 8) return null;
    const words = [...head, ...Array(8 - given).fill('0'), ...tail].map((piece) => parseInt(piece, 16));
    let [from, length] = [-1, 1]; // the longest run of zeros is left out
    for (let at = 0; at < 8; at++) {
      let end = at;
      while (end < 8 && words[end] === 0) end++;
      if (end - at > length) [from, length] = [at, end - at];
      if (end > at) at = end;
    }
    const shown = words.map((word) => word.toString(16));
    if (from < 0) return `[${shown.join(':')}]`;
    return `[${shown.slice(0, from).join(':')}::${shown.slice(from + length).join(':')}]`;
  }

  const FORBIDDEN_HOST = /[\0\t\n\r #/:<>?@[\\\]^|]/;
  const FORBIDDEN_DOMAIN = /[\0-\x20#%/:<>?@[\\\]^|\x7f]/;

  function percentDecoded(text) {
    if (!text.includes('%')) return text;
    const bytes = utf8(text);
    const out = [];
    for (let i = 0; i < bytes.length; i++) {
      const hex = bytes[i] === 0x25 ? String.fromCharCode(bytes[i + 1], bytes[i + 2]) : '';
      if (/^[0-9a-f]{2}$/i.test(hex)) {
        out.push(parseInt(hex, 16));
        i += 2;
      } else out.push(bytes[i]);
    }
    return new use.TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array(out));
  }

  // The host as it is serialised, or null.
  function parseHost(input, special) {
    if (input[0] === '[') return input.at(-1) === ']' ? ipv6(input.slice(1, -1)) : null;
    if (!special) return FORBIDDEN_HOST.test(input) ? null : encode(input, C0);
    let domain = percentDecoded(input);
    if (/[^\0-\x7f]/.test(domain) || /(^|\.)xn--/i.test(domain)) {
      try {
        domain = host.call('domain_to_ascii', domain);
      } catch {
        return null;
      }
    } else domain = domain.toLowerCase();
    if (domain === '' || FORBIDDEN_DOMAIN.test(domain)) return null;
    return endsInNumber(domain) ? ipv4(domain) : domain;
  }

  const isDrive = (text) => /^[a-z][:|]$/i.test(text);
  const startsWithDrive = (text) => /^[a-z][:|](?:[/\\?#]|$)/i.test(text);
  const isDot = (text) => /^(\.|%2e)$/i.test(text);
  const isDoubleDot = (text) => /^(\.|%2e){2}$/i.test(text);

  function shorten(url) {
    if (url.scheme === 'file' && url.path.length === 1 && /^[a-z]:$/i.test(url.path[0])) return;
    url.path.pop();
  }

  // The record of a URL, or null. With `override`, a setter's: `url` is changed where the new part is valid.
  function parse(text, base, url, override) {
    if (url === undefined) {
      url = { scheme: '', username: '', password: '', host: null, port: null, path: [], query: null, fragment: null };
      text = text.replace(/^[\0-\x20]+|[\0-\x20]+$/g, '');
    }
    const input = /[\t\n\r]/.test(text) ? text.replace(/[\t\n\r]/g, '') : text;
    const points = /[\ud800-\udfff]/.test(input) ? Array.from(input) : input;
    const isSpecial = () => Object.hasOwn(SPECIAL, url.scheme);
    const opaque = (record) => typeof record.path === 'string';
    const rest = (at) => (typeof points === 'string' ? points.slice(at) : points.slice(at).join(''));
    let state = override ?? 'scheme start';
    let buffer = '';
    let [atSeen, inBrackets, passwordSeen] = [false, false, false];

    for (let at = 0; ; at++) {
      const c = points[at];
      switch (state) {
        case 'scheme start':
          if (c !== undefined && /[a-z]/i.test(c)) {
            buffer += c.toLowerCase();
            state = 'scheme';
          } else if (override === undefined) {
            state = 'no scheme';
            at--;
          } else return null;
          break;

        case 'scheme':
          if (c !== undefined && /[a-z0-9+\-.]/i.test(c)) buffer += c.toLowerCase();
          else if (c === ':') {
            if (override !== undefined) {
              if (isSpecial() !== Object.hasOwn(SPECIAL, buffer)) return url;
              if ((url.username !== '' || url.password !== '' || url.port !== null) && buffer === 'file') return url;
              if (url.scheme === 'file' && (url.host === '' || url.host === null)) return url;
              url.scheme = buffer;
              if (url.port === SPECIAL[url.scheme]) url.port = null;
              return url;
            }
            url.scheme = buffer;
            buffer = '';
            if (url.scheme === 'file') state = 'file';
            else if (isSpecial() && base?.scheme === url.scheme) state = 'special relative or authority';
            else if (isSpecial()) state = 'special authority slashes';
            else if (points[at + 1] === '/') {
              state = 'path or authority';
              at++;
            } else {
              url.path = '';
              state = 'opaque path';
            }
          } else if (override === undefined) {
            buffer = '';
            state = 'no scheme';
            at = -1;
          } else return null;
          break;

        case 'no scheme':
          if (!base || (opaque(base) && c !== '#')) return null;
          if (opaque(base)) {
            Object.assign(url, { scheme: base.scheme, path: base.path, query: base.query, fragment: '' });
            state = 'fragment';
          } else {
            state = base.scheme === 'file' ? 'file' : 'relative';
            at--;
          }
          break;

        case 'special relative or authority':
          if (c === '/' && points[at + 1] === '/') {
            state = 'special authority ignore slashes';
            at++;
          } else {
            state = 'relative';
            at--;
          }
          break;

        case 'path or authority':
          if (c === '/') state = 'authority';
          else {
            state = 'path';
            at--;
          }
          break;

        case 'relative':
          url.scheme = base.scheme;
          if (c === '/') state = 'relative slash';
          else if (isSpecial() && c === '\\') state = 'relative slash';
          else {
            Object.assign(url, { username: base.username, password: base.password, host: base.host, port: base.port });
            Object.assign(url, { path: [...base.path], query: base.query });
            if (c === '?') {
              url.query = '';
              state = 'query';
            } else if (c === '#') {
              url.fragment = '';
              state = 'fragment';
            } else if (c !== undefined) {
              url.query = null;
              shorten(url);
              state = 'path';
              at--;
            }
          }
          break;

        case 'relative slash':
          if (isSpecial() && (c === '/' || c === '\\')) state = 'special authority ignore slashes';
          else if (c === '/') state = 'authority';
          else {
            Object.assign(url, { username: base.username, password: base.password, host: base.host, port: base.port });
            state = 'path';
            at--;
          }
          break;

        case 'special authority slashes':
          state = 'special authority ignore slashes';
          if (c === '/' && points[at + 1] === '/') at++;
          else at--;
          break;

        case 'special authority ignore slashes':
          if (c !== '/' && c !== '\\') {
            state = 'authority';
            at--;
          }
          break;

        case 'authority':
          if (c === '@') {
            if (atSeen) buffer = `%40${buffer}`;
            atSeen = true;
            for (const point of buffer) {
              if (point === ':' && !passwordSeen) passwordSeen = true;
              else url[passwordSeen ? 'password' : 'username'] += encode(point, USERINFO);
            }
            buffer = '';
          } else if (c === undefined || c === '/' || c === '?' || c === '#' || (isSpecial() && c === '\\')) {
            if (atSeen && buffer === '') return null;
            at -= Array.from(buffer).length + 1;
            buffer = '';
            state = 'host';
          } else buffer += c;
          break;

        case 'host':
        case 'hostname':
          if (override !== undefined && url.scheme === 'file') {
            at--;
            state = 'file host';
          } else if (c === ':' && !inBrackets) {
            if (buffer === '' || override === 'hostname') return null;
            const found = parseHost(buffer, isSpecial());
            if (found === null) return null;
            url.host = found;
            buffer = '';
            state = 'port';
          } else if (c === undefined || c === '/' || c === '?' || c === '#' || (isSpecial() && c === '\\')) {
            at--;
            if (isSpecial() && buffer === '') return null;
            if (override !== undefined && buffer === '' && (url.username !== '' || url.password !== '' || url.port !== null)) return null;
            const found = parseHost(buffer, isSpecial());
            if (found === null) return null;
            url.host = found;
            buffer = '';
            state = 'path start';
            if (override !== undefined) return url;
          } else {
            if (c === '[') inBrackets = true;
            if (c === ']') inBrackets = false;
            buffer += c;
          }
          break;

        case 'port':
          if (c !== undefined && /[0-9]/.test(c)) buffer += c;
          else if (c === undefined || c === '/' || c === '?' || c === '#' || (isSpecial() && c === '\\') || override !== undefined) {
            if (buffer !== '') {
              const port = Number(buffer);
              if (port > 65535) return null;
              url.port = port === SPECIAL[url.scheme] ? null : port;
              buffer = '';
              if (override !== undefined) return url;
            }
            if (override !== undefined) return null;
            state = 'path start';
            at--;
          } else return null;
          break;

        case 'file':
          url.scheme = 'file';
          url.host = '';
          if (c === '/' || c === '\\') state = 'file slash';
          else if (base?.scheme === 'file') {
            Object.assign(url, { host: base.host, path: [...base.path], query: base.query });
            if (c === '?') {
              url.query = '';
              state = 'query';
            } else if (c === '#') {
              url.fragment = '';
              state = 'fragment';
            } else if (c !== undefined) {
              url.query = null;
              if (startsWithDrive(rest(at))) url.path = [];
              else shorten(url);
              state = 'path';
              at--;
            }
          } else {
            state = 'path';
            at--;
          }
          break;

        case 'file slash':
          if (c === '/' || c === '\\') state = 'file host';
          else {
            if (base?.scheme === 'file') {
              url.host = base.host;
              if (!startsWithDrive(rest(at)) && /^[a-z]:$/i.test(base.path[0] ?? '')) url.path.push(base.path[0]);
            }
            state = 'path';
            at--;
          }
          break;

        case 'file host':
          if (c === undefined || c === '/' || c === '\\' || c === '?' || c === '#') {
            at--;
            if (override === undefined && isDrive(buffer)) state = 'path';
            else if (buffer === '') {
              url.host = '';
              if (override !== undefined) return url;
              state = 'path start';
            } else {
              const found = parseHost(buffer, true);
              if (found === null) return null;
              url.host = found === 'localhost' ? '' : found;
              if (override !== undefined) return url;
              buffer = '';
              state = 'path start';
            }
          } else buffer += c;
          break;

        case 'path start':
          if (isSpecial()) {
            state = 'path';
            if (c !== '/' && c !== '\\') at--;
          } else if (override === undefined && c === '?') {
            url.query = '';
            state = 'query';
          } else if (override === undefined && c === '#') {
            url.fragment = '';
            state = 'fragment';
          } else if (c !== undefined) {
            state = 'path';
            if (c !== '/') at--;
          } else if (override !== undefined && url.host === null) url.path.push('');
          break;

        case 'path': {
          const slash = c === '/' || (isSpecial() && c === '\\');
          if (c === undefined || slash || (override === undefined && (c === '?' || c === '#'))) {
            buffer = encode(buffer, PATH);
            if (isDoubleDot(buffer)) {
              shorten(url);
              if (!slash) url.path.push('');
            } else if (isDot(buffer)) {
              if (!slash) url.path.push('');
            } else {
              if (url.scheme === 'file' && url.path.length === 0 && isDrive(buffer)) buffer = `${buffer[0]}:`;
              url.path.push(buffer);
            }
            buffer = '';
            if (c === '?') {
              url.query = '';
              state = 'query';
            }
            if (c === '#') {
              url.fragment = '';
              state = 'fragment';
            }
          } else buffer += c;
          break;
        }

        case 'opaque path':
          if (c === '?' || c === '#' || c === undefined) {
            let path = encode(buffer, C0);
            if (c !== undefined && path.endsWith(' ')) path = `${path.slice(0, -1)}%20`;
            url.path = path;
            buffer = '';
            if (c === '?') {
              url.query = '';
              state = 'query';
            } else if (c === '#') {
              url.fragment = '';
              state = 'fragment';
            }
          } else buffer += c;
          break;

        case 'query':
          if (c === undefined || (override === undefined && c === '#')) {
            url.query += encode(buffer, isSpecial() ? SPECIAL_QUERY : QUERY);
            buffer = '';
            if (c === '#') {
              url.fragment = '';
              state = 'fragment';
            }
          } else buffer += c;
          break;

        case 'fragment':
          url.fragment += encode(rest(at), FRAGMENT);
          return url;
      }
      if (c === undefined && at >= points.length) return url;
    }
  }

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
      const inner = parse(pathOf(url));
      return inner && (inner.scheme === 'http' || inner.scheme === 'https') ? originOf(inner) : 'null';
    }
    return Object.hasOwn(SPECIAL, url.scheme) && url.scheme !== 'file' ? `${url.scheme}://${url.host}${portOf(url)}` : 'null';
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
      if (base === undefined) return parse(text);
      const record = parse(base);
      return record === null ? null : parse(text, record);
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
    #set(value, state, url = { ...this.#url, path: typeof this.#url.path === 'string' ? this.#url.path : [...this.#url.path] }) {
      const parsed = parse(value, undefined, url, state);
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
      const url = parse(usv(value));
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
      if (this.#hasCredentials()) this.#url.username = encode(usv(value), USERINFO);
    }

    get password() {
      return this.#url.password;
    }
    set password(value) {
      if (this.#hasCredentials()) this.#url.password = encode(usv(value), USERINFO);
    }

    get host() {
      return this.#url.host === null ? '' : this.#url.host + portOf(this.#url);
    }
    set host(value) {
      if (typeof this.#url.path === 'string') return;
      const text = usv(value);
      // A port that is invalid does not undo the host before it.
      if (!this.#set(text, 'host') && this.#url.scheme !== 'file') this.#set(text.replace(/:(?![^[]*\]).*$/s, ''), 'host');
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

  const shown = 'href origin protocol username password host hostname port pathname search searchParams hash toString toJSON';
  tag(enumerable(URL, ...shown.split(' ')));
  const parseUrl = (text, base) => {
    const url = parse(text, base === undefined ? undefined : parse(base));
    return url === null ? null : { href: serialise(url), bare: serialise(url, false), scheme: url.scheme, credentials: url.username !== '' || url.password !== '' };
  };
  return { URL, parseUrl };
}, ['parseUrl']);
