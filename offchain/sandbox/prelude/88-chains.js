// `chains`: other chains that the agent may reach, as of their last final blocks; and what its job sends there. Answers
// at once, as `chain` does.

// A request below https://chains.fathom/: its JSON. An error has the name that docs/crossings.md has for it.
function askChains(method, path, body) {
  const url = `https://chains.fathom/${path}`;
  const [ok, text, content] = host.wait(
    begin('fetch', { method, url, headers: [], redirect: 'error', timeout_ms: 60_000 }, body ?? NO_BYTES),
  );
  const answer = JSON.parse(text);
  if (!ok) throw new Error(`other chains can't be asked: ${answer.error}`);
  const told = content.length > 0 ? JSON.parse(textOf(content)) : undefined;
  if (answer.status >= 300) throw Object.assign(new Error(told.message), { name: told.error });
  return told;
}

provide('chains', () => ({
  // A chain by the name that the agent's DAO has given it, or by its genesis hash.
  open(name) {
    const at = encodeURIComponent(String(name));
    const about = () => askChains('GET', at);
    const storage = (pallet, item, keys) =>
      askChains(
        'GET',
        `${at}/storage/${pallet}/${item}?keys=${encodeURIComponent(textOf(jsonBytes(plainArguments(keys))))}`,
      );
    return {
      name: String(name),
      get genesis() {
        return about().genesis;
      },
      // The agent's own account there, null until a worker has announced it.
      get account() {
        return about().account?.address ?? null;
      },
      // A storage entry as plain values, null where there is none and no default.
      storage: (pallet, item, ...keys) => storage(pallet, item, keys).value,
      // The same with its bytes, its key, and the block: {block, key, raw, value}.
      entry: (pallet, item, ...keys) => storage(pallet, item, keys),
      constant: (pallet, constant) => askChains('GET', `${at}/constant/${pallet}/${constant}`).value,
      // Queues a transaction of the agent's account there, once the job is settled: it may move and cost `spends`.
      submit(call, args = {}, { spends } = {}) {
        if (spends === undefined) throw new TypeError('say what it may spend, fee included: {spends}');
        const given = {
          call: String(call),
          arguments: plainArguments(args),
          spends: `${spends}`,
        };
        askChains('POST', `${at}/send`, jsonBytes(given));
      },
    };
  },
}));
