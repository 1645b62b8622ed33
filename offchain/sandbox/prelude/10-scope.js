// What a script finds beside the language itself. These files are the body of one function of `host` (host_calls.py),
// evaluated once into the snapshot that every run starts from. A script may patch any built-in used here; it spoils its
// own run and no other.
//
// What is in `late` is read by nobody until it is asked for: see 87-late.js.
// In this file: globals that are made when they are first looked at, and what WebIDL does to arguments.

// `use.Name` is the part called Name, whatever the script has put in the place of the global.
const use = Object.create(null);
const NO_BYTES = new Uint8Array(0);

function define(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

// Gives `target` properties that `part` makes when they are first looked at.
function lazily(target, names, part) {
  for (const name of names) {
    const settle = (value) => {
      Object.defineProperty(target, name, {
        value,
        writable: true,
        configurable: true,
        enumerable: target !== globalThis,
      });
      return value;
    };
    Object.defineProperty(target, name, {
      get: () => settle(part(name)),
      set: settle,
      configurable: true,
      enumerable: target !== globalThis,
    });
  }
}

// Parts that one call of `make` returns in an object: globals called `names`, and others for the prelude alone.
function provideTogether(names, make, inner = []) {
  let parts;
  const part = (name) => (parts ??= make())[name];
  lazily(use, [...names, ...inner], part);
  lazily(globalThis, names, part);
}

function provide(name, make) {
  provideTogether([name], () => ({ [name]: make() }));
}

function tag(constructor, name = constructor.name) {
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, { value: name, configurable: true });
  return constructor;
}

// Methods of a WebIDL interface are enumerable; classes of the language hide theirs.
function enumerable(constructor, ...names) {
  for (const name of names) Object.defineProperty(constructor.prototype, name, { enumerable: true });
  return constructor;
}

function usv(value) {
  return String(value).toWellFormed();
}

function needs(given, count, what) {
  if (given < count)
    throw new TypeError(`${what}: ${count} argument${count > 1 ? 's' : ''} required, but only ${given} present`);
}

function isBuffer(value) {
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}

// A view of the same bytes, or null where `source` is no BufferSource.
function viewOf(source) {
  if (source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return isBuffer(source) ? new Uint8Array(source) : null;
}

// A copy, so that what the script writes later changes nothing.
function copyOf(source, what) {
  const view = viewOf(source);
  if (view === null) throw new TypeError(`${what} is neither an ArrayBuffer nor a view of one`);
  return view.slice();
}

function joined(chunks) {
  if (chunks.length === 1) return chunks[0];
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

// What `new WithoutKey()` throws, for interfaces that only the prelude makes.
function illegalUnless(key, given) {
  if (key !== given) throw new TypeError('Illegal constructor');
}
const KEY = Symbol('the prelude');

// A frame of a stack would give its function away, `host`'s among them; Node's gives none that is strict.
Error.prepareStackTrace = (error, [frame]) => Object.getPrototypeOf(frame);
new Error().stack.getFunction = function getFunction() {};
Error.prepareStackTrace = undefined;

// An iterator over pairs as WebIDL has it: one prototype an interface, keys, values and entries.
function pairIterators(constructor, name, pairsOf) {
  const prototype = Object.create(Iterator.prototype, {
    [Symbol.toStringTag]: { value: `${name} Iterator`, configurable: true },
  });
  const states = new WeakMap();
  Object.defineProperty(prototype, 'next', {
    value: function next() {
      const state = states.get(this);
      if (state === undefined) throw new TypeError('Illegal invocation');
      const pairs = pairsOf(state.of);
      if (state.at >= pairs.length) return { value: undefined, done: true };
      const [key, value] = pairs[state.at++];
      return { value: state.kind === 0 ? key : state.kind === 1 ? value : [key, value], done: false };
    },
    writable: true,
    enumerable: true,
    configurable: true,
  });
  const method = (kind) =>
    [
      function keys() {
        return iterate(this, 0);
      },
      function values() {
        return iterate(this, 1);
      },
      function entries() {
        return iterate(this, 2);
      },
    ][kind];
  const iterate = (of, kind) => {
    pairsOf(of);
    const iterator = Object.create(prototype);
    states.set(iterator, { of, kind, at: 0 });
    return iterator;
  };
  const add = (key, value, shown) =>
    Object.defineProperty(constructor.prototype, key, { value, writable: true, configurable: true, enumerable: shown });
  add('keys', method(0), true);
  add('values', method(1), true);
  add('entries', method(2), true);
  add(Symbol.iterator, constructor.prototype.entries, false);
  add(
    'forEach',
    function forEach(callback, thisArgument) {
      if (typeof callback !== 'function') throw new TypeError('forEach calls a function');
      for (const [key, value] of iterate(this, 2)) callback.call(thisArgument, value, key, this);
    },
    true,
  );
}
