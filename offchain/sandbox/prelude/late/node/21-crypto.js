// Node's crypto, as far as it is hashes, secret keys and random bytes.

function makeNodeCrypto() {
  const NAMES = { sha1: 'SHA-1', sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512', blake2b512: 'blake2b-512' };
  const named = (algorithm) => {
    const name = NAMES[String(algorithm).toLowerCase().replace('-', '')];
    if (name === undefined) throw new Error(`Digest method not supported: ${algorithm}`);
    return name;
  };
  const bytesOf = (data, encoding) =>
    typeof data === 'string' ? use.Buffer.from(data, encoding) : copyOf(data, 'data');
  const shown = (bytes, encoding) => {
    const buffer = use.Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return encoding === undefined || encoding === 'buffer' ? buffer : buffer.toString(encoding);
  };
  class Hash {
    #chunks = [NO_BYTES];
    #finish;
    constructor(finish) {
      this.#finish = finish;
    }
    update(data, encoding) {
      this.#chunks.push(bytesOf(data, encoding));
      return this;
    }
    digest(encoding) {
      return shown(this.#finish(joined(this.#chunks)), encoding);
    }
  }
  const createHash = (algorithm) => {
    const name = named(algorithm);
    return new Hash((bytes) => host.call('digest', name, bytes));
  };
  const createHmac = (algorithm, key) => {
    const name = named(algorithm);
    const secret = bytesOf(key?.type === 'secret' ? key.export() : key);
    return new Hash((bytes) => host.call('hmac', name, secret, bytes));
  };
  class KeyObject {
    #bytes;
    type = 'secret';
    constructor(bytes) {
      this.#bytes = bytes;
    }
    export() {
      return shown(this.#bytes);
    }
  }
  const createSecretKey = (key, encoding) => new KeyObject(bytesOf(key, encoding));
  const asymmetric = () => {
    throw new Error('crypto has secret keys alone here: import others with crypto.subtle.importKey');
  };
  const { crypto } = use;
  return {
    ...{ KeyObject, createSecretKey, createPublicKey: asymmetric, createPrivateKey: asymmetric },
    ...{ webcrypto: crypto, subtle: crypto.subtle, createHash, createHmac },
    getRandomValues: (array) => crypto.getRandomValues(array),
    randomBytes: (size) => shown(crypto.getRandomValues(new Uint8Array(size))),
    randomFillSync: (array) => crypto.getRandomValues(array),
    randomUUID: () => crypto.randomUUID(),
    randomInt: (low, high) =>
      (high === undefined ? [low, 0] : [high - low, low]).reduce(
        (span, from) => from + Math.floor(Math.random() * span),
      ),
    timingSafeEqual: (one, other) => use.Buffer.compare(one, other) === 0,
    getHashes: () => Object.keys(NAMES),
  };
}
