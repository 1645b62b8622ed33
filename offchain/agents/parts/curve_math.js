// What trades on curves and pools come to, to the last unit, as pallets/primitives/curves reckons it: BigInt throughout.

const MILLION = 1_000_000n;

const least = (one, other) => (one < other ? one : other);
/** A quotient of what isn't negative, rounded up. */
export const up = (value, by) => (value + by - 1n) / by;

function isqrt(value) {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** A power of two above a root. */
function rootAbove(value, degree) {
  const bits = value === 0n ? 0 : value.toString(2).length;
  return 1n << BigInt(Math.ceil(bits / degree));
}

/** The most units whose integral is at most some money, by tangents from above. */
function lastBelow([amount, parts], start, integral, price) {
  let units = start;
  for (;;) {
    const [numerator, denominator] = integral(units);
    const excess = numerator * parts - amount * denominator;
    if (excess <= 0n) return units;
    const [rise, per] = price(units - 1n);
    units -= up(excess * per, rise * denominator * parts);
  }
}

function linear({ base, slope, divisor }) {
  return {
    integral: (units) => [units * (2n * base + slope * (units - 1n)), 2n * divisor],
    price: (supply) => [base + slope * supply, divisor],
    unitsFor(money, most) {
      const budget = money * divisor;
      if (slope > 0n) {
        const rise = 2n * base - slope;
        return least((isqrt(rise * rise + 8n * slope * budget) - rise) / (2n * slope), most);
      }
      return base > 0n ? least(budget / base, most) : most;
    },
  };
}

function quadratic({ base, coefficient, divisor }) {
  const integral = (units) => {
    return [6n * base * units + coefficient * (units - 1n) * units * (2n * units - 1n), 6n * divisor];
  };
  const price = (supply) => [base + coefficient * supply * supply, divisor];
  return {
    integral,
    price,
    unitsFor(money, most) {
      const budget = money * divisor;
      let start = base > 0n ? least(budget / base, most) : most;
      if (coefficient > 0n) start = least(1n + rootAbove((3n * budget) / coefficient, 3), start);
      return lastBelow([money, 1n], start, integral, price);
    },
  };
}

function product({ base, tokens }) {
  return {
    integral: (units) => [base * units, tokens - units],
    price: (supply) => [base * tokens, (tokens - supply) * (tokens - supply)],
    unitsFor: (money, most) => least((money * tokens) / (base + money), most),
  };
}

function segment({ base, slope, coefficient, drop, divisor }) {
  const integral = (start, end) => {
    const evens = end * (end - 1n) - start * (start - 1n);
    const squares = end * (end - 1n) * (2n * end - 1n) - start * (start - 1n) * (2n * start - 1n);
    const total = 6n * base * (end - start) + 3n * slope * evens + coefficient * squares;
    if (drop === 0n || start === end) return [total, 6n * divisor];
    const terms = (start - 1n) * (end - 1n);
    return [total * terms - 6n * drop * (end - start), 6n * divisor * terms];
  };
  const price = (supply) => {
    const whole = base + slope * supply + coefficient * supply * supply;
    const terms = supply * (supply - 1n);
    return drop === 0n ? [whole, divisor] : [whole * terms - drop, divisor * terms];
  };
  const endFor = (money, start, end) => {
    const budget = (money[0] * divisor) / money[1];
    const [first, per] = price(start);
    let last = end;
    if (first > 0n) last = least(start + (money[0] * per) / (money[1] * first), last);
    if (slope > 0n) last = least(start + 1n + rootAbove((2n * budget) / slope, 2), last);
    if (coefficient > 0n) last = least(start + 1n + rootAbove((3n * budget) / coefficient, 3), last);
    return lastBelow(money, last, (units) => integral(start, units), price);
  };
  return { integral, price, endFor };
}

function piecewise({ segments }) {
  const parts = segments.map((each, i) => {
    return { start: i ? segments[i - 1].until : 0n, until: each.until, ...segment(each) };
  });
  return {
    integral(units) {
      let [total, per] = [0n, 1n];
      for (const part of parts) {
        const end = least(part.until, units);
        const [added, by] = part.integral(part.start, end);
        [total, per] = [total * by + added * per, per * by];
        if (end === units) break;
      }
      return [total, per];
    },
    price: (supply) => (parts.find(({ until }) => supply < until) ?? parts.at(-1)).price(supply),
    unitsFor(money, most) {
      let [left, per, end] = [money, 1n, 0n];
      for (const part of parts) {
        end = least(part.until, most);
        const [cost, by] = part.integral(part.start, end);
        if (cost * per > left * by) return part.endFor([left, per], part.start, end);
        [left, per] = [left * by - cost * per, per * by];
        if (end === most) break;
      }
      return end;
    },
  };
}

const KINDS = { Linear: linear, Quadratic: quadratic, Product: product, Piecewise: piecewise };

// {integral, price, unitsFor} of a shape as the chain tells it; integers may be numbers or digits.
export function shapeOf(told) {
  const [[kind, fields]] = Object.entries(told);
  return KINDS[kind](integers(fields));
}

function integers(value) {
  if (Array.isArray(value)) return value.map(integers);
  if (typeof value !== 'object') return BigInt(value);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, integers(each)]));
}

const charge = (gross, rate) => up(gross * rate, MILLION);

// A curve's trades: {units, net}, where `net` is money with all fees.
export function curveTrades({ shape, supply, reserve, last, buying, selling }) {
  const reserveAt = (units) => up(...shape.integral(units));
  const buy = (wanted) => {
    const units = least(wanted, last - supply);
    const gross = reserveAt(supply + units) - reserve;
    return { units, net: gross + charge(gross, buying) };
  };
  return {
    buy,
    buyFor: (money) => buy(shape.unitsFor(reserve + (money * MILLION) / (MILLION + buying), last) - supply),
    sell(wanted) {
      const units = least(wanted, supply);
      const gross = reserve - reserveAt(supply - units);
      return { units, net: gross - charge(gross, selling) };
    },
    price: () => shape.price(supply),
  };
}

// A pool's trades, likewise; `fee` in millionths of what comes in.
export function poolTrades({ base, tokens, fee }) {
  const out = (before, there, amount) => {
    const counted = amount * (MILLION - fee);
    return (counted * there) / (before * MILLION + counted);
  };
  return {
    buy(wanted) {
      const units = least(wanted, tokens - 1n);
      return { units, net: up(base * units * MILLION, (tokens - units) * (MILLION - fee)) };
    },
    buyFor: (money) => ({ units: out(base, tokens, money), net: money }),
    sell: (units) => ({ units, net: out(tokens, base, units) }),
    price: () => [base, tokens],
  };
}
