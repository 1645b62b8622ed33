'use agent';
(() => {
  var __defProp = Object.defineProperty;
  var __export = (target, all) => {
    for (var name in all)
      __defProp(target, name, { get: all[name], enumerable: true });
  };

  // src/index.js
  var src_exports = {};
  __export(src_exports, {
    default: () => src_default
  });

  // ../parts/reading.js
  var BadInput = class extends Error {
    constructor(field, problem) {
      super(problem);
      this.field = field;
    }
  };
  function number(value, field, min, max = Infinity) {
    if (typeof value !== "number" || !Number.isFinite(value)) throw new BadInput(field, "must be a number");
    if (value < min || value > max) {
      throw new BadInput(field, max === Infinity ? `must be at least ${min}` : `must be from ${min} to ${max}`);
    }
    return value;
  }
  function whole(value, field, min, max) {
    if (!Number.isInteger(value)) throw new BadInput(field, "must be a whole number");
    return number(value, field, min, max);
  }
  function json(text2, field = "input") {
    try {
      return JSON.parse(text2);
    } catch (error) {
      throw new BadInput(field, `must be JSON: ${error.message}`);
    }
  }
  function refusal(error) {
    if (!(error instanceof BadInput)) throw error;
    return { error: "bad-input", field: error.field, message: `${error.field} ${error.message}` };
  }

  // ../parts/curve_math.js
  var MILLION = 1000000n;
  var least = (one, other) => one < other ? one : other;
  var up = (value, by) => (value + by - 1n) / by;
  function isqrt(value) {
    if (value < 2n) return value;
    let root = 1n << BigInt(value.toString(2).length + 1 >> 1);
    for (; ; ) {
      const next = root + value / root >> 1n;
      if (next >= root) return root;
      root = next;
    }
  }
  function rootAbove(value, degree) {
    const bits = value === 0n ? 0 : value.toString(2).length;
    return 1n << BigInt(Math.ceil(bits / degree));
  }
  function lastBelow([amount, parts], start, integral, price) {
    let units = start;
    for (; ; ) {
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
      }
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
        if (coefficient > 0n) start = least(1n + rootAbove(3n * budget / coefficient, 3), start);
        return lastBelow([money, 1n], start, integral, price);
      }
    };
  }
  function product({ base, tokens }) {
    return {
      integral: (units) => [base * units, tokens - units],
      price: (supply) => [base * tokens, (tokens - supply) * (tokens - supply)],
      unitsFor: (money, most) => least(money * tokens / (base + money), most)
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
      const whole2 = base + slope * supply + coefficient * supply * supply;
      const terms = supply * (supply - 1n);
      return drop === 0n ? [whole2, divisor] : [whole2 * terms - drop, divisor * terms];
    };
    const endFor = (money, start, end) => {
      const budget = money[0] * divisor / money[1];
      const [first, per] = price(start);
      let last = end;
      if (first > 0n) last = least(start + money[0] * per / (money[1] * first), last);
      if (slope > 0n) last = least(start + 1n + rootAbove(2n * budget / slope, 2), last);
      if (coefficient > 0n) last = least(start + 1n + rootAbove(3n * budget / coefficient, 3), last);
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
      }
    };
  }
  var KINDS = { Linear: linear, Quadratic: quadratic, Product: product, Piecewise: piecewise };
  function shapeOf(told) {
    const [[kind, fields]] = Object.entries(told);
    return KINDS[kind](integers(fields));
  }
  function integers(value) {
    if (Array.isArray(value)) return value.map(integers);
    if (typeof value !== "object") return BigInt(value);
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, integers(each)]));
  }
  var charge = (gross, rate) => up(gross * rate, MILLION);
  function curveTrades({ shape, supply, reserve, last, buying, selling }) {
    const reserveAt = (units) => up(...shape.integral(units));
    const buy = (wanted) => {
      const units = least(wanted, last - supply);
      const gross = reserveAt(supply + units) - reserve;
      return { units, net: gross + charge(gross, buying) };
    };
    return {
      buy,
      buyFor: (money) => buy(shape.unitsFor(reserve + money * MILLION / (MILLION + buying), last) - supply),
      sell(wanted) {
        const units = least(wanted, supply);
        const gross = reserve - reserveAt(supply - units);
        return { units, net: gross - charge(gross, selling) };
      },
      price: () => shape.price(supply)
    };
  }
  function poolTrades({ base, tokens, fee }) {
    const out = (before, there, amount) => {
      const counted = amount * (MILLION - fee);
      return counted * there / (before * MILLION + counted);
    };
    return {
      buy(wanted) {
        const units = least(wanted, tokens - 1n);
        return { units, net: up(base * units * MILLION, (tokens - units) * (MILLION - fee)) };
      },
      buyFor: (money) => ({ units: out(base, tokens, money), net: money }),
      sell: (units) => ({ units, net: out(tokens, base, units) }),
      price: () => [base, tokens]
    };
  }

  // ../parts/market.js
  var text = (hex) => new TextDecoder().decode(Uint8Array.fromHex(hex.slice(2)));
  async function poolFee() {
    const bytes = new Uint8Array(await (await fetch("https://chain.fathom/constant/Pools/Fee")).arrayBuffer());
    return BigInt(new DataView(bytes.buffer).getUint32(0, true));
  }
  async function marketOf(agent, block = chain.block.number) {
    const at = chain.at(block);
    const curve = at.storage("Curves", "OfAgent", agent);
    if (curve === null) return void 0;
    const record = at.storage("Curves", "Curve", curve);
    const level = at.storage("Curves", "Level", curve);
    const { name, paused } = at.storage("Agents", "Agent", agent);
    const now = at.storage("Timestamp", "Now");
    const { symbol } = at.storage("Assets", "Metadata", record.token);
    const found2 = {
      agent,
      name: text(name),
      symbol: text(symbol),
      block,
      now,
      token: record.token,
      decimals: record.decimals,
      paused,
      maxSupply: BigInt(record.terms.max_supply)
    };
    if (level.pool !== null) return { ...found2, ...await inPool(at, level.pool) };
    const { fees, launch_tax: tax, graduates_at: graduates, max_supply: most } = record.terms;
    const selling = BigInt(fees.creator + fees.treasury + fees.holders);
    const left = BigInt(tax.duration) - BigInt(now - record.created_at);
    const taxed = left > 0n ? BigInt(tax.start) * left / BigInt(tax.duration) : 0n;
    const supply = BigInt(level.supply);
    const of = { shape: shapeOf(record.shape), supply, reserve: BigInt(level.reserve), last: BigInt(graduates ?? most) };
    const trades = curveTrades({ ...of, buying: selling + taxed, selling });
    return { ...found2, place: "curve", number: curve, circulating: supply, taxed, trades };
  }
  async function inPool(at, pool) {
    const { base, tokens } = at.storage("Pools", "Pool", pool);
    const trades = poolTrades({ base: BigInt(base), tokens: BigInt(tokens), fee: await poolFee() });
    return { place: "pool", number: pool, circulating: void 0, taxed: 0n, trades };
  }
  function marginal(market) {
    const [price, per] = market.trades.price();
    return (price * 10n ** BigInt(market.decimals) + per - 1n) / per;
  }

  // ../parts/routes.js
  var JSON_HEADERS = { "content-type": "application/json", "access-control-allow-origin": "*" };
  var PAGE_HEADERS = { "content-type": "text/html; charset=utf-8", "access-control-allow-origin": "*" };
  var Refused = class extends Error {
    constructor(status, error, message) {
      super(message);
      this.status = status;
      this.error = error;
    }
  };
  var notFound = (message) => new Refused(404, "not-found", message);
  function routed(handlers) {
    const table = Object.entries(handlers).map(([route, handler]) => {
      const [method, path] = route.split(" ");
      return { method, path: path.split("/"), handler };
    });
    return async (text2) => {
      const request = JSON.parse(text2);
      try {
        return answered(200, await dispatch(table, request));
      } catch (error) {
        if (error instanceof Refused) return answered(error.status, { error: error.error, message: error.message });
        return answered(400, refusal(error));
      }
    };
  }
  function dispatch(table, { method = "GET", path = "/", queries = {}, body }) {
    const given = path.split("/");
    const wanted = method === "HEAD" ? "GET" : method;
    const fits = ({ path: path2 }) => path2.length === given.length && path2.every((part, i) => part === "*" || part === given[i]);
    const found2 = table.filter(fits);
    if (!found2.length) throw notFound(`there is no ${path} here: GET / says what there is`);
    const route = found2.find((each) => each.method === wanted);
    if (!route) throw new Refused(405, "method-not-allowed", `${path} is for ${found2.map((each) => each.method)}`);
    const parts = given.filter((_, i) => route.path[i] === "*").map(decoded);
    const query = Object.fromEntries(Object.entries(queries).map(([name, values]) => [name, values[0]]));
    return route.handler({ parts, query, body: body === void 0 ? {} : json(body, "body") });
  }
  function decoded(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      throw new BadInput("path", "has an escape that is none");
    }
  }
  function answered(status, value) {
    const isPage = typeof value === "string";
    const headers = isPage ? PAGE_HEADERS : JSON_HEADERS;
    return JSON.stringify({ status, headers, body: isPage ? value : JSON.stringify(value) });
  }

  // ../parts/trade_query.js
  async function marketAsked(query) {
    const agent = whole(Number(query.agent), "agent", 0, Number.MAX_SAFE_INTEGER);
    const newest = chain.block.number;
    const block = query.at === void 0 ? newest : Math.min(whole(Number(query.at), "at", 0, 2 ** 32), newest);
    const market = await marketOf(agent, block);
    if (market === void 0) throw notFound(`agent ${agent} has no token`);
    return market;
  }

  // src/forecast.js
  var ENOUGH = 8;
  function forecast(prices) {
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
      ...backtest(moves)
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

  // src/history.js
  var MAX_STEPS = 24;
  var KEPT = 4e3;
  function history(market, ahead) {
    const shape = market.place === "curve" ? shapeOf(chain.at(market.block).storage("Curves", "Curve", market.number).shape) : void 0;
    const prices = [];
    for (let step = 0; step <= MAX_STEPS; step++) {
      const block = market.block - step * ahead;
      if (block < 1 || step * ahead > KEPT) break;
      const price = priceAt(market, shape, block);
      if (price === void 0) break;
      prices.unshift(price);
    }
    return prices;
  }
  function priceAt(market, shape, block) {
    if (block === market.block) return Number(marginal(market));
    const at = chain.at(block);
    const [item, key] = shape === void 0 ? ["Pools", "Pool"] : ["Curves", "Level"];
    const found2 = at.storage(item, key, market.number);
    if (found2 === null) return void 0;
    const pair = shape === void 0 ? [BigInt(found2.base), BigInt(found2.tokens)] : shape.price(BigInt(found2.supply));
    return Number(pair[0]) / Number(pair[1]) * 10 ** market.decimals;
  }

  // src/page.html
  var page_default = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'">
<title>JJarvis Forecast</title>
<h1>JJarvis Forecast</h1>
<p>Where a token's price may be in some blocks, by nothing but how it moved so far. It works for <a href="../jjarvis/">JJarvis</a>, and for whoever else asks.</p>
<p>For example: <a href="forecast?agent=0&amp;ahead=10">forecast?agent=0&amp;ahead=10</a>. Amounts are in smallest units.</p>
</html>
`;

  // src/index.js
  var MAX_AHEAD = 1024;
  async function asked({ query }) {
    const ahead = query.ahead === void 0 ? 100 : whole(Number(query.ahead), "ahead", 1, MAX_AHEAD);
    const market = await marketAsked(query);
    const prices = history(market, ahead);
    const { agent, symbol, block } = market;
    return { agent, symbol, block, ahead, price: String(marginal(market)), ...forecast(prices) };
  }
  var src_default = routed({ "GET /": () => page_default, "GET /forecast": asked });

  // <stdin>
  var found = src_default ?? void 0 ?? src_exports;
  globalThis.agent = found;
})();
