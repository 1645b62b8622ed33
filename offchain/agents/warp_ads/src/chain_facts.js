// What this agent wants to know of the chain.

// [{extrinsic, name, fields}] of a block: `extrinsic` is the place of what caused it, undefined of the block's own.
export function eventsOf(block) {
  const records = chain.at(block).storage('System', 'Events');
  return records.map(({ phase, event }) => {
    const [[pallet, inner]] = Object.entries(event);
    const [name, fields] = typeof inner === 'string' ? [inner, {}] : Object.entries(inner)[0];
    return { extrinsic: phase.ApplyExtrinsic, name: `${pallet}.${name}`, fields };
  });
}

export const genesisHash = () => Uint8Array.fromHex(chain.storage('System', 'BlockHash', 0).slice(2));

// The hash of the script that an agent runs now.
export const ownCode = (agent) => chain.storage('Agents', 'Agent', agent).code;

// Whether a worker is attested now: anybody may register a key, and sign with it what he likes.
export function isWorker(key) {
  const found = chain.storage('Attestation', 'Attested', `0x${key.toHex()}`);
  return found !== null && !found.revoked;
}
