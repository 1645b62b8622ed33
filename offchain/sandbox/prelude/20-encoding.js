// TextEncoder and TextDecoder of the Encoding Standard; names are the standard's.
//
// Short strings go through the engine's own URI, base64 and escape functions, which are compiled code; a loop in
// JavaScript costs ten times as much. Long ones are worth a call of the host. The decoder's loop is for streams and for
// bytes that are not UTF-8.

const REPLACEMENT = 0xfffd;
const LONG = 1000;

// A string of one character for each byte, and back.
function binaryOf(bytes) {
  return atob(bytes.toBase64());
}
function bytesOfBinary(binary) {
  return Uint8Array.fromBase64(btoa(binary));
}

function utf8(text) {
  if (text === '') return new Uint8Array(0);
  if (text.length > LONG) return host.call('encode', text);
  return bytesOfBinary(unescape(encodeURIComponent(text.toWellFormed())));
}

// The text of bytes that are UTF-8, or null.
function wellFormedText(bytes) {
  try {
    return bytes.length > LONG ? host.call('decode', bytes) : decodeURIComponent(escape(binaryOf(bytes)));
  } catch {
    return null;
  }
}

// As `decode` of the Encoding Standard: a byte order mark is dropped, what is wrong becomes U+FFFD.
function textOf(bytes) {
  return new use.TextDecoder().decode(bytes);
}

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

provide('TextEncoder', () => {
  class TextEncoder {
    get encoding() {
      return 'utf-8';
    }

    encode(text = '') {
      return utf8(String(text));
    }

    encodeInto(text, target) {
      needs(arguments.length, 2, 'encodeInto');
      if (!(target instanceof Uint8Array)) throw new TypeError('encodeInto writes into a Uint8Array');
      const { read, at } = writeUtf8(String(text), target, 0);
      return { read, written: at };
    }
  }
  return tag(enumerable(TextEncoder, 'encoding', 'encode', 'encodeInto'));
});

