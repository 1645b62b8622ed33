// `kv`, `chain`, `job`: the agent's store on the chain, the chain after the run's block, and the job that runs. All of it
// answers at once, so that nothing else of the script happens between what it reads and what it writes.

// A request below https://chain.fathom/: its body, undefined where there is nothing.
function askChain(method, path, body) {
  const head = { method, url: `https://chain.fathom/${path}`, headers: [], redirect: 'error', timeout_ms: 60_000 };
  const [ok, text, content] = host.wait(begin('fetch', head, body ?? NO_BYTES));
  const answer = JSON.parse(text);
  if (!ok) throw new Error(`the chain can't be asked: ${answer.error}`);
  if (answer.status === 404) return undefined;
  if (answer.status >= 300) throw new Error(textOf(content));
  return content;
}

const askChainJson = (path) => JSON.parse(textOf(askChain('GET', path)));
const hexOf = (bytes) => `0x${bytes.toHex()}`;
const jsonBytes = (value) => utf8(JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}` : each)));

// Text as it is, bytes as they are, anything else as JSON.
function contentBytes(value) {
  if (value === undefined) throw new TypeError('undefined is no value: delete the key instead');
  if (typeof value === 'string') return utf8(value.toWellFormed());
  return viewOf(value) ?? jsonBytes(value);
}

const keyPath = (key) => `kv/${hexOf(typeof key === 'string' ? utf8(key.toWellFormed()) : copyOf(key, 'a key'))}`;

// What goes into a call's arguments: bytes as hex.
function plainArguments(value) {
  const bytes = typeof value === 'object' ? viewOf(value) : null;
  if (bytes !== null) return hexOf(bytes);
  if (Array.isArray(value)) return value.map(plainArguments);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plainArguments(each)]));
}

function storageEntry(pallet, item, keys, at = '') {
  const given = encodeURIComponent(textOf(jsonBytes(plainArguments(keys))));
  return askChainJson(`entry/${pallet}/${item}?keys=${given}${at}`);
}

let toldOfRun;
const aboutRun = () => (toldOfRun ??= askChainJson('run'));

provideTogether(['kv', 'chain', 'job'], () => {
  const kv = {
    // The value under a key, or undefined. A job that writes counts on it: what it leaves is refused if the value has
    // changed by the time that it is settled, but with {lock: false}.
    get: (key, { lock = true } = {}) => askChain('GET', keyPath(key) + (lock ? '' : '?lock=no')),
    getText(key, options) {
      const found = kv.get(key, options);
      return found === undefined ? undefined : textOf(found);
    },
    getJson(key, options) {
      const found = kv.get(key, options);
      return found === undefined ? undefined : JSON.parse(textOf(found));
    },
    set(key, value) {
      askChain('PUT', keyPath(key), contentBytes(value));
    },
    delete(key) {
      askChain('DELETE', keyPath(key));
    },
    // Keys that begin with `prefix`, as text where they are UTF-8, in no order that means anything; the next are those
    // `after` the last of these.
    keys(prefix = '', { limit = 100, after } = {}) {
      const named = (key) => keyPath(key).slice(3);
      const query = `prefix=${named(prefix)}&limit=${limit}${after === undefined ? '' : `&after=${named(after)}`}`;
      return askChainJson(`keys?${query}`).map((key) => {
        const bytes = Uint8Array.fromHex(key.slice(2));
        return wellFormedText(bytes) ?? bytes;
      });
    },
  };

  const chain = {
    get block() {
      return { ...aboutRun().block };
    },
    // A storage entry of the chain as plain values, null where there is none and no default.
    storage: (pallet, item, ...keys) => storageEntry(pallet, item, keys),
    // The chain after an earlier block than the run's, by its number.
    at: (number) => ({ storage: (pallet, item, ...keys) => storageEntry(pallet, item, keys, `&at=${Number(number)}`) }),
    // From the agent's purse, to an address or 32 bytes.
    pay(to, amount) {
      askChain('POST', 'pay', jsonBytes({ to: plainArguments(to), amount: `${amount}` }));
    },
    // In the name of who submitted the job, under a mandate of theirs.
    call(name, args = {}) {
      askChain('POST', 'call', jsonBytes({ call: String(name), arguments: plainArguments(args) }));
    },
    // An event of the agent's. A topic that is text is hashed; of 32 bytes, or as many in hex, it is taken as it is.
    emit(topics, data = '') {
      const hashed = Array.from(topics, (topic) => {
        if (typeof topic !== 'string') return hexOf(copyOf(topic, 'a topic'));
        return /^0x[0-9a-f]{64}$/i.test(topic) ? topic : hexOf(namedHash('blake2b256', utf8(topic.toWellFormed())));
      });
      askChain('POST', 'emit', jsonBytes({ topics: hashed, data: hexOf(contentBytes(data)) }));
    },
  };

  return {
    kv,
    chain,
    get job() {
      const { job, agent } = aboutRun();
      return job === null ? undefined : Object.freeze({ id: job.id, submitter: job.submitter, agent });
    },
  };
});
