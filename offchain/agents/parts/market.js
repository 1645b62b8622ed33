// Where an agent's token trades, after a block: its curve, or the pool that followed.
import { curveTrades, poolTrades, shapeOf } from './curve_math.js';

export const UNIT_PLACES = 12; // of the chain's own money
const MILLION = 1_000_000n;

const text = (hex) => new TextDecoder().decode(Uint8Array.fromHex(hex.slice(2)));

// What of a swap stays in the pool, in millionths: a constant of the runtime.
async function poolFee() {
  const bytes = new Uint8Array(await (await fetch('https://chain.fathom/constant/Pools/Fee')).arrayBuffer());
  return BigInt(new DataView(bytes.buffer).getUint32(0, true));
}

// Undefined of an agent without a token. `trades` has what buying and selling come to.
export async function marketOf(agent, block = chain.block.number) {
  const at = chain.at(block);
  const curve = at.storage('Curves', 'OfAgent', agent);
  if (curve === null) return undefined;
  const record = at.storage('Curves', 'Curve', curve);
  const level = at.storage('Curves', 'Level', curve);
  const { name, paused } = at.storage('Agents', 'Agent', agent);
  const now = at.storage('Timestamp', 'Now');
  const { symbol } = at.storage('Assets', 'Metadata', record.token);
  const found = {
    agent,
    name: text(name),
    symbol: text(symbol),
    block,
    now,
    token: record.token,
    decimals: record.decimals,
    paused,
    maxSupply: BigInt(record.terms.max_supply),
  };
  if (level.pool !== null) return { ...found, ...(await inPool(at, level.pool)) };
  const { fees, launch_tax: tax, graduates_at: graduates, max_supply: most } = record.terms;
  const selling = BigInt(fees.creator + fees.treasury + fees.holders);
  const left = BigInt(tax.duration) - BigInt(now - record.created_at);
  const taxed = left > 0n ? (BigInt(tax.start) * left) / BigInt(tax.duration) : 0n;
  const supply = BigInt(level.supply);
  const of = { shape: shapeOf(record.shape), supply, reserve: BigInt(level.reserve), last: BigInt(graduates ?? most) };
  const trades = curveTrades({ ...of, buying: selling + taxed, selling });
  return { ...found, place: 'curve', number: curve, circulating: supply, taxed, trades };
}

async function inPool(at, pool) {
  const { base, tokens } = at.storage('Pools', 'Pool', pool);
  const trades = poolTrades({ base: BigInt(base), tokens: BigInt(tokens), fee: await poolFee() });
  return { place: 'pool', number: pool, circulating: undefined, taxed: 0n, trades };
}

// What a trade of {action, money or units} comes to: {units, net}.
export function traded({ trades }, { action, money, units }) {
  if (action === 'sell') return trades.sell(units);
  return money === undefined ? trades.buy(units) : trades.buyFor(money);
}

// Money for a whole token, rounded up.
export const perToken = ({ decimals }, { units, net }) => (units === 0n ? 0n : (net * 10n ** BigInt(decimals) + units - 1n) / units);

export function marginal(market) {
  const [price, per] = market.trades.price();
  return (price * 10n ** BigInt(market.decimals) + per - 1n) / per;
}

// How far the price that is paid is from the price at the margin, in millionths of that.
export function impact(market, quote) {
  const margin = marginal(market);
  if (margin === 0n || quote.units === 0n) return 0n;
  const gap = perToken(market, quote) - margin;
  return ((gap < 0n ? -gap : gap) * MILLION) / margin;
}

// Smallest units as people write them.
export function written(amount, places) {
  const digits = amount.toString().padStart(places + 1, '0');
  const whole = digits.slice(0, digits.length - places);
  const rest = digits.slice(digits.length - places).replace(/0+$/, '');
  return rest ? `${whole}.${rest}` : whole;
}
