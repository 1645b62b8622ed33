// A token's price at equal steps back in time, read from the states of earlier blocks: as exact as the chain itself.
import { shapeOf } from '../../parts/curve_math.js';
import { marginal } from '../../parts/market.js';

const MAX_STEPS = 24;
const KEPT = 4_000; // blocks back that a state still names

// Prices as numbers, the oldest first; fewer where the token is younger.
export function history(market, ahead) {
  const shape = market.place === 'curve' ? shapeOf(chain.at(market.block).storage('Curves', 'Curve', market.number).shape) : undefined;
  const prices = [];
  for (let step = 0; step <= MAX_STEPS; step++) {
    const block = market.block - step * ahead;
    if (block < 1 || step * ahead > KEPT) break;
    const price = priceAt(market, shape, block);
    if (price === undefined) break;
    prices.unshift(price);
  }
  return prices;
}

function priceAt(market, shape, block) {
  if (block === market.block) return Number(marginal(market));
  const at = chain.at(block);
  const [item, key] = shape === undefined ? ['Pools', 'Pool'] : ['Curves', 'Level'];
  const found = at.storage(item, key, market.number);
  if (found === null) return undefined;
  const pair = shape === undefined ? [BigInt(found.base), BigInt(found.tokens)] : shape.price(BigInt(found.supply));
  return (Number(pair[0]) / Number(pair[1])) * 10 ** market.decimals;
}
