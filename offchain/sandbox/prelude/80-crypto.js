// crypto of the Web Cryptography API, apart from `subtle`. Random bytes follow from the run's seed.

provideTogether(['Crypto', 'crypto'], () => {
  const INTEGERS = [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    BigInt64Array,
    BigUint64Array,
  ];

  class Crypto {
    constructor(key) {
      illegalUnless(KEY, key);
    }

    get subtle() {
      return use.subtle;
    }

    getRandomValues(array) {
      needs(arguments.length, 1, 'getRandomValues');
      if (!INTEGERS.some((type) => array instanceof type)) {
        throw new DOMException('The data argument must be an integer-type TypedArray', 'TypeMismatchError');
      }
      if (array.byteLength > 65536) {
        throw new DOMException(`The requested length exceeds 65,536 bytes`, 'QuotaExceededError');
      }
      if (array.byteLength > 0) viewOf(array).set(randomBytes(array.byteLength));
      return array;
    }

    randomUUID() {
      const bytes = randomBytes(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    }
  }
  tag(enumerable(Crypto, 'subtle', 'getRandomValues', 'randomUUID'));
  return { Crypto, crypto: new Crypto(KEY) };
});
