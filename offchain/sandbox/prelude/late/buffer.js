// Buffer, as Node and the guests of Phala's gateway have it: a Uint8Array that knows encodings and numbers.

const { use, binaryOf, isBuffer, joined, NO_BYTES, textOf, utf8, writeUtf8 } = shared;

const ENCODINGS = {
  utf8: 'utf8',
  'utf-8': 'utf8',
  hex: 'hex',
  base64: 'base64',
  base64url: 'base64url',
  latin1: 'latin1',
  binary: 'latin1',
  ascii: 'ascii',
  ucs2: 'utf16le',
  'ucs-2': 'utf16le',
  utf16le: 'utf16le',
  'utf-16le': 'utf16le',
};

function encodingOf(name) {
  const found = ENCODINGS[String(name ?? 'utf8').toLowerCase()];
  if (found === undefined) throw new TypeError(`Unknown encoding: ${name}`);
  return found;
}

function encoded(text, name) {
  switch (encodingOf(name)) {
    case 'hex': {
      const digits = /^(?:[0-9a-f]{2})*/i.exec(text)[0]; // as far as it is hex
      return Uint8Array.fromHex(digits);
    }
    case 'base64':
    case 'base64url': {
      const plain = text
        .replace(/=[^]*$/, '')
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .replace(/[^A-Za-z0-9+/]/g, '');
      return Uint8Array.fromBase64(plain.length % 4 === 1 ? plain.slice(0, -1) : plain);
    }
    case 'latin1':
    case 'ascii':
      return Uint8Array.from(text, (character) => character.charCodeAt(0));
    case 'utf16le': {
      const bytes = new Uint8Array(text.length * 2);
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        bytes[2 * i] = unit;
        bytes[2 * i + 1] = unit >> 8;
      }
      return bytes;
    }
    default:
      return utf8(text.toWellFormed());
  }
}

function decoded(bytes, name) {
  switch (encodingOf(name)) {
    case 'hex':
      return bytes.toHex();
    case 'base64':
      return bytes.toBase64();
    case 'base64url':
      return bytes.toBase64({ alphabet: 'base64url', omitPadding: true });
    case 'latin1':
      return binaryOf(bytes);
    case 'ascii':
      return binaryOf(bytes.map((byte) => byte & 0x7f));
    case 'utf16le': {
      let text = '';
      for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode(bytes[i] | (bytes[i + 1] << 8));
      return text;
    }
    default:
      return bytes[0] === 0xef ? `${new use.TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)}` : textOf(bytes);
  }
}

const over = (bytes) => new Bytes(bytes.buffer, bytes.byteOffset, bytes.length);
// What `fill`, `indexOf` and their like search or repeat, as bytes.
const wanted = (value, encoding) =>
  typeof value === 'string' ? encoded(value, encoding) : typeof value === 'number' ? Uint8Array.of(value) : value;

class Bytes extends Uint8Array {
  static poolSize = 8192;

  static from(value, encodingOrOffset, length) {
    if (typeof value === 'string') return over(encoded(value, encodingOrOffset));
    if (isBuffer(value)) return new Bytes(value, encodingOrOffset, length);
    if (value === null || typeof value !== 'object')
      throw new TypeError('The first argument must be a string, a Buffer, an ArrayBuffer, an Array or array-like');
    if (value.type === 'Buffer' && Array.isArray(value.data)) return over(Uint8Array.from(value.data));
    const primitive = value.valueOf?.();
    if (primitive !== value && primitive !== undefined && primitive !== null)
      return Bytes.from(primitive, encodingOrOffset, length);
    return over(Uint8Array.from(value));
  }

  static of(...items) {
    return over(Uint8Array.of(...items));
  }

  static alloc(size, fill, encoding) {
    if (typeof size !== 'number') throw new TypeError('The "size" argument must be of type number');
    const made = new Bytes(size);
    return fill === undefined || fill === 0 ? made : made.fill(fill, encoding);
  }

  static allocUnsafe(size) {
    return Bytes.alloc(size);
  }

  static allocUnsafeSlow(size) {
    return Bytes.alloc(size);
  }

  static isBuffer(value) {
    return value instanceof Bytes;
  }

