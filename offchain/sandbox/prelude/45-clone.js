// structuredClone of the HTML Standard.

define('structuredClone', function structuredClone(value, options = undefined) {
  needs(arguments.length, 1, 'structuredClone');
  const transfer = [...(options?.transfer ?? [])];
  const copies = new Map();
  const refuse = (what) => {
    throw new DOMException(`${what} could not be cloned.`, 'DataCloneError');
  };
  const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
  for (const item of transfer) {
    if (!(item instanceof ArrayBuffer)) refuse('A value that is no ArrayBuffer was to be transferred, which');
    if (item.detached) refuse('A detached ArrayBuffer');
  }

  function clone(source) {
    if (typeof source === 'symbol') refuse(String(source));
    if (typeof source === 'function') refuse(Function.prototype.toString.call(source).slice(0, 80));
    if (source === null || typeof source !== 'object') return source;
    if (copies.has(source)) return copies.get(source);
    const keep = (copy) => {
      copies.set(source, copy);
      return copy;
    };
    const brand = Object.prototype.toString.call(source);
    if (source instanceof Boolean || source instanceof Number || source instanceof String || source instanceof BigInt)
      return keep(Object(source.valueOf()));
    if (source instanceof Date) return keep(new Date(Date.prototype.getTime.call(source)));
    if (source instanceof RegExp) return keep(new RegExp(source.source, source.flags));
    if (source instanceof SharedArrayBuffer) return refuse('A SharedArrayBuffer');
    if (source instanceof ArrayBuffer) {
      if (source.detached) refuse('A detached ArrayBuffer');
      if (source.resizable) {
        const copy = new ArrayBuffer(source.byteLength, { maxByteLength: source.maxByteLength });
        new Uint8Array(copy).set(new Uint8Array(source));
        return keep(copy);
      }
      return keep(source.slice(0));
    }
    if (ArrayBuffer.isView(source)) {
      const { buffer, byteOffset } = source;
      return keep(
        new views[brand.slice(8, -1)](
          clone(buffer),
          byteOffset,
          source instanceof DataView ? source.byteLength : source.length,
        ),
      );
    }
    if (source instanceof Map) {
      const copy = keep(new Map());
      for (const [key, part] of [...source]) copy.set(clone(key), clone(part));
      return copy;
    }
    if (source instanceof Set) {
      const copy = keep(new Set());
      for (const part of [...source]) copy.add(clone(part));
      return copy;
    }
    if (source instanceof DOMException) return keep(new DOMException(source.message, source.name));
    if (Error.isError(source)) {
      const name = String(source.name);
      const make = Object.hasOwn(ERRORS, name) ? ERRORS[name] : Error;
      const error = keep(new make());
      const message = Object.getOwnPropertyDescriptor(source, 'message');
      const hide = (key, part) =>
        Object.defineProperty(error, key, { value: part, writable: true, configurable: true, enumerable: false });
      if (message && 'value' in message) hide('message', String(message.value));
      else delete error.message;
      if (typeof source.stack === 'string') hide('stack', source.stack);
      if (Object.hasOwn(source, 'cause')) hide('cause', clone(source.cause));
      return error;
    }
    for (const name of ['Blob', 'File']) {
      if (brand === `[object ${name}]` && source instanceof use[name]) return keep(source); // they never change
    }
    if (
      source instanceof Promise ||
      source instanceof WeakMap ||
      source instanceof WeakSet ||
      source instanceof WeakRef
    )
      refuse(`#<${brand.slice(8, -1)}>`);
    if (
      !Array.isArray(source) &&
      brand !== '[object Object]' &&
      brand !== '[object Arguments]' &&
      OWN.includes(brand.slice(8, -1))
    )
      refuse(`#<${brand.slice(8, -1)}>`);
    const copy = keep(Array.isArray(source) ? new Array(source.length) : {});
    for (const key of Object.keys(source)) {
      if (!Object.hasOwn(source, key)) continue;
      Object.defineProperty(copy, key, {
        value: clone(source[key]),
        writable: true,
        configurable: true,
        enumerable: true,
      });
    }
    return copy;
  }

  const OWN = [
    'Headers',
    'Request',
    'Response',
    'URL',
    'URLSearchParams',
    'FormData',
    'ReadableStream',
    'WritableStream',
    'TransformStream',
    'AbortSignal',
    'AbortController',
    'Event',
    'EventTarget',
    'CryptoKey',
    'Generator',
    'AsyncGenerator',
  ];
  const views = {
    DataView,
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    BigInt64Array,
    BigUint64Array,
    Float16Array,
    Float32Array,
    Float64Array,
  };

  for (const buffer of transfer) copies.set(buffer, buffer.slice(0)); // it is emptied once nothing can fail any more
  const result = clone(value);
  for (const buffer of transfer) buffer.transfer();
  return result;
});