provide('TextDecoder', () => {
  const LABELS = {
    'utf-8': ['utf-8', 'utf8', 'unicode-1-1-utf-8', 'unicode11utf8', 'unicode20utf8', 'x-unicode20utf8'],
    'utf-16le': ['utf-16le', 'utf-16', 'unicode', 'ucs-2', 'csunicode', 'iso-10646-ucs-2', 'unicodefeff'],
    'utf-16be': ['utf-16be', 'unicodefffe'],
    'windows-1252': [
      ...[
        'windows-1252',
        'latin1',
        'iso-8859-1',
        'iso8859-1',
        'iso88591',
        'ascii',
        'us-ascii',
        'l1',
        'cp1252',
        'x-cp1252',
      ],
      ...['cp819', 'ibm819', 'iso-ir-100', 'iso_8859-1', 'iso_8859-1:1987', 'csisolatin1', 'ansi_x3.4-1968'],
    ],
  };
  // 0x80 to 0x9f of windows-1252; the rest of it is Latin-1.
  const HIGH = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

  function encodingOf(label) {
    const name = label.replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, '').toLowerCase();
    for (const encoding in LABELS) if (LABELS[encoding].includes(name)) return encoding;
    throw new RangeError(
      `The encoding label provided ('${label}') is invalid: utf-8, utf-16le, utf-16be and latin1 are known`,
    );
  }

  class Utf8 {
    point = 0;
    needed = 0;
    lower = 0x80;
    upper = 0xbf;

    idle() {
      return this.needed === 0;
    }

    // Hands code points to `emit`, -1 for each place that is malformed.
    take(bytes, last, emit) {
      for (let i = 0; i < bytes.length; i++) {
        const byte = bytes[i];
        if (this.needed === 0) {
          if (byte < 0x80) emit(byte);
          else if (byte < 0xc2 || byte > 0xf4) emit(-1);
          else {
            if (byte === 0xe0) this.lower = 0xa0;
            if (byte === 0xed) this.upper = 0x9f;
            if (byte === 0xf0) this.lower = 0x90;
            if (byte === 0xf4) this.upper = 0x8f;
            this.needed = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
            this.point = byte & (0x3f >> this.needed);
          }
        } else if (byte < this.lower || byte > this.upper) {
          this.reset();
          emit(-1);
          i--; // the byte is looked at again, as the start of a character
        } else {
          this.lower = 0x80;
          this.upper = 0xbf;
          this.point = (this.point << 6) | (byte & 0x3f);
          if (--this.needed === 0) emit(this.point);
        }
      }
      if (last && this.needed > 0) {
        this.reset();
        emit(-1);
      }
    }

    reset() {
      this.point = this.needed = 0;
      this.lower = 0x80;
      this.upper = 0xbf;
    }
  }

  class Utf16 {
    byte = -1;
    lead = 0;

    constructor(bigEndian) {
      this.bigEndian = bigEndian;
    }

    take(bytes, last, emit) {
      for (const byte of bytes) {
        if (this.byte < 0) {
          this.byte = byte;
          continue;
        }
        const unit = this.bigEndian ? (this.byte << 8) | byte : (byte << 8) | this.byte;
        this.byte = -1;
        const kind = unit & 0xfc00;
        if (this.lead !== 0) {
          const lead = this.lead;
          this.lead = 0;
          if (kind === 0xdc00) {
            emit(0x10000 + ((lead - 0xd800) << 10) + (unit - 0xdc00));
            continue;
          }
          emit(-1);
        }
        if (kind === 0xd800) this.lead = unit;
        else emit(kind === 0xdc00 ? -1 : unit);
      }
      if (last && (this.byte >= 0 || this.lead !== 0)) {
        this.byte = -1;
        this.lead = 0;
        emit(-1);
      }
    }
  }

  class Windows1252 {
    take(bytes, last, emit) {
      for (const byte of bytes) emit(byte >= 0x80 && byte < 0xa0 ? HIGH.charCodeAt(byte - 0x80) : byte);
    }
  }

  class TextDecoder {
    #encoding;
    #fatal;
    #ignoreBOM;
    #decoder = null; // while a stream is under way
    #started = false;

    constructor(label = 'utf-8', options = {}) {
      this.#encoding = encodingOf(String(label));
      this.#fatal = Boolean(options?.fatal);
      this.#ignoreBOM = Boolean(options?.ignoreBOM);
    }

    get encoding() {
      return this.#encoding;
    }

    get fatal() {
      return this.#fatal;
    }

    get ignoreBOM() {
      return this.#ignoreBOM;
    }

    decode(source, options) {
      const bytes = source === undefined ? NO_BYTES : viewOf(source);
      if (bytes === null) throw new TypeError('TextDecoder decodes an ArrayBuffer or a view of one');
      const stream = Boolean(options?.stream);
      if (this.#encoding === 'utf-8' && this.#decoder === null && !stream) {
        const text = wellFormedText(bytes);
        if (text !== null) return !this.#ignoreBOM && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
      }
      if (this.#decoder === null) {
        this.#started = false;
        this.#decoder =
          this.#encoding === 'utf-8'
            ? new Utf8()
            : this.#encoding === 'windows-1252'
              ? new Windows1252()
              : new Utf16(this.#encoding === 'utf-16be');
      }
      const decoder = this.#decoder;
      if (!stream) this.#decoder = null;
      if (stream && this.#encoding === 'utf-8' && this.#started && decoder.idle()) {
        const text = wellFormedText(bytes);
        if (text !== null) return text;
      }
      return this.#loop(decoder, bytes, !stream);
    }

    #loop(decoder, bytes, last) {
      let text = '';
      let units = [];
      decoder.take(bytes, last, (point) => {
        if (point < 0) {
          if (this.#fatal) {
            this.#decoder = null;
            throw new TypeError(`The encoded data was not valid for encoding ${this.#encoding}`);
          }
          point = REPLACEMENT;
        }
        if (!this.#started) {
          this.#started = true;
          if (point === 0xfeff && !this.#ignoreBOM && this.#encoding !== 'windows-1252') return;
        }
        if (point > 0xffff) units.push(0xd7c0 + (point >> 10), 0xdc00 | (point & 0x3ff));
        else units.push(point);
        if (units.length >= 1024) {
          text += String.fromCharCode(...units);
          units = [];
        }
      });
      return text + String.fromCharCode(...units);
    }
  }
  return tag(enumerable(TextDecoder, 'encoding', 'fatal', 'ignoreBOM', 'decode'));
});
