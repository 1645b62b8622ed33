// Keys of the Web Cryptography API: their kinds, their formats, and what they may be used for.

const makeCryptoKeys = () => {
  const HASHES = { 'SHA-1': 64, 'SHA-256': 64, 'SHA-384': 128, 'SHA-512': 128 }; // and their block sizes
  const CURVES = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };
  const NAMES = [
    'AES-GCM',
    'AES-CBC',
    'AES-CTR',
    'HMAC',
    'ECDSA',
    'ECDH',
    'Ed25519',
    'X25519',
    'HKDF',
    ...Object.keys(HASHES),
  ];
  const USAGES = ['encrypt', 'decrypt', 'sign', 'verify', 'deriveKey', 'deriveBits', 'wrapKey', 'unwrapKey'];
  const ALLOWED = {
    'AES-GCM': { secret: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'] },
    'AES-CBC': { secret: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'] },
    'AES-CTR': { secret: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'] },
    HMAC: { secret: ['sign', 'verify'] },
    HKDF: { secret: ['deriveKey', 'deriveBits'] },
    ECDSA: { private: ['sign'], public: ['verify'] },
    Ed25519: { private: ['sign'], public: ['verify'] },
    ECDH: { private: ['deriveKey', 'deriveBits'], public: [] },
    X25519: { private: ['deriveKey', 'deriveBits'], public: [] },
  };

  function fail(name, message) {
    throw new DOMException(message, name);
  }

  // {name, ...parameters} with the name as the specification writes it.
  function normal(algorithm) {
    const given = typeof algorithm === 'object' && algorithm !== null ? algorithm : { name: algorithm };
    if (given.name === undefined) throw new TypeError('an algorithm has a name');
    const name = NAMES.find((each) => each.toLowerCase() === String(given.name).toLowerCase());
    if (name === undefined) fail('NotSupportedError', `Unrecognized algorithm name: ${given.name}`);
    return { ...given, name };
  }

  function hashOf(hash) {
    const { name } = normal(hash);
    if (!Object.hasOwn(HASHES, name)) fail('NotSupportedError', `${name} is no hash`);
    return name;
  }

  function curveOf({ namedCurve }) {
    if (!Object.hasOwn(CURVES, namedCurve)) fail('NotSupportedError', `Unrecognized namedCurve: ${namedCurve}`);
    return namedCurve;
  }

  // What the host calls the kind of an asymmetric key.
  function kindOf(algorithm) {
    return algorithm.name === 'ECDSA' || algorithm.name === 'ECDH' ? curveOf(algorithm) : algorithm.name;
  }

  function compute(name, ...values) {
    try {
      return host.call(name, ...values);
    } catch (error) {
      return fail('OperationError', error.message);
    }
  }

  function parsed(name, ...values) {
    try {
      return host.call(name, ...values);
    } catch (error) {
      return fail('DataError', error.message);
    }
  }

  const keyMaterial = new WeakMap();

  class CryptoKey {
    #type;
    #extractable;
    #algorithm;
    #usages;

    constructor(key, type, extractable, algorithm, usages, material) {
      illegalUnless(KEY, key);
      this.#type = type;
      this.#extractable = extractable;
      this.#algorithm = algorithm;
      this.#usages = USAGES.filter((usage) => usages.includes(usage));
      keyMaterial.set(this, material);
    }

    get type() {
      return this.#type;
    }
    get extractable() {
      return this.#extractable;
    }
    get algorithm() {
      return this.#algorithm;
    }
    get usages() {
      return this.#usages;
    }
  }

  function make(type, extractable, algorithm, usages, material) {
    for (const usage of usages) {
      if (!USAGES.includes(usage)) throw new TypeError(`'${usage}' is no key usage`);
      if (!ALLOWED[algorithm.name][type].includes(usage))
        fail('SyntaxError', `Unsupported key usage for a ${algorithm.name} key`);
    }
    if (type !== 'public' && usages.length === 0) fail('SyntaxError', 'Usages cannot be empty when creating a key.');
    const frozen = structuredClone(algorithm);
    return new CryptoKey(KEY, type, type === 'public' || extractable, frozen, usages, material);
  }

  // The bytes of a key that may be used for this.
  function using(key, algorithm, usage, type) {
    if (!(key instanceof CryptoKey)) throw new TypeError('the key is no CryptoKey');
    if (key.algorithm.name !== algorithm.name)
      fail('InvalidAccessError', 'The requested operation is not valid for the provided key');
    if (!key.usages.includes(usage))
      fail('InvalidAccessError', `The requested operation is not valid for the provided key: it is not for ${usage}`);
    if (type !== undefined && key.type !== type)
      fail('InvalidAccessError', `${algorithm.name} needs a ${type} key here`);
    return keyMaterial.get(key);
  }

  function aesKey(bytes) {
    if (![16, 24, 32].includes(bytes.length)) fail('DataError', 'an AES key has 128, 192 or 256 bits');
    return bytes;
  }

  function hmacAlgorithm(given, bytes) {
    const bits = given.length === undefined ? bytes.length * 8 : Number(given.length);
    if (bytes.length === 0) fail('DataError', 'Zero-length key is not supported');
    if (bits > bytes.length * 8 || bits <= bytes.length * 8 - 8) fail('DataError', 'Invalid key length');
    return { name: 'HMAC', hash: { name: hashOf(given.hash) }, length: bits };
  }

  const toBase64Url = (bytes) => bytes.toBase64({ alphabet: 'base64url', omitPadding: true });
  function fromBase64Url(text, size) {
    let bytes;
    try {
      bytes = Uint8Array.fromBase64(text, { alphabet: 'base64url' });
    } catch {
      return fail('DataError', 'the JWK has a member that is not base64url');
    }
    if (size !== undefined && bytes.length !== size) fail('DataError', 'the JWK has a member of the wrong length');
    return bytes;
  }

  function publicOf(algorithm, secret) {
    return parsed('public_key', kindOf(algorithm), secret);
  }

  function checkJwk(jwk, type, algorithm, extractable, usages) {
    if (typeof jwk !== 'object' || jwk === null || viewOf(jwk) !== null) throw new TypeError('a JWK is an object');
    if (jwk.kty !== type) fail('DataError', `The JWK's "kty" is not "${type}"`);
    if (jwk.ext === false && extractable) fail('DataError', 'The JWK is not extractable');
    if (jwk.key_ops !== undefined && !usages.every((usage) => jwk.key_ops.includes(usage)))
      fail('DataError', 'The JWK is not for these usages');
  }

  function importKey(format, data, given, extractable, usages) {
    const algorithm = normal(given);
    const { name } = algorithm;
    if (!['raw', 'pkcs8', 'spki', 'jwk'].includes(format)) throw new TypeError(`'${format}' is no key format`);
    const bytes = format === 'jwk' ? null : copyOf(data, 'key data');
    if (name === 'HKDF') {
      if (format !== 'raw') fail('NotSupportedError', `Unable to import HKDF key with format ${format}`);
      if (extractable) fail('SyntaxError', 'An HKDF key is not extractable');
      return make('secret', false, { name }, usages, bytes);
    }
    if (name.startsWith('AES-') || name === 'HMAC') {
      if (format !== 'raw' && format !== 'jwk')
        fail('NotSupportedError', `Unable to import ${name} key with format ${format}`);
      if (format === 'jwk') checkJwk(data, 'oct', algorithm, extractable, usages);
      const secret = bytes ?? fromBase64Url(String(data.k));
      const full = name === 'HMAC' ? hmacAlgorithm(algorithm, secret) : { name, length: aesKey(secret).length * 8 };
      return make('secret', extractable, full, usages, secret);
    }
    if (!Object.hasOwn(ALLOWED, name)) fail('NotSupportedError', `${name} has no keys`);
    const kind = kindOf(algorithm);
    const curve = CURVES[kind];
    const full = curve ? { name, namedCurve: kind } : { name };
    if (format === 'raw') return make('public', true, full, usages, parsed('check_public_key', kind, bytes));
    if (format === 'spki') return make('public', true, full, usages, parsed('from_spki', kind, bytes));
    if (format === 'pkcs8') return make('private', extractable, full, usages, parsed('from_pkcs8', kind, bytes));
    checkJwk(data, curve ? 'EC' : 'OKP', algorithm, extractable, usages);
    if (data.crv !== kind) fail('DataError', `The JWK's "crv" is not "${kind}"`);
    const size = curve ?? 32;
    const written = curve
      ? joined([Uint8Array.of(4), fromBase64Url(data.x, size), fromBase64Url(data.y, size)])
      : fromBase64Url(data.x, size);
    const point = parsed('check_public_key', kind, written);
    if (data.d === undefined) return make('public', true, full, usages, point);
    const secret = fromBase64Url(data.d, size);
    if (publicOf(algorithm, secret).toHex() !== point.toHex())
      fail('DataError', "The JWK's private and public parts don't belong together");
    return make('private', extractable, full, usages, secret);
  }

  function exportKey(format, key) {
    if (!(key instanceof CryptoKey)) throw new TypeError('the key is no CryptoKey');
    if (!['raw', 'pkcs8', 'spki', 'jwk'].includes(format)) throw new TypeError(`'${format}' is no key format`);
    if (!key.extractable) fail('InvalidAccessError', 'key is not extractable');
    const { algorithm, type, usages } = key;
    const material = keyMaterial.get(key);
    const wrong = () =>
      fail('NotSupportedError', `Unable to export a ${algorithm.name} ${type} key using ${format} format`);
    if (format === 'raw') return type === 'private' ? wrong() : material.slice().buffer;
    if (format === 'spki') return type === 'public' ? compute('to_spki', kindOf(algorithm), material).buffer : wrong();
    if (format === 'pkcs8')
      return type === 'private' ? compute('to_pkcs8', kindOf(algorithm), material).buffer : wrong();
    const common = { key_ops: [...usages], ext: true };
    if (type === 'secret') {
      const alg =
        algorithm.name === 'HMAC'
          ? `HS${algorithm.hash.name.slice(4)}`
          : `A${algorithm.length}${algorithm.name.slice(4)}`;
      return { kty: 'oct', k: toBase64Url(material), alg: alg === 'HS1' ? 'HS1' : alg, ...common };
    }
    const point = type === 'public' ? material : publicOf(algorithm, material);
    const size = CURVES[algorithm.namedCurve];
    const jwk = size
      ? {
          kty: 'EC',
          crv: algorithm.namedCurve,
          x: toBase64Url(point.subarray(1, 1 + size)),
          y: toBase64Url(point.subarray(1 + size)),
        }
      : { kty: 'OKP', crv: algorithm.name, x: toBase64Url(point) };
    if (algorithm.name === 'Ed25519') jwk.alg = 'Ed25519';
    if (type === 'private') jwk.d = toBase64Url(material);
    return { ...common, ...jwk };
  }

  function generateKey(given, extractable, usages) {
    const algorithm = normal(given);
    const { name } = algorithm;
    if (name.startsWith('AES-')) {
      if (![128, 192, 256].includes(algorithm.length))
        fail('OperationError', 'AES key length must be 128, 192, or 256 bits');
      return make('secret', extractable, { name, length: algorithm.length }, usages, randomBytes(algorithm.length / 8));
    }
    if (name === 'HMAC') {
      const hash = hashOf(algorithm.hash);
      const length = algorithm.length === undefined ? HASHES[hash] * 8 : Number(algorithm.length);
      if (!(length > 0 && length <= 65536)) fail('OperationError', 'Invalid key length');
      return make(
        'secret',
        extractable,
        { name, hash: { name: hash }, length },
        usages,
        randomBytes(Math.ceil(length / 8)),
      );
    }
    const kind = ALLOWED[name]?.private && kindOf(algorithm);
    if (!kind) fail('NotSupportedError', `${name} keys can't be generated`);
    const full = CURVES[kind] ? { name, namedCurve: kind } : { name };
    const secret = compute('private_key', kind, randomBytes((CURVES[kind] ?? 16) + 16));
    const of = (type) => usages.filter((usage) => ALLOWED[name][type].includes(usage));
    const strange = usages.find((usage) => !of('private').includes(usage) && !of('public').includes(usage));
    if (strange !== undefined) fail('SyntaxError', `Unsupported key usage for a ${name} key`);
    const privateKey = make('private', extractable, full, of('private'), secret);
    return { publicKey: make('public', true, full, of('public'), publicOf(full, secret)), privateKey };
  }

  return {
    HASHES,
    fail,
    normal,
    hashOf,
    kindOf,
    compute,
    keyMaterial,
    CryptoKey,
    using,
    importKey,
    exportKey,
    generateKey,
  };
};
