// A plan: the one trade that an intent comes to for an account, by the state after a block. It follows from these four
// alone, so a job makes it anew, and what was altered in between has another id.
import { contentId } from '../../parts/hashes.js';
import { marketOf, perToken, traded, UNIT_PLACES, written } from '../../parts/market.js';
import { up } from '../../parts/curve_math.js';
import { BadInput } from '../../parts/reading.js';
import { Refused } from '../../parts/routes.js';
import { agentOf } from './tokens.js';
import { units } from './words.js';

export const VALID_MS = 10 * 60_000;
const MILLION = 1_000_000n;

const later = (one, other) => (one > other ? one : other);
const earlier = (one, other) => (one < other ? one : other);

// The market that the words of an intent name.
export async function marketNamed(said, block) {
  const agent = agentOf(said, block);
  const market = await marketOf(agent, block);
  if (market === undefined) throw new BadInput('intent', `names agent ${agent}, which has no token`);
  return market;
}

// What is wanted, in smallest units; undefined where no amount is named.
export function wanted(said, action, market) {
  if (said.money === undefined && said.units === undefined) return undefined;
  if (action === 'sell' && said.money !== undefined) {
    throw new BadInput('intent', 'says for how much money to sell: say how many tokens');
  }
  const money = said.money === undefined ? undefined : units(said.money, UNIT_PLACES, 'UNIT');
  const tokens = said.units === undefined ? undefined : units(said.units, market.decimals, market.symbol);
  if (money === 0n || tokens === 0n) throw new BadInput('intent', 'is about nothing: the amount is 0');
  return { action, money, units: tokens };
}

// {plan, market, trade, quote}.
export async function planned({ intent, said, account, action, block }) {
  const market = await marketNamed(said, block);
  const trade = wanted(said, action, market);
  if (trade === undefined) throw new BadInput('intent', 'names no amount: say how many tokens, or how many UNIT');
  if (market.paused && market.place === 'curve' && action === 'buy') throw new Refused(409, 'paused', 'the agent is paused');
  const { call, quote, terms } = bounded(market, trade, said);
  const content = {
    intent,
    account,
    action,
    agent: market.agent,
    name: market.name,
    symbol: market.symbol,
    block,
    expires: market.now + VALID_MS,
    slippage: Number(said.slippage),
    call,
    expected: { units: String(quote.units), money: String(quote.net), perToken: String(perToken(market, quote)) },
    bound: terms,
  };
  return { plan: { id: contentId(content), ...content }, market, trade, quote };
}

function bounded(market, trade, said) {
  const price = said.price && { ...said.price, value: units(said.price.value, UNIT_PLACES, 'UNIT') };
  const total = said.total && { ...said.total, value: units(said.total.value, UNIT_PLACES, 'UNIT') };
  const limits = { price, total, slippage: said.slippage, scale: 10n ** BigInt(market.decimals) };
  if (trade.action === 'sell') return sale(market, trade, limits);
  return trade.money === undefined ? purchase(market, trade, limits) : purchaseFor(market, trade, limits);
}

// For so many tokens: the most that they may cost.
const most = ({ value, strict }, count, scale) => (value * count) / scale - (strict ? 1n : 0n);

function purchaseFor(market, trade, { price, total, slippage, scale }) {
  if (total) throw new BadInput('intent', 'says two amounts of money to spend');
  const first = traded(market, trade);
  if (first.units === 0n) throw new Refused(409, 'too-little', 'that pays for nothing here');
  let least = up(first.units * MILLION, MILLION + slippage);
  if (price?.value > 0n) least = later(least, earlier(first.units, up(trade.money * scale, price.value)));
  // Where `money` buys at least `least`, none of them costs more than the price that was quoted with the slippage on
  // top, nor than the price that is named.
  let money = earlier(trade.money, (first.net * (MILLION + slippage) * least) / (MILLION * first.units));
  if (price) money = earlier(money, most(price, least, scale));
  const quote = money > 0n ? traded(market, { ...trade, money }) : first;
  if (quote.units < least || money <= 0n) throw unmet(market, quote);
  const call = market.place === 'curve'
    ? ['Curves.buy_for', { curve: market.number, money: String(money), min_units: String(least) }]
    : ['Pools.swap_exact_in', { pool: market.number, side: 'Buy', amount_in: String(money), min_out: String(least) }];
  return { call, quote, terms: { pays: String(money), gets: String(least) } };
}

function purchase(market, trade, { price, total, slippage, scale }) {
  const quote = traded(market, trade);
  if (quote.units < trade.units) throw new Refused(409, 'sold-out', `there are only ${written(quote.units, market.decimals)} left`);
  let cost = (quote.net * (MILLION + slippage)) / MILLION;
  if (price) cost = earlier(cost, most(price, trade.units, scale));
  if (total) cost = earlier(cost, total.value - (total.strict ? 1n : 0n));
  if (quote.net > cost) throw unmet(market, quote);
  const call = market.place === 'curve'
    ? ['Curves.buy', { curve: market.number, units: String(trade.units), max_cost: String(cost) }]
    : ['Pools.swap_exact_out', { pool: market.number, side: 'Buy', amount_out: String(trade.units), max_in: String(cost) }];
  return { call, quote, terms: { pays: String(cost), gets: String(trade.units) } };
}

function sale(market, trade, { price, total, slippage, scale }) {
  const quote = traded(market, trade);
  if (quote.units < trade.units) throw new Refused(409, 'too-many', 'there are not so many in circulation');
  let refund = up(quote.net * (MILLION - slippage), MILLION);
  if (price) refund = later(refund, up(price.value * trade.units, scale) + (price.strict ? 1n : 0n));
  if (total) refund = later(refund, total.value + (total.strict ? 1n : 0n));
  if (quote.net < refund) throw unmet(market, quote);
  const call = market.place === 'curve'
    ? ['Curves.sell', { curve: market.number, units: String(trade.units), min_refund: String(refund) }]
    : ['Pools.swap_exact_in', { pool: market.number, side: 'Sell', amount_in: String(trade.units), min_out: String(refund) }];
  return { call, quote, terms: { pays: String(trade.units), gets: String(refund) } };
}

function unmet(market, quote) {
  const each = written(perToken(market, quote), UNIT_PLACES);
  return new Refused(409, 'condition-not-met', `now it is ${each} UNIT for each ${market.symbol}, fees included: your limit isn't met`);
}

// What the submitter's mandate has to allow, for this plan and no more, until it expires.
export function mandateFor(plan, market, self) {
  const [name] = plan.call;
  const kinds = [name.split('.')[0]];
  if (plan.action === 'sell') kinds.push({ Token: { token: market.token, units: plan.bound.pays } });
  const allowance = plan.action === 'sell' ? '0' : plan.bound.pays;
  return { call: 'Mandates.grant', arguments: { agent: self, allowance, kinds, until: plan.expires } };
}
