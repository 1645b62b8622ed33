// Impressions, paid to whoever showed them: by receipts of `POST /serve`, each number of a reservation once.
import { genesisHash, isWorker, ownCode } from './chain_facts.js';
import { BadInput, known, list, object, string, whole } from '../../parts/reading.js';
import { Refused } from '../../parts/routes.js';
import { opened } from './receipts.js';
import { bitsOf, find, MAX_POSTS, numbersOf, save } from './reservations.js';

const COMMISSION = 10n; // a tenth of what an impression costs stays in the agent's purse
const MAX_RECEIPTS = 20;

export async function settle(input, { agent }) {
  known(input, 'input', ['reservation', 'receipts']);
  const reservation = await find(string(input.reservation, 'reservation'));
  if (reservation.released) throw new Refused(409, 'released', 'the reservation is over, and what was left is given back');
  const genesis = genesisHash();
  const code = ownCode(agent);
  const settled = new Map(Object.entries(reservation.ads).map(([ad, { settled }]) => [ad, numbersOf(settled)]));
  let due = 0n;
  let counted = 0;
  const files = list(input.receipts, 'receipts', MAX_RECEIPTS);
  for (const [i, file] of files.entries()) {
    const field = `receipts[${i}]`;
    const receipt = await opened(file, field, genesis, agent);
    if (receipt.code !== code) throw new BadInput(`${field}.code`, "is not this agent's script");
    if (receipt.method !== 'POST' || receipt.path !== '/serve' || receipt.status !== 200) {
      throw new BadInput(`${field}.request`, 'is no POST /serve that was answered');
    }
    if (!isWorker(receipt.worker)) throw new BadInput(`${field}.worker`, 'is no worker of this chain');
    if (receipt.answer.reservation !== reservation.id) throw new BadInput(field, 'is of another reservation');
    // A worker may have signed anything: an impression that was never set aside is none.
    for (const [j, placement] of list(receipt.answer.placements, `${field}.placements`, MAX_POSTS).entries()) {
      const { ad, number } = readImpression(placement, `${field}.placements[${j}]`, reservation);
      const numbers = settled.get(ad);
      if (numbers.has(number)) continue;
      numbers.add(number);
      due += BigInt(reservation.ads[ad].price);
      counted += 1;
    }
  }
  if (!counted) throw new Refused(409, 'nothing-new', 'all of these impressions are settled');
  for (const [ad, numbers] of settled) reservation.ads[ad].settled = bitsOf(numbers);
  await save(reservation);
  const paid = due - due / COMMISSION;
  chain.pay(reservation.publisher, paid);
  return { reservation: reservation.id, impressions: counted, paid: String(paid), to: reservation.publisher };
}

export function readImpression(placement, field, { ads }) {
  const { ad, number } = object(object(placement, field).impression, `${field}.impression`);
  if (typeof ad !== 'string' || !Object.hasOwn(ads, ad)) throw new BadInput(`${field}.impression.ad`, 'is not set aside');
  return { ad, number: whole(number, `${field}.impression.number`, 0, ads[ad].count - 1) };
}
