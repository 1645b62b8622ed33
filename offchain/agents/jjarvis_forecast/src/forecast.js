// The price stays, give or take how far it went before: nobody has shown that the past of such prices says more.

const ENOUGH = 8; // steps, below which nothing is claimed

// `prices` at equal steps. The band has four of five earlier steps in it; `held` is how many of the later half of the
// steps a band that was made of those before them did hold.
export function forecast(prices) {
  const moves = prices.slice(1).map((price, i) => Math.abs(price - prices[i]) / (prices[i] || 1));
  const last = prices.at(-1);
  if (moves.length < ENOUGH) return { known: false, steps: moves.length };
  const wide = quantile(moves, 0.8);
  return {
    known: true,
    steps: moves.length,
    expected: String(Math.round(last)),
    low: String(Math.round(Math.max(0, last * (1 - wide)))),
    high: String(Math.round(last * (1 + wide))),
    moved: moves.filter((move) => move > 0).length,
    ...backtest(moves),
  };
}

function backtest(moves) {
  const from = moves.length >> 1;
  const later = moves.slice(from);
  const held = later.filter((move, i) => move <= quantile(moves.slice(0, from + i), 0.8)).length;
  return { tried: later.length, held };
}

function quantile(values, part) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)];
}
