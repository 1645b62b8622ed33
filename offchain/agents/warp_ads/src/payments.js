// What a transaction has paid to this agent's purse, by the events of its block: the script looks for itself.
import { purseOf } from '../../parts/purse.js';
import { known, whole } from '../../parts/reading.js';
import { Refused } from '../../parts/routes.js';
import { eventsOf } from './chain_facts.js';

const MAX_BLOCK = 2 ** 32 - 1;
const MAX_INDEX = 1 << 16;

// Where a payment is: a block's number, and the place of the transaction in it.
export function readPayment(value, field) {
  known(value, field, ['block', 'index']);
  return {
    block: whole(value.block, `${field}.block`, 1, MAX_BLOCK),
    index: whole(value.index, `${field}.index`, 0, MAX_INDEX),
  };
}

// How much the transaction has moved from `who` to the purse, all its transfers together, once it has succeeded.
export function verified({ block, index }, who) {
  const purse = purseOf(globalThis.job.agent);
  const events = eventsOf(block).filter(({ extrinsic }) => extrinsic === index);
  if (!events.some(({ name }) => name === 'System.ExtrinsicSuccess')) {
    throw new Refused(402, 'no-payment', `transaction ${index} of block ${block} isn't there, or has failed`);
  }
  const paid = events
    .filter(({ name, fields }) => name === 'Balances.Transfer' && fields.from === who && fields.to === purse)
    .reduce((sum, { fields }) => sum + BigInt(fields.amount), 0n);
  if (paid === 0n) throw new Refused(402, 'no-payment', `transaction ${index} of block ${block} pays this purse nothing`);
  return paid;
}
