// What this agent wants to know of the chain.

// The keyless account that pays for an agent, as `pallets/primitives/pots.py` makes it, in hex.
export function purseOf(agent) {
  const bytes = new Uint8Array(32);
  bytes.set(new TextEncoder().encode('modlfthmpurs'));
  new DataView(bytes.buffer).setBigUint64(12, BigInt(agent), true);
  return `0x${bytes.toHex()}`;
}

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

export const isWorker = (key) => chain.storage('Workers', 'Worker', `0x${key.toHex()}`) !== null;
