// crypto.subtle of the Web Cryptography API: digests, HMAC, AES-GCM/CBC/CTR, ECDSA, ECDH, Ed25519, X25519 and HKDF.
// The host computes.

provideTogether(
  ['SubtleCrypto', 'CryptoKey'],
  () => {
    const {
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
    } = makeCryptoKeys();

    // The part of AES that encrypts or decrypts under these parameters.
    function cipher(way, algorithm, key, data) {
      switch (algorithm.name) {
        case 'AES-GCM': {
          const bits = algorithm.tagLength ?? 128;
          if (![32, 64, 96, 104, 112, 120, 128].includes(bits))
            fail('OperationError', `${bits} is not a valid AES-GCM tag length`);
          const extra =
            algorithm.additionalData === undefined ? NO_BYTES : copyOf(algorithm.additionalData, 'additionalData');
          return compute(`aes_gcm_${way}`, key, copyOf(algorithm.iv, 'iv'), extra, String(bits / 8), data);
        }
        case 'AES-CBC':
          return compute(`aes_cbc_${way}`, key, copyOf(algorithm.iv, 'iv'), data);
        default: {
          if (!(algorithm.length >= 1 && algorithm.length <= 128))
            fail('OperationError', 'AES-CTR algorithm.length must be between 1 and 128');
          return compute('aes_ctr', key, copyOf(algorithm.counter, 'counter'), String(algorithm.length), data);
        }
      }
    }

    function deriveBits(given, key, length) {
      const algorithm = normal(given);
      if (algorithm.name === 'HKDF') {
        const secret = keyMaterial.get(key);
        if (length === null || length === undefined || length % 8 !== 0)
          fail('OperationError', 'length must be a multiple of 8');
        const [salt, info] = [copyOf(algorithm.salt, 'salt'), copyOf(algorithm.info, 'info')];
        return compute('hkdf', hashOf(algorithm.hash), secret, salt, info, String(length / 8));
      }
      if (algorithm.name !== 'ECDH' && algorithm.name !== 'X25519')
        return fail('NotSupportedError', `${algorithm.name} derives nothing`);
      const other = algorithm.public;
      if (!(other instanceof CryptoKey)) throw new TypeError('public is no CryptoKey');
      if (
        other.type !== 'public' ||
        other.algorithm.name !== algorithm.name ||
        other.algorithm.namedCurve !== key.algorithm.namedCurve
      ) {
        fail('InvalidAccessError', 'the keys are of different kinds');
      }
      const secret = compute('key_exchange', kindOf(key.algorithm), keyMaterial.get(key), keyMaterial.get(other));
      if (length === null || length === undefined) return secret;
      if (length > secret.length * 8) fail('OperationError', 'derived bit length is too large');
      const bits = secret.slice(0, Math.ceil(length / 8));
      if (length % 8 !== 0) bits[bits.length - 1] &= 0xff << (8 - (length % 8));
      return bits;
    }

    function derivedLength(given) {
      const algorithm = normal(given);
      if (algorithm.name === 'HKDF') return null;
      if (algorithm.name === 'HMAC') return algorithm.length ?? HASHES[hashOf(algorithm.hash)] * 8;
      if (![128, 192, 256].includes(algorithm.length))
        fail('OperationError', 'AES key length must be 128, 192, or 256 bits');
      return algorithm.length;
    }

    class SubtleCrypto {
      constructor(key) {
        illegalUnless(KEY, key);
      }

      async digest(algorithm, data) {
        needs(arguments.length, 2, 'digest');
        return compute('digest', hashOf(algorithm), copyOf(data, 'data')).buffer;
      }

      async importKey(format, data, algorithm, extractable, usages) {
        needs(arguments.length, 5, 'importKey');
        return importKey(String(format), data, algorithm, Boolean(extractable), [...usages]);
      }

      async exportKey(format, key) {
        needs(arguments.length, 2, 'exportKey');
        return exportKey(String(format), key);
      }

      async generateKey(algorithm, extractable, usages) {
        needs(arguments.length, 3, 'generateKey');
        return generateKey(algorithm, Boolean(extractable), [...usages]);
      }

      async sign(given, key, data) {
        needs(arguments.length, 3, 'sign');
        const algorithm = normal(given);
        const secret = using(key, algorithm, 'sign');
        const message = copyOf(data, 'data');
        switch (algorithm.name) {
          case 'HMAC':
            return compute('hmac', key.algorithm.hash.name, secret, message).buffer;
          case 'ECDSA':
            return compute('ecdsa_sign', kindOf(key.algorithm), hashOf(algorithm.hash), secret, message).buffer;
          default:
            return compute('ed25519_sign', secret, message).buffer;
        }
      }

      async verify(given, key, signature, data) {
        needs(arguments.length, 4, 'verify');
        const algorithm = normal(given);
        const material = using(key, algorithm, 'verify');
        const [signed, message] = [copyOf(signature, 'signature'), copyOf(data, 'data')];
        switch (algorithm.name) {
          case 'HMAC': {
            const right = compute('hmac', key.algorithm.hash.name, material, message);
            if (right.length !== signed.length) return false;
            let difference = 0;
            for (let i = 0; i < right.length; i++) difference |= right[i] ^ signed[i];
            return difference === 0;
          }
          case 'ECDSA':
            return (
              compute('ecdsa_verify', kindOf(key.algorithm), hashOf(algorithm.hash), material, signed, message)[0] === 1
            );
          default:
            return compute('ed25519_verify', material, signed, message)[0] === 1;
        }
      }

      async encrypt(given, key, data) {
        needs(arguments.length, 3, 'encrypt');
        const algorithm = normal(given);
        return cipher('encrypt', algorithm, using(key, algorithm, 'encrypt'), copyOf(data, 'data')).buffer;
      }

      async decrypt(given, key, data) {
        needs(arguments.length, 3, 'decrypt');
        const algorithm = normal(given);
        return cipher('decrypt', algorithm, using(key, algorithm, 'decrypt'), copyOf(data, 'data')).buffer;
      }

      async deriveBits(algorithm, key, length = null) {
        needs(arguments.length, 2, 'deriveBits');
        using(key, normal(algorithm), 'deriveBits');
        return deriveBits(algorithm, key, length).buffer;
      }

      async deriveKey(algorithm, key, derived, extractable, usages) {
        needs(arguments.length, 5, 'deriveKey');
        using(key, normal(algorithm), 'deriveKey');
        return importKey('raw', deriveBits(algorithm, key, derivedLength(derived)), derived, Boolean(extractable), [
          ...usages,
        ]);
      }

      async wrapKey(format, key, wrapping, given) {
        needs(arguments.length, 4, 'wrapKey');
        const algorithm = normal(given);
        const secret = using(wrapping, algorithm, 'wrapKey');
        const exported = exportKey(String(format), key);
        const bytes = format === 'jwk' ? utf8(JSON.stringify(exported)) : new Uint8Array(exported);
        return cipher('encrypt', algorithm, secret, bytes).buffer;
      }

      async unwrapKey(format, wrapped, wrapping, given, algorithm, extractable, usages) {
        needs(arguments.length, 7, 'unwrapKey');
        const how = normal(given);
        const bytes = cipher('decrypt', how, using(wrapping, how, 'unwrapKey'), copyOf(wrapped, 'wrapped key'));
        let data = bytes;
        if (format === 'jwk') {
          try {
            data = JSON.parse(textOf(bytes));
          } catch {
            fail('DataError', 'what was wrapped is no JWK');
          }
        }
        return importKey(String(format), data, algorithm, Boolean(extractable), [...usages]);
      }
    }

    tag(
      enumerable(
        SubtleCrypto,
        ...Object.getOwnPropertyNames(SubtleCrypto.prototype).filter((name) => name !== 'constructor'),
      ),
    );
    tag(enumerable(CryptoKey, 'type', 'extractable', 'algorithm', 'usages'));
    return { SubtleCrypto, CryptoKey, subtle: new SubtleCrypto(KEY) };
  },
  ['subtle'],
);
