// What scripts look at to learn where they are, and the storage that lasts as long as the run.

for (const name of ['self', 'global', 'window']) define(name, globalThis);
define('print', function print(...values) {
  use.console.log(...values);
});
lazily(globalThis, ['SCALE'], () => use.Wapo.SCALE);

let told; // the run's input

// The environment of a guest of Phala's gateway: the secret's JSON, and nothing else.
const env = Object.defineProperty({}, 'secret', {
  get() {
    try {
      return JSON.stringify(JSON.parse(told).secret ?? '');
    } catch {
      return '""'; // evaluated ahead of its runs, or the input is no request
    }
  },
  set(value) {
    Object.defineProperty(env, 'secret', { value, writable: true });
  },
  enumerable: true,
  configurable: true,
});

provideTogether(['process'], () => ({
  process: {
    env,
    argv: ['fathom', 'agent.js'],
    execArgv: [],
    version: 'v20.0.0', // whose globals the ones here are
    versions: {},
    platform: 'linux',
    arch: 'wasm32',
    pid: 1,
    stdout: { write: (text) => (log(String(text).replace(/\n$/, '')), true), isTTY: false, fd: 1 },
    stderr: { write: (text) => (log(String(text).replace(/\n$/, '')), true), isTTY: false, fd: 2 },
    nextTick: (callback, ...values) => queueMicrotask(() => callback(...values)),
    cwd: () => '/',
    uptime: () => use.performance.now() / 1000,
    hrtime: Object.assign(
      (since = [0, 0]) => {
        const milliseconds = use.performance.now();
        return [Math.floor(milliseconds / 1000) - since[0], (milliseconds % 1000) * 1e6 - since[1]];
      },
      { bigint: () => BigInt(use.performance.now()) * 1_000_000n },
    ),
    // Nothing happens to the process that a script could hear of.
    on: () => use.process,
    once: () => use.process,
    off: () => use.process,
    emitWarning: (warning) => log(String(warning)),
  },
}));

provide('navigator', () =>
  Object.freeze({ userAgent: 'fathom', language: 'en-US', hardwareConcurrency: 1, onLine: true }),
);

// The clock when the run began: noted before anything can move it, and not by runs that never look.
let origin;
function runOrigin() {
  return (origin ??= Date.now());
}

provide('performance', () => {
  const performance = {
    get timeOrigin() {
      return runOrigin();
    },
    now: () => Date.now() - runOrigin(),
    mark: (name) => ({ name, entryType: 'mark', startTime: Date.now() - runOrigin(), duration: 0 }),
    measure: (name) => ({ name, entryType: 'measure', startTime: 0, duration: Date.now() - runOrigin() }),
    toJSON: () => ({ timeOrigin: runOrigin() }),
  };
  return performance;
});

provideTogether(['localStorage', 'Storage'], () => {
  const items = new Map();

  class Storage {
    constructor(key) {
      illegalUnless(KEY, key);
    }

    get length() {
      return items.size;
    }

    key(index) {
      return [...items.keys()][index] ?? null;
    }

    getItem(key) {
      return items.get(String(key)) ?? null;
    }

    setItem(key, value) {
      needs(arguments.length, 2, 'setItem');
      items.set(String(key), String(value));
    }

    removeItem(key) {
      items.delete(String(key));
    }

    clear() {
      items.clear();
    }
  }

  const own = (key) => typeof key === 'string' && !(key in Storage.prototype);
  // `localStorage.name = value` stores, too.
  const localStorage = new Proxy(new (tag(Storage))(KEY), {
    get: (target, key) =>
      own(key) ? items.get(key) : typeof target[key] === 'function' ? target[key].bind(target) : target[key],
    set: (target, key, value) => (own(key) ? (items.set(key, String(value)), true) : Reflect.set(target, key, value)),
    has: (target, key) => (own(key) ? items.has(key) : key in target),
    deleteProperty: (target, key) => (own(key) ? (items.delete(key), true) : Reflect.deleteProperty(target, key)),
    ownKeys: () => [...items.keys()],
    getOwnPropertyDescriptor: (target, key) =>
      own(key) && items.has(key)
        ? { value: items.get(key), writable: true, enumerable: true, configurable: true }
        : undefined,
  });
  return { localStorage, Storage };
});
