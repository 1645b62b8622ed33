// The keyless account that pays for an agent, as `pallets/primitives/pots.py` makes it, in hex.
export function purseOf(agent) {
  const bytes = new Uint8Array(32);
  bytes.set(new TextEncoder().encode('modlfthmpurs'));
  new DataView(bytes.buffer).setBigUint64(12, BigInt(agent), true);
  return `0x${bytes.toHex()}`;
}
