// `require`, for bundles that were made for Node and left its modules out, as the guests of Phala's gateway have it.
// What an agent has no use of (files, sockets, processes) is absent from the modules: only their classes are there.

const made = new Map();
const modules = {
  assert: () => {
    const assert = (value, message) => {
      if (value) return;
      throw message instanceof Error
        ? message
        : Object.assign(new Error(message ?? 'assertion failed'), { code: 'ERR_ASSERTION' });
    };
    const equal = (one, other, message) =>
      assert(Object.is(one, other), message ?? `${inspect(one)} !== ${inspect(other)}`);
    const differ = (one, other, message) => assert(!Object.is(one, other), message);
    const fail = (message) => assert(false, message);
    return Object.assign(assert, {
      ok: assert,
      equal,
      strictEqual: equal,
      notEqual: differ,
      notStrictEqual: differ,
      fail,
    });
  },
  async_hooks: makeNodeAsyncHooks,
  buffer: () => {
    const { Buffer, Blob, File } = use;
    return {
      Buffer,
      SlowBuffer: Buffer,
      Blob,
      File,
      atob,
      btoa,
      constants: { MAX_LENGTH: 2 ** 31 - 1 },
      kMaxLength: 2 ** 31 - 1,
    };
  },
  child_process: () => ({}),
  console: () => use.console,
  constants: () => ({}),
  crypto: makeNodeCrypto,
  diagnostics_channel: () => ({ channel: (name) => ({ name, hasSubscribers: false, publish() {}, subscribe() {} }) }),
  dns: () => ({}),
  events: makeNodeEvents,
  fs: () => ({
    ReadStream: class ReadStream extends require('stream').Readable {},
    promises: {},
    existsSync: () => false,
  }),
  'fs/promises': () => ({}),
  http: () => makeNodeHttp('http:', require),
  http2: () => ({}),
  https: () => makeNodeHttp('https:', require),
  module: () => ({ createRequire: () => require }),
  net: () => ({ Socket: class Socket extends require('stream').Duplex {}, isIP: () => 0 }),
  os: () => ({
    EOL: '\n',
    platform: () => 'linux',
    type: () => 'Linux',
    arch: () => 'wasm32',
    release: () => '',
    cpus: () => [],
    homedir: () => '/',
    tmpdir: () => '/tmp',
    hostname: () => 'localhost',
  }),
  path: makeNodePath,
  perf_hooks: () => ({ performance: use.performance }),
  process: () => use.process,
  punycode: () => ({
    ucs2: {
      decode: (text) => Array.from(text, (character) => character.codePointAt(0)),
      encode: (points) => String.fromCodePoint(...points),
    },
    toASCII: (domain) => host.call('domain_to_ascii', usv(domain)),
    toUnicode: String,
  }),
  querystring: () => {
    const parse = (text) => {
      const found = {};
      for (const [name, value] of new use.URLSearchParams(text))
        found[name] = Object.hasOwn(found, name) ? [found[name], value].flat() : value;
      return found;
    };
    const stringify = (values) =>
      Object.entries(values ?? {})
        .flatMap(([name, value]) =>
          [value].flat().map((each) => `${encodeURIComponent(name)}=${encodeURIComponent(each ?? '')}`),
        )
        .join('&');
    return {
      parse,
      decode: parse,
      stringify,
      encode: stringify,
      escape: encodeURIComponent,
      unescape: decodeURIComponent,
    };
  },
  stream: () => makeNodeStreams(require('events')),
  'stream/promises': () => require('stream').promises,
  'stream/web': () => {
    const names = [
      'ReadableStream',
      'WritableStream',
      'TransformStream',
      'ByteLengthQueuingStrategy',
      'CountQueuingStrategy',
      'TextEncoderStream',
      'TextDecoderStream',
    ];
    return Object.fromEntries(names.map((name) => [name, use[name]]));
  },
  string_decoder: () => ({
    StringDecoder: class StringDecoder {
      #decoder;
      #encoding;
      constructor(encoding = 'utf8') {
        this.#encoding = encoding;
        this.#decoder = /^utf-?8$/i.test(encoding) ? new use.TextDecoder() : null;
      }
      write(bytes) {
        return this.#decoder
          ? this.#decoder.decode(bytes, { stream: true })
          : use.Buffer.from(bytes).toString(this.#encoding);
      }
      end(bytes = NO_BYTES) {
        return this.#decoder ? this.#decoder.decode(bytes) : this.write(bytes);
      }
    },
  }),
  timers: () => ({ setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate }),
  'timers/promises': () => ({
    setTimeout: (delay, value) => new Promise((resolve) => setTimeout(resolve, delay, value)),
    setImmediate: (value) => new Promise((resolve) => setImmediate(resolve, value)),
  }),
  tls: () => ({}),
  tty: () => ({ isatty: () => false }),
  url: () => makeNodeUrl(require),
  util: makeNodeUtil,
  'util/types': () => require('util').types,
  worker_threads: () => ({ isMainThread: true, parentPort: null, workerData: null }),
  zlib: () => ({ constants: {} }),
};

function require(name) {
  const plain = String(name)
    .replace(/^node:/, '')
    .replace(/\/$/, '');
  if (!Object.hasOwn(modules, plain)) {
    throw Object.assign(new Error(`Cannot find module '${name}': bundle it with the agent`), {
      code: 'MODULE_NOT_FOUND',
    });
  }
  if (!made.has(plain)) made.set(plain, modules[plain]());
  return made.get(plain);
}
return require;
