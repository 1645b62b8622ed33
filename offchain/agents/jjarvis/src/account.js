// An account, as hex or as an address, to hex.
import { BadInput, string } from '../../parts/reading.js';

const DIGITS = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const TAG = new TextEncoder().encode('SS58PRE');

export function accountOf(value, field) {
  const text = string(value, field, 80);
  if (/^0x[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  const bytes = decoded(text);
  const size = bytes?.length === 36 ? 2 : 1; // of the prefix
  if (bytes?.length !== 34 + size) throw new BadInput(field, 'must be an address, or 32 bytes in hex');
  const sum = Wapo.hash('blake2b512', Wapo.concatU8a([TAG, bytes.slice(0, -2)]));
  if (sum[0] !== bytes.at(-2) || sum[1] !== bytes.at(-1)) throw new BadInput(field, 'has a wrong checksum: a character is mistaken');
  return `0x${bytes.slice(size, -2).toHex()}`;
}

function decoded(text) {
  let value = 0n;
  for (const each of text) {
    const digit = DIGITS.indexOf(each);
    if (digit < 0) return undefined;
    value = value * 58n + BigInt(digit);
  }
  const hex = value.toString(16);
  return Uint8Array.fromHex(hex.length % 2 ? `0${hex}` : hex);
}
