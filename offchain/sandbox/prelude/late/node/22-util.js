// Node's path, url, util and async_hooks.

function makeNodePath() {
  const normal = (path) => {
    const parts = [];
    for (const part of path.split('/')) {
      if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
      else if (part !== '' && part !== '.' && !(part === '..' && path.startsWith('/'))) parts.push(part);
    }
    return parts.join('/');
  };
  const normalize = (path) =>
    (path.startsWith('/') ? '/' : '') + normal(path) + (/[^/]\/$/.test(path) && normal(path) !== '' ? '/' : '') || '.';
  const join = (...parts) => normalize(parts.filter((part) => part !== '').join('/') || '.');
  const resolve = (...parts) =>
    `/${normal(['', ...parts].reduce((base, part) => (part.startsWith('/') ? part : `${base}/${part}`)))}`;
  const basename = (path, end = '') => {
    const name = /([^/]*)\/*$/.exec(path)[1];
    return end !== '' && name !== end && name.endsWith(end) ? name.slice(0, -end.length) : name;
  };
  const dirname = (path) => /^(.*[^/])\/+[^/]+\/*$/.exec(path)?.[1] ?? (path.startsWith('/') ? '/' : '.');
  const extname = (path) => /[^/.][^/]*?(\.[^./]*)\/*$/.exec(basename(path))?.[1] ?? '';
  const isAbsolute = (path) => path.startsWith('/');
  const path = { sep: '/', delimiter: ':', normalize, join, resolve, basename, dirname, extname, isAbsolute };
  return Object.assign(path, { posix: path });
}

function makeNodeUrl(require) {
  const { URL, URLSearchParams } = use;
  const PARTS = ['protocol', 'host', 'port', 'hostname', 'hash', 'search', 'pathname', 'href'];
  const parse = (text, query = false) => {
    const found = Object.fromEntries(PARTS.map((part) => [part, null]));
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null) {
      const [, pathname, search, hash] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(text);
      Object.assign(found, { pathname, search: search ?? null, hash: hash ?? null, href: text });
    } else for (const part of PARTS) found[part] = url[part] || null;
    found.auth = url?.username ? decodeURIComponent(`${url.username}${url.password ? `:${url.password}` : ''}`) : null;
    found.slashes = url !== null || null;
    found.path = `${found.pathname ?? ''}${found.search ?? ''}` || null;
    const rest = found.search?.slice(1) ?? null;
    found.query = query ? require('querystring').parse(rest ?? '') : rest;
    return found;
  };
  const format = (url) => {
    if (typeof url === 'string' || url instanceof URL) return String(url);
    const { protocol = '', auth, host, hostname, port, pathname = '', search, query, hash } = url;
    const scheme = protocol && !protocol.endsWith(':') ? `${protocol}:` : (protocol ?? '');
    const authority = host ?? (hostname ? `${hostname}${port ? `:${port}` : ''}` : '');
    const asked =
      search ?? (query ? `?${typeof query === 'string' ? query : require('querystring').stringify(query)}` : '');
    return `${scheme}${authority ? `//${auth ? `${auth}@` : ''}${authority}` : ''}${pathname ?? ''}${asked}${hash ?? ''}`;
  };
  const urlToHttpOptions = (url) => ({
    ...{ protocol: url.protocol, hostname: url.hostname.replace(/^\[|\]$/g, ''), port: url.port, href: url.href },
    ...{ path: `${url.pathname}${url.search}`, pathname: url.pathname, search: url.search, hash: url.hash },
    ...(url.username ? { auth: decodeURIComponent(`${url.username}:${url.password}`) } : {}),
  });
  const resolve = (from, to) => new URL(to, from).href;
  const domainToASCII = (domain) => host.call('domain_to_ascii', usv(domain));
  const fileURLToPath = (url) => new URL(url).pathname;
  const pathToFileURL = (path) => new URL(`file://${path}`);
  return {
    URL,
    URLSearchParams,
    parse,
    format,
    resolve,
    urlToHttpOptions,
    domainToASCII,
    fileURLToPath,
    pathToFileURL,
  };
}

function makeNodeUtil() {
  const promisify = (callee) =>
    callee[promisify.custom] ??
    ((...values) =>
      new Promise((resolve, reject) => callee(...values, (error, value) => (error ? reject(error) : resolve(value)))));
  promisify.custom = Symbol.for('nodejs.util.promisify.custom');
  const callbackify =
    (callee) =>
    (...values) => {
      const done = values.pop();
      callee(...values).then((value) => done(null, value), done);
    };
  const inspectAsNode = Object.assign((value, options) => inspect(value, options?.depth ?? 4), {
    custom: Symbol.for('nodejs.util.inspect.custom'),
  });
  const inherits = (constructor, parent) => {
    Object.defineProperty(constructor, 'super_', { value: parent, writable: true, configurable: true });
    Object.setPrototypeOf(constructor.prototype, parent.prototype);
  };
  const is = (name) => (value) => Object.prototype.toString.call(value) === `[object ${name}]`;
  const names = [
    'Uint8Array',
    'ArrayBuffer',
    'SharedArrayBuffer',
    'Date',
    'RegExp',
    'Map',
    'Set',
    'Promise',
    'AsyncFunction',
    'GeneratorFunction',
    'DataView',
    'WeakMap',
  ];
  const types = Object.fromEntries(names.map((name) => [`is${name}`, is(name)]));
  Object.assign(types, {
    isAnyArrayBuffer: isBuffer,
    isArrayBufferView: ArrayBuffer.isView,
    isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
    isNativeError: Error.isError,
    isProxy: () => false,
    isBoxedPrimitive: (value) => [Number, String, Boolean, BigInt, Symbol].some((kind) => value instanceof kind),
  });
  const { TextEncoder, TextDecoder } = use;
  return {
    ...{ promisify, callbackify, inspect: inspectAsNode, inherits, types, TextEncoder, TextDecoder },
    deprecate: (callee) => callee,
    debuglog: () => Object.assign(() => {}, { enabled: false }),
    debug: () => () => {},
    format: (...values) => formatted(values),
    stripVTControlCharacters: (text) => text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, ''),
    isArray: Array.isArray,
    isDeepStrictEqual: (one, other) => inspect(one, 99) === inspect(other, 99),
  };
}

function makeNodeAsyncHooks() {
  // The store is there until the promise that `run` was given settles: a run serves one request, and so one at a time.
  class AsyncLocalStorage {
    #store;
    getStore() {
      return this.#store;
    }
    enterWith(store) {
      this.#store = store;
    }
    disable() {
      this.#store = undefined;
    }
    run(store, callback, ...values) {
      const before = this.#store;
      this.#store = store;
      let kept = false;
      const leave = () => {
        if (this.#store === store) this.#store = before;
      };
      try {
        const result = callback(...values);
        if (typeof result?.then === 'function') {
          kept = true;
          result.then(leave, leave);
        }
        return result;
      } finally {
        if (!kept) leave();
      }
    }
    exit(callback, ...values) {
      return this.run(undefined, callback, ...values);
    }
    static bind(callback) {
      return callback;
    }
    static snapshot() {
      return (callback, ...values) => callback(...values);
    }
  }
  class AsyncResource {
    runInAsyncScope(callback, self, ...values) {
      return callback.apply(self, values);
    }
    emitDestroy() {
      return this;
    }
    static bind(callback) {
      return callback;
    }
  }

  return { AsyncLocalStorage, AsyncResource };
}
