// What scripts look at to learn where they are, and the storage that lasts as long as the run.

for (const name of ['self', 'global', 'window']) define(name, globalThis);

provideTogether(['process'], () => ({
  process: {
    env: {},
    argv: ['fathom'],
    version: 'v20.0.0', // whose globals the ones here are
    versions: {},
    platform: 'linux',
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
    on() {
      return this;
    },
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
