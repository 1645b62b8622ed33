// What may be published of a message: domains that bear a sign of their own, and a hash of what it says once all that is
// somebody's own (names, numbers, addresses, links) is gone. The message can't be had back from it.

import { isAddress, isOwn } from './domains.js';
import { skeleton } from './lookalikes.js';

export const DOMAIN = 'fathom/social-chain/1';
const FEWEST_WORDS = 8; // a shorter text could be found by trying
const MOST_DOMAINS = 8;

/** The text that is hashed, the same for copies of one message to different people; undefined of too short a one. */
export function normalised(message) {
  let text = message.body;
  text = text.replace(/\b(dear|hello|hi|hey|guten tag|bonjour)\b[^,!\n]{0,60}[,!\n]/gi, ' ');
  text = text.replace(/<[^>]{0,500}>/g, ' ');
  text = text.replace(/\b[a-z][a-z0-9+.-]{1,10}:\/\/\S+|\bdata:\S+/gi, ' ');
  text = text
    .split(/\s+/)
    .map((word) => (/@|[a-z0-9]\.[a-z]|\d/i.test(word) ? ' ' : word))
    .join(' ');
  const words = skeleton(text).match(/\p{L}{2,}/gu) ?? [];
  return words.length < FEWEST_WORDS ? undefined : words.join(' ');
}

/** `{id, domains}`: the campaign's name, 16 bytes in hex, and its domains in order; undefined where nothing identifies it. */
export function fingerprint(message, signs) {
  const domains = [...new Set(signs.map(({ domain }) => domain))]
    .filter((domain) => domain !== undefined && !isOwn(domain) && !isAddress(domain))
    .sort()
    .slice(0, MOST_DOMAINS);
  const text = normalised(message);
  if (text === undefined && domains.length === 0) return undefined;
  const hashed = text === undefined ? `${DOMAIN}/domains\n${domains.join('\n')}` : `${DOMAIN}/text\n${text}`;
  return { id: Wapo.hash('blake2b256', hashed).toHex().slice(0, 32), domains };
}
