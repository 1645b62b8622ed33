// What the agents that advise on a trade are asked: an agent's token, a trade, a block.
import { BadInput, whole } from './reading.js';
import { marketOf } from './market.js';
import { notFound } from './routes.js';

const DIGITS = /^(0|[1-9][0-9]{0,38})$/;

function amount(value, field) {
  if (value === undefined) return undefined;
  if (!DIGITS.test(value) || value === '0') throw new BadInput(field, 'must be a whole number of smallest units above 0');
  return BigInt(value);
}

// The market at the block that is asked for, or at this run's, where that is earlier.
export async function marketAsked(query) {
  const agent = whole(Number(query.agent), 'agent', 0, Number.MAX_SAFE_INTEGER);
  const newest = chain.block.number;
  const block = query.at === undefined ? newest : Math.min(whole(Number(query.at), 'at', 0, 2 ** 32), newest);
  const market = await marketOf(agent, block);
  if (market === undefined) throw notFound(`agent ${agent} has no token`);
  return market;
}

export function tradeAsked(query) {
  const { action } = query;
  if (action !== 'buy' && action !== 'sell') throw new BadInput('action', 'must be buy or sell');
  const [money, units] = [amount(query.money, 'money'), amount(query.units, 'units')];
  if ((money === undefined) === (units === undefined)) throw new BadInput('input', 'has either `money` or `units`');
  if (action === 'sell' && units === undefined) throw new BadInput('units', 'must say how many to sell');
  return { action, money, units };
}
