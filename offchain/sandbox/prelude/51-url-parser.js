// The state machine that parses URLs; names of states are the standard's.

const isDrive = (text) => /^[a-z][:|]$/i.test(text);
const startsWithDrive = (text) => /^[a-z][:|](?:[/\\?#]|$)/i.test(text);
const isDot = (text) => /^(\.|%2e)$/i.test(text);
const isDoubleDot = (text) => /^(\.|%2e){2}$/i.test(text);

function shorten(url) {
  if (url.scheme === 'file' && url.path.length === 1 && /^[a-z]:$/i.test(url.path[0])) return;
  url.path.pop();
}

// Most URLs: absolute, lower case, with nothing in them that is written otherwise or that has a meaning of its own.
const PLAIN_URL = new RegExp(
  [
    /^(https?):\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::([1-9][0-9]{0,4}))?/,
    /(\/[!$-.\/-;=@-[\]_a-z|~]*)?(?:\?([!$-&(-;=?-~]*))?(?:#([!#-;=?-_a-~]*))?$/,
  ]
    .map((part) => part.source)
    .join(''),
);
const UNPLAIN_HOST = /(?:^|\.)(?:xn--|[0-9]+$|0x[0-9a-f]*$)/;
const UNPLAIN_PATH = /\/(?:\.|%2e)/i;

function plainRecord(text) {
  const found = PLAIN_URL.exec(text);
  if (found === null) return null;
  const [, scheme, host, port, path = '/', query = null, fragment = null] = found;
  if (port > 65535 || UNPLAIN_HOST.test(host) || UNPLAIN_PATH.test(path)) return null;
  const own = port === undefined || Number(port) === SPECIAL_SCHEMES[scheme] ? null : Number(port);
  return { scheme, username: '', password: '', host, port: own, path: path.slice(1).split('/'), query, fragment };
}

// The record of a URL, or null. With `override`, a setter's: `url` is changed where the new part is valid.
function parseRecord(text, base, url, override) {
  if (url === undefined) {
    const plain = plainRecord(text);
    if (plain !== null) return plain;
    url = { scheme: '', username: '', password: '', host: null, port: null, path: [], query: null, fragment: null };
    text = text.replace(/^[\0-\x20]+|[\0-\x20]+$/g, '');
  }
  const input = /[\t\n\r]/.test(text) ? text.replace(/[\t\n\r]/g, '') : text;
  const points = /[\ud800-\udfff]/.test(input) ? Array.from(input) : input;
  const isSpecial = () => Object.hasOwn(SPECIAL_SCHEMES, url.scheme);
  // To what the character behind a path begins.
  const leavePath = (c) => {
    if (c !== '?' && c !== '#') return;
    state = c === '?' ? 'query' : 'fragment';
    url[state] = '';
  };
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
            if (isSpecial() !== Object.hasOwn(SPECIAL_SCHEMES, buffer)) return url;
            if ((url.username !== '' || url.password !== '' || url.port !== null) && buffer === 'file') return url;
            if (url.scheme === 'file' && (url.host === '' || url.host === null)) return url;
            url.scheme = buffer;
            if (url.port === SPECIAL_SCHEMES[url.scheme]) url.port = null;
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
            else url[passwordSeen ? 'password' : 'username'] += percentEncode(point, USERINFO);
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
          if (
            override !== undefined &&
            buffer === '' &&
            (url.username !== '' || url.password !== '' || url.port !== null)
          )
            return null;
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
        else if (
          c === undefined ||
          c === '/' ||
          c === '?' ||
          c === '#' ||
          (isSpecial() && c === '\\') ||
          override !== undefined
        ) {
          if (buffer !== '') {
            const port = Number(buffer);
            if (port > 65535) return null;
            url.port = port === SPECIAL_SCHEMES[url.scheme] ? null : port;
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
          buffer = percentEncode(buffer, PATH);
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
          leavePath(c);
        } else buffer += c;
        break;
      }

      case 'opaque path':
        if (c === '?' || c === '#' || c === undefined) {
          let path = percentEncode(buffer, C0);
          if (c !== undefined && path.endsWith(' ')) path = `${path.slice(0, -1)}%20`;
          url.path = path;
          buffer = '';
          leavePath(c);
        } else buffer += c;
        break;

      case 'query':
        if (c === undefined || (override === undefined && c === '#')) {
          url.query += percentEncode(buffer, isSpecial() ? SPECIAL_QUERY : QUERY);
          buffer = '';
          if (c === '#') {
            url.fragment = '';
            state = 'fragment';
          }
        } else buffer += c;
        break;

      case 'fragment':
        url.fragment += percentEncode(rest(at), FRAGMENT);
        return url;
    }
    if (c === undefined && at >= points.length) return url;
  }
}