  static isEncoding(name) {
    return typeof name === 'string' && ENCODINGS[name.toLowerCase()] !== undefined;
  }

  static byteLength(value, encoding) {
    if (typeof value !== 'string') return value.byteLength;
    return encodingOf(encoding) === 'hex' ? value.length >>> 1 : encoded(value, encoding).length;
  }

  static concat(list, total) {
    const whole = over(joined([NO_BYTES, ...list]));
    if (total === undefined || total === whole.length) return whole;
    const made = Bytes.alloc(total);
    made.set(whole.subarray(0, total));
    return made;
  }

  static compare(one, other) {
    const shorter = Math.min(one.length, other.length);
    for (let i = 0; i < shorter; i++) if (one[i] !== other[i]) return one[i] < other[i] ? -1 : 1;
    return Math.sign(one.length - other.length);
  }

  get parent() {
    return this.buffer;
  }

  get offset() {
    return this.byteOffset;
  }

  toString(encoding, start = 0, end = this.length) {
    return decoded(this.subarray(Math.max(0, start), Math.max(0, end)), encoding);
  }

  toLocaleString(encoding, start, end) {
    return this.toString(encoding, start, end);
  }

  toJSON() {
    return { type: 'Buffer', data: Array.from(this) };
  }

  // Unlike an Array's, a slice of the same bytes.
  slice(start, end) {
    return this.subarray(start, end);
  }

  equals(other) {
    return Bytes.compare(this, other) === 0;
  }

  compare(other, targetStart = 0, targetEnd = other.length, start = 0, end = this.length) {
    return Bytes.compare(this.subarray(start, end), other.subarray(targetStart, targetEnd));
  }

  copy(target, targetStart = 0, start = 0, end = this.length) {
    const part = Uint8Array.prototype.subarray.call(this, start, Math.min(end, start + target.length - targetStart));
    target.set(part, targetStart);
    return part.length;
  }

  write(text, offset = 0, length = undefined, encoding = undefined) {
    if (typeof offset === 'string') [offset, length, encoding] = [0, undefined, offset];
    else if (typeof length === 'string') [length, encoding] = [undefined, length];
    const room = Math.min(length ?? Infinity, this.length - offset);
    const place = Uint8Array.prototype.subarray.call(this, offset, offset + room);
    if (encodingOf(encoding) === 'utf8') return writeUtf8(text, place, 0).at; // no character in part
    const bytes = encoded(text, encoding).subarray(0, room);
    place.set(bytes);
    return bytes.length;
  }

  fill(value, offset = 0, end = this.length, encoding = undefined) {
    if (typeof offset === 'string') [offset, end, encoding] = [0, this.length, offset];
    else if (typeof end === 'string') [end, encoding] = [this.length, end];
    const pattern = wanted(value, encoding);
    if (pattern.length === 1) return super.fill(pattern[0], offset, end);
    if (pattern.length === 0) return super.fill(0, offset, end);
    for (let i = offset; i < end; i++) this[i] = pattern[(i - offset) % pattern.length];
    return this;
  }

  indexOf(value, from = 0, encoding = undefined) {
    if (typeof from === 'string') [from, encoding] = [0, from];
    if (typeof value === 'number') return super.indexOf(value & 0xff, from);
    const pattern = wanted(value, encoding);
    if (from < 0) from = Math.max(0, this.length + from);
    for (let i = from; i + pattern.length <= this.length; i++) {
      let at = 0;
      while (at < pattern.length && this[i + at] === pattern[at]) at++;
      if (at === pattern.length) return i;
    }
    return -1;
  }

  lastIndexOf(value, from = this.length, encoding = undefined) {
    if (typeof from === 'string') [from, encoding] = [this.length, from];
    const pattern = wanted(value, encoding);
    for (let i = Math.min(from, this.length - pattern.length); i >= 0; i--) {
      let at = 0;
      while (at < pattern.length && this[i + at] === pattern[at]) at++;
      if (at === pattern.length) return i;
    }
    return -1;
  }

  includes(value, from, encoding) {
    return this.indexOf(value, from, encoding) !== -1;
  }

