// What a script finds beside the language itself, and the doors through which the host reaches in.
//
// Evaluated once into the snapshot that every run starts from. Its value is an object of functions that only the host
// holds: scripts can't see it. A script may patch any built-in used here; it spoils its own run and no other.
//
// There is no network, no timer and no entropy. `Date` shows the block's time, which stands still during a run.
(function () {
  'use strict';

  const REPLACEMENT = 0xfffd;

  function define(name, value) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }

  // --- UTF-8 -------------------------------------------------------------------------------------------------------

  // Writes `text` into `target` from `at` on, as far as whole characters fit. Lone surrogates become U+FFFD.
  function writeUtf8(text, target, at) {
    const end = target.length;
    let read = 0;
    while (read < text.length) {
      let point = text.codePointAt(read);
      if (point >= 0xd800 && point <= 0xdfff) point = REPLACEMENT;
      const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      if (at + size > end) break;
      if (size === 1) target[at] = point;
      else {
        for (let i = size - 1; i > 0; i--, point >>= 6) target[at + i] = 0x80 | (point & 0x3f);
        target[at] = ((0xf00 >> size) & 0xff) | point;
      }
      at += size;
      read += size === 4 ? 2 : 1;
    }
    return { read, at };
  }

  class TextEncoder {
    get encoding() {
      return 'utf-8';
    }

    encode(text = '') {
      text = String(text);
      const bytes = new Uint8Array(text.length * 3);
      return bytes.slice(0, writeUtf8(text, bytes, 0).at);
    }

    encodeInto(text, target) {
      if (!(target instanceof Uint8Array)) throw new TypeError('encodeInto writes into a Uint8Array');
      const { read, at } = writeUtf8(String(text), target, 0);
      return { read, written: at };
    }
  }

  function bytesOf(source) {
    if (source === undefined) return new Uint8Array(0);
    if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    if (source instanceof ArrayBuffer) return new Uint8Array(source);
    throw new TypeError('TextDecoder decodes an ArrayBuffer or a view of one');
  }

  // The Encoding Standard's UTF-8 decoder; names are the standard's.
  class TextDecoder {
    #fatal;
    #ignoreBOM;
    #bomSeen = false;
    #streaming = false;
    #point = 0;
    #needed = 0;
    #lower = 0x80;
    #upper = 0xbf;

    constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
      const name = String(label).trim().toLowerCase();
      if (!['utf-8', 'utf8', 'unicode-1-1-utf-8'].includes(name)) {
        throw new RangeError(`TextDecoder knows utf-8 only, not ${name}`);
      }
      this.#fatal = Boolean(fatal);
      this.#ignoreBOM = Boolean(ignoreBOM);
    }

    get encoding() {
      return 'utf-8';
    }

    get fatal() {
      return this.#fatal;
    }

    get ignoreBOM() {
      return this.#ignoreBOM;
    }

    decode(source, { stream = false } = {}) {
      const bytes = bytesOf(source);
      if (!this.#streaming) {
        this.#bomSeen = false;
        this.#restart();
      }
      this.#streaming = Boolean(stream);
      let text = '';
      let units = [];
      const emit = (point) => {
        const first = !this.#bomSeen;
        this.#bomSeen = true;
        if (first && point === 0xfeff && !this.#ignoreBOM) return;
        if (point > 0xffff) units.push(0xd7c0 + (point >> 10), 0xdc00 | (point & 0x3ff));
        else units.push(point);
        if (units.length >= 1024) {
          text += String.fromCharCode(...units);
          units = [];
        }
      };
      for (let i = 0; i < bytes.length; ) {
        const point = this.#take(bytes[i]);
        if (point === -2) this.#malformed(emit); // the byte is looked at again, as the start of a character
        else {
          i++;
          if (point === -3) this.#malformed(emit);
          else if (point >= 0) emit(point);
        }
      }
      if (!stream && this.#needed > 0) {
        this.#restart();
        this.#malformed(emit);
      }
      return text + String.fromCharCode(...units);
    }

    // A code point, -1 for "more bytes needed", -2 for "an earlier character was cut short", -3 for "no start byte".
    #take(byte) {
      if (this.#needed === 0) {
        if (byte < 0x80) return byte;
        if (byte < 0xc2 || byte > 0xf4) return -3;
        if (byte === 0xe0) this.#lower = 0xa0;
        if (byte === 0xed) this.#upper = 0x9f;
        if (byte === 0xf0) this.#lower = 0x90;
        if (byte === 0xf4) this.#upper = 0x8f;
        this.#needed = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        this.#point = byte & (0x3f >> this.#needed);
        return -1;
      }
      if (byte < this.#lower || byte > this.#upper) {
        this.#restart();
        return -2;
      }
      this.#lower = 0x80;
      this.#upper = 0xbf;
      this.#point = (this.#point << 6) | (byte & 0x3f);
      return --this.#needed === 0 ? this.#point : -1;
    }

    #restart() {
      this.#point = this.#needed = 0;
      this.#lower = 0x80;
      this.#upper = 0xbf;
    }

    #malformed(emit) {
      if (this.#fatal) {
        this.#streaming = false;
        throw new TypeError('The encoded data was not valid utf-8');
      }
      emit(REPLACEMENT);
    }
  }

  define('TextEncoder', TextEncoder);
  define('TextDecoder', TextDecoder);

  // --- Logs: records of a u32 length and UTF-8 bytes, in a buffer that the host reads even after a trap --------------

  const HEADER = 8; // u32 bytes used, u32 "something was cut off"
  let header;
  let bytes;

  function log(text) {
    const start = HEADER + header.getUint32(0, true);
    if (start + 4 > bytes.length) return header.setUint32(4, 1, true);
    const { read, at } = writeUtf8(text, bytes, start + 4);
    if (read < text.length) header.setUint32(4, 1, true);
    header.setUint32(start, at - start - 4, true);
    header.setUint32(0, at - HEADER, true);
  }

  function show(value) {
    if (typeof value === 'string') return value;
    if (value instanceof Error) return `${value}\n${value.stack}`.trimEnd();
    try {
      return JSON.stringify(value) ?? String(value);
    } catch {
      return String(value);
    }
  }

  const console = {};
  for (const level of ['debug', 'log', 'info', 'warn', 'error']) {
    console[level] = function (...values) {
      log(values.map(show).join(' '));
    };
  }
  define('console', console);

  // --- Math.random: sfc32, seeded for each run; the engine's own would repeat the snapshot's ------------------------

  let a, b, c, counter;

  function next32() {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  Math.random = function random() {
    return ((next32() >>> 5) * 0x4000000 + (next32() >>> 6)) / 0x20000000000000;
  };

  // Its origin would be the snapshot's time, and no clock moves during a run.
  delete globalThis.performance;

  // --- The host's doors ----------------------------------------------------------------------------------------------

  // Opens a run; returns the log buffer.
  function start(input, logBytes, ...seed) {
    [a, b, c, counter] = seed;
    const buffer = new ArrayBuffer(HEADER + logBytes);
    header = new DataView(buffer);
    bytes = new Uint8Array(buffer);
    globalThis.scriptArgs = [input];
    return buffer;
  }

  // One line for what was thrown, and where. The whole stack goes to the log.
  function describe(thrown) {
    try {
      if (!(thrown instanceof Error)) return `thrown: ${show(thrown)}`.slice(0, 1000);
      const line = String(thrown).slice(0, 800);
      const stack = String(thrown.stack).trimEnd();
      log(`${line}\n${stack}`.trimEnd());
      return `${line} ${stack.split('\n', 1)[0].trim().slice(0, 200)}`.trimEnd();
    } catch {
      return 'thrown: a value that throws when it is shown';
    }
  }

  function typeName(value) {
    if (value === null) return 'null';
    if (value instanceof Promise) return 'a Promise';
    return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
  }

  return { start, describe, typeName };
})();
