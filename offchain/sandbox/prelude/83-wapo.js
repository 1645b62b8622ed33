// `Wapo` and `pink`: what Phala's agents and Phat contracts call. Functions of theirs that need a server's whole life
// (listening, locks, boot data), another realm or another chain are absent.

const HASH_NAMES = {
  blake2b128: 'blake2b-128',
  blake2b256: 'blake2b-256',
  blake2b512: 'blake2b-512',
  sha256: 'SHA-256',
  keccak256: 'keccak-256',
};

function messageBytes(message, what) {
  return typeof message === 'string' ? utf8(message.toWellFormed()) : copyOf(message, what);
}

// pink's strings are bytes in hex where they start with 0x.
function hexOrText(message, what) {
  if (typeof message === 'string' && /^0x([0-9a-f]{2})*$/i.test(message)) return Uint8Array.fromHex(message.slice(2));
  return messageBytes(message, what);
}

function namedHash(algorithm, bytes) {
  if (!Object.hasOwn(HASH_NAMES, algorithm)) throw new TypeError(`unsupported hash algorithm: ${algorithm}`);
  return host.call('digest', HASH_NAMES[algorithm], bytes);
}

function concatU8a(arrays) {
  return joined([NO_BYTES, ...Array.from(arrays, (array) => copyOf(array, 'an item of concatU8a'))]);
}

function derived(label, salt, length) {
  return host.call('derive', label, salt, String(length));
}

provideTogether(['Wapo', 'pink'], () => {
  const VERSION = '1.0.0';
  let scale;

  const Wapo = {
    version: VERSION,
    deriveSecret: (salt) => derived('wapo', messageBytes(salt, 'salt'), 64),
    hash: (algorithm, message) => namedHash(algorithm, messageBytes(message, 'message')),
    nonCryptographicHash(algorithm, message) {
      if (algorithm !== 'wyhash64') throw new TypeError(`unsupported hash algorithm: ${algorithm}`);
      return host.call('wyhash64', messageBytes(message, 'message'));
    },
    concatU8a,
    inspect: (...values) => log(values.map((value) => inspect(value)).join(' ')),
    // An Ed25519 key of the program's own: as secret as what deriveSecret gives, and as lasting.
    workerSign: (message) => host.call('ed25519_sign', derived('sign', NO_BYTES, 32), messageBytes(message, 'message')),
    workerPublicKey: () => host.call('public_key', 'Ed25519', derived('sign', NO_BYTES, 32)),
  };
  lazily(Wapo, ['SCALE'], () => (scale ??= makeScale()));
  // Phala's guests have these two, too, and are refused: only the gateway itself ran scripts.
  Wapo.isolateEval = () => {
    throw new Error('isolateEval is disabled: an agent runs no other script, deploy it as an agent and fetch it');
  };
  Wapo.run = async () => {
    try {
      return Wapo.isolateEval();
    } catch ({ message: error }) {
      return { isOk: false, isError: true, error, value: undefined, logs: [] };
    }
  };

  function request(given) {
    if (given === null || typeof given !== 'object') throw new TypeError('a request is an object');
    const headers = Array.isArray(given.headers) ? given.headers : Object.entries(given.headers ?? {});
    const head = {
      method: usv(given.method ?? 'GET').toUpperCase(),
      url: usv(given.url),
      headers: headers.map(([name, value]) => [usv(name), usv(value)]),
      redirect: 'follow',
    };
    return {
      head,
      body: given.body === undefined || given.body === null ? NO_BYTES : messageBytes(given.body, 'body'),
    };
  }

  // What the world answered an ask with that failed.
  function failed({ error, reason }) {
    return new Error(error, { cause: reason });
  }

  function readWhole(stream, first) {
    const chunks = [NO_BYTES, first];
    for (;;) {
      const [ok, head, body] = host.wait(begin('read', { stream }));
      if (!ok) throw failed(JSON.parse(head));
      chunks.push(body);
      if (JSON.parse(head).done) return joined(chunks);
    }
  }

  // The answer as pink has it; what fails has the status that pink's own runtime gave it.
  function response(answer, asText) {
    let [ok, text, body] = answer;
    const head = JSON.parse(text);
    try {
      if (!ok) throw failed(head);
      if (head.stream !== null) body = readWhole(head.stream, body);
    } catch (error) {
      const message = String(error.message);
      const statusCode = error.cause === 'timed-out' ? 524 : 523;
      return { statusCode, reasonPhrase: message, headers: {}, body: asText ? '' : new Uint8Array(0), error: message };
    }
    const headers = {};
    for (const [name, value] of new use.Headers(head.headers)) headers[name] = value;
    return { statusCode: head.status, reasonPhrase: head.status_text, headers, body: asText ? textOf(body) : body };
  }

  function batch(requests, timeout) {
    const ids = requests.map((given) => {
      const { head, body } = request(given);
      return begin('fetch', { ...head, timeout_ms: timeout }, body);
    });
    return ids.map((id, i) => response(host.wait(id), Boolean(requests[i].returnTextBody)));
  }

  const pink = {
    version: VERSION,
    httpRequest(given) {
      const { error, ...answer } = batch([given], 10_000)[0];
      return answer;
    },
    batchHttpRequest: (requests, timeout = 10_000) => batch(Array.from(requests), Number(timeout)),
    deriveSecret: (salt) => derived('pink', hexOrText(salt, 'salt'), 32),
    // As pink-env's: what deriveSecret gives for a salt of its own kind, 64 bytes of it.
    vrf: (salt) => derived('vrf', hexOrText(salt, 'salt'), 64),
    hash: (algorithm, message) => namedHash(algorithm, hexOrText(message, 'message')),
    concatU8a,
  };
  lazily(pink, ['SCALE'], () => (scale ??= makeScale()));
  for (const library of [Wapo, pink])
    Object.defineProperty(library, Symbol.toStringTag, { value: library === Wapo ? 'Wapo' : 'pink' });
  return { Wapo, pink };
});
