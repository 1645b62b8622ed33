// What became of a trade, read from the chain's events alone.
import { UNIT_PLACES, written } from '../../parts/market.js';
import { notFound } from '../../parts/routes.js';
import ERRORS from './errors.json';

const KEPT = 4_000; // blocks back that a state still names
const MILLION = 1_000_000n;

// Of a settled job: {block, events}, the events of its own agent's job from its settlement on.
export function settlement(id) {
  const found = chain.storage('Jobs', 'Job', id);
  if (found === null) throw notFound(`there is no job ${id}`);
  const at = found.outcome?.settled_at;
  if (!at) return { state: found.state, submitter: found.submitter };
  const block = blockAt(at);
  const events = block === undefined ? undefined : eventsOf(block);
  return { state: found.state, submitter: found.submitter, block, events };
}

// The first block whose time is this, found by halving; undefined of one that is too long ago.
function blockAt(moment) {
  let high = chain.block.number;
  let low = Math.max(1, high - KEPT);
  const timeOf = (number) => chain.at(number).storage('Timestamp', 'Now');
  if (timeOf(low) > moment) return undefined;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(middle) < moment) low = middle + 1;
    else high = middle;
  }
  return low;
}

function eventsOf(block) {
  return chain.at(block).storage('System', 'Events').map(({ event }) => {
    const [[pallet, inner]] = Object.entries(event);
    const [name, fields] = typeof inner === 'string' ? [inner, {}] : Object.entries(inner)[0];
    return { name: `${pallet}.${name}`, fields };
  });
}

// Whether a settled job of this agent's was to trade a plan: its output names it.
export function wasFor(job, plan) {
  const output = chain.storage('Jobs', 'Output', job);
  return output !== null && new TextDecoder().decode(Uint8Array.fromHex(output.slice(2))).includes(plan);
}

// {outcome: 'traded', units, money}, {outcome: 'refused', error}, or {outcome: 'nothing'}.
export function outcomeOf({ events }, id, agent, submitter) {
  const ofJob = ({ fields }) => fields.job === id && fields.agent === agent;
  const refused = events.find((each) => each.name === 'Anchors.Refused' && ofJob(each));
  if (refused) return { outcome: 'refused', error: errorName(refused.fields.error) };
  const end = events.findIndex((each) => each.name === 'Mandates.Used' && ofJob(each));
  if (end < 0) return { outcome: 'nothing' };
  const mine = events.slice(0, end).filter((each) => TRADES[each.name] && each.fields.who === submitter).at(-1);
  return mine === undefined ? { outcome: 'nothing' } : { outcome: 'traded', ...TRADES[mine.name](mine.fields) };
}

const TRADES = {
  'Curves.Bought': ({ units, cost }) => ({ units: String(units), money: String(cost) }),
  'Curves.Sold': ({ units, refund }) => ({ units: String(units), money: String(refund) }),
  'Pools.Swapped': ({ side, amount_in: given, amount_out: got }) => {
    const [units, money] = side === 'Buy' ? [got, given] : [given, got];
    return { units: String(units), money: String(money) };
  },
};

export function errorName(error) {
  if (error?.Module === undefined) return typeof error === 'string' ? error : Object.entries(error).flat().map(String).join('.');
  const { index, error: number } = error.Module;
  const [pallet, names] = ERRORS[index] ?? [`pallet ${index}`, []];
  const place = parseInt(number.slice(2, 4), 16);
  return `${pallet}.${names[place] ?? `error ${place}`}`;
}

// The price that was paid against the plan's, in words and millionths: above 0 is worse.
export function compared(plan, { units, money }, decimals) {
  const [paid, meant] = [BigInt(money) * BigInt(plan.expected.units), BigInt(plan.expected.money) * BigInt(units)];
  const gap = plan.action === 'sell' ? meant - paid : paid - meant;
  const worse = meant === 0n ? 0 : Number((gap * MILLION) / meant);
  const each = (BigInt(money) * 10n ** BigInt(decimals)) / BigInt(units);
  const [count, amount] = [written(BigInt(units), decimals), written(BigInt(money), UNIT_PLACES)];
  const did = `${plan.action === 'sell' ? 'Sold' : 'Bought'} ${count} ${plan.symbol} for ${amount} UNIT`;
  const than = worse === 0 ? 'as planned' : `${Math.abs(worse) / 10_000} % ${worse > 0 ? 'worse' : 'better'} than planned`;
  const text = `${did}: ${written(each, UNIT_PLACES)} UNIT each, ${than}; the bound was ${plan.slippage / 10_000} %.`;
  return { perToken: String(each), worse, text };
}