  readUIntBE(offset, size) {
    return this.#bytes(offset, size).reduce((number, byte) => number * 256 + byte, 0);
  }

  readUIntLE(offset, size) {
    return this.#bytes(offset, size).reduceRight((number, byte) => number * 256 + byte, 0);
  }

  readIntBE(offset, size) {
    return signed(this.readUIntBE(offset, size), size);
  }

  readIntLE(offset, size) {
    return signed(this.readUIntLE(offset, size), size);
  }

  writeUIntBE(value, offset, size) {
    const place = this.#bytes(offset, size);
    for (let i = size - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) place[i] = rest;
    return offset + size;
  }

  writeUIntLE(value, offset, size) {
    const place = this.#bytes(offset, size);
    for (let i = 0, rest = value; i < size; i++, rest = Math.floor(rest / 256)) place[i] = rest;
    return offset + size;
  }

  writeIntBE(value, offset, size) {
    return this.writeUIntBE(value < 0 ? value + 256 ** size : value, offset, size);
  }

  writeIntLE(value, offset, size) {
    return this.writeUIntLE(value < 0 ? value + 256 ** size : value, offset, size);
  }

  #bytes(offset, size) {
    if (!Number.isInteger(offset) || offset < 0 || offset + size > this.length)
      throw new RangeError(`The value of "offset" is out of range. It must be >= 0 and <= ${this.length - size}`);
    return Uint8Array.prototype.subarray.call(this, offset, offset + size);
  }
}

const signed = (number, size) => (number >= 256 ** size / 2 ? number - 256 ** size : number);

// readUInt8 to writeBigInt64LE: what a DataView has, under Node's names.
for (const kind of [
  'Uint8',
  'Int8',
  'Uint16',
  'Int16',
  'Uint32',
  'Int32',
  'Float32',
  'Float64',
  'BigInt64',
  'BigUint64',
]) {
  const size = Number(/\d+$/.exec(kind)[0]) / 8;
  const named = { Float32: 'Float', Float64: 'Double', BigUint64: 'BigUInt64' }[kind] ?? kind.replace('Uint', 'UInt');
  for (const end of size === 1 ? [''] : ['LE', 'BE']) {
    const view = (bytes, offset) => {
      if (!Number.isInteger(offset) || offset < 0 || offset + size > bytes.length)
        throw new RangeError(`The value of "offset" is out of range. It must be >= 0 and <= ${bytes.length - size}`);
      return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    };
    const [get, set] = [DataView.prototype[`get${kind}`], DataView.prototype[`set${kind}`]];
    const read = function (offset = 0) {
      return get.call(view(this, offset), offset, end === 'LE');
    };
    const write = function (value, offset = 0) {
      set.call(view(this, offset), offset, value, end === 'LE');
      return offset + size;
    };
    for (const name of new Set([named, named.replace('UInt', 'Uint')])) {
      for (const [verb, value] of [
        ['read', read],
        ['write', write],
      ])
        Object.defineProperty(Bytes.prototype, `${verb}${name}${end}`, { value, writable: true, configurable: true });
    }
  }
}
for (const size of [2, 4, 8]) {
  Object.defineProperty(Bytes.prototype, `swap${size * 8}`, {
    value() {
      if (this.length % size !== 0) throw new RangeError(`Buffer size must be a multiple of ${size * 8}-bits`);
      for (let i = 0; i < this.length; i += size) Uint8Array.prototype.subarray.call(this, i, i + size).reverse();
      return this;
    },
    writable: true,
    configurable: true,
  });
}

// Good with and without `new`: old packages count on it.
function Buffer(value, encodingOrOffset, length) {
  return typeof value === 'number' ? Bytes.alloc(value) : Bytes.from(value, encodingOrOffset, length);
}
for (const name of Object.getOwnPropertyNames(Bytes)) {
  if (!['name', 'length', 'prototype'].includes(name))
    Object.defineProperty(Buffer, name, Object.getOwnPropertyDescriptor(Bytes, name));
}
Object.setPrototypeOf(Buffer, Uint8Array);
Buffer.prototype = Bytes.prototype;
Object.defineProperty(Buffer.prototype, 'constructor', { value: Buffer, writable: true, configurable: true });
return Buffer;
