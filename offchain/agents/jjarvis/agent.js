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

  // ../parts/guarded_page.js
  var hash = (text3) => Wapo.hash("sha256", text3).toBase64();
  var within = (page, tag) => page.slice(page.indexOf(`<${tag}>`) + tag.length + 2, page.indexOf(`</${tag}>`));
  var guarded = (page) => page.replace("sha256-SCRIPT", `sha256-${hash(within(page, "script"))}`).replace("sha256-STYLE", `sha256-${hash(within(page, "style"))}`);

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
    let units2 = start;
    for (; ; ) {
      const [numerator, denominator] = integral(units2);
      const excess = numerator * parts - amount * denominator;
      if (excess <= 0n) return units2;
      const [rise, per] = price(units2 - 1n);
      units2 -= up(excess * per, rise * denominator * parts);
    }
  }
  function linear({ base, slope, divisor }) {
    return {
      integral: (units2) => [units2 * (2n * base + slope * (units2 - 1n)), 2n * divisor],
      price: (supply) => [base + slope * supply, divisor],
      unitsFor(money, most2) {
        const budget = money * divisor;
        if (slope > 0n) {
          const rise = 2n * base - slope;
          return least((isqrt(rise * rise + 8n * slope * budget) - rise) / (2n * slope), most2);
        }
        return base > 0n ? least(budget / base, most2) : most2;
      }
    };
  }
  function quadratic({ base, coefficient, divisor }) {
    const integral = (units2) => {
      return [6n * base * units2 + coefficient * (units2 - 1n) * units2 * (2n * units2 - 1n), 6n * divisor];
    };
    const price = (supply) => [base + coefficient * supply * supply, divisor];
    return {
      integral,
      price,
      unitsFor(money, most2) {
        const budget = money * divisor;
        let start = base > 0n ? least(budget / base, most2) : most2;
        if (coefficient > 0n) start = least(1n + rootAbove(3n * budget / coefficient, 3), start);
        return lastBelow([money, 1n], start, integral, price);
      }
    };
  }
  function product({ base, tokens }) {
    return {
      integral: (units2) => [base * units2, tokens - units2],
      price: (supply) => [base * tokens, (tokens - supply) * (tokens - supply)],
      unitsFor: (money, most2) => least(money * tokens / (base + money), most2)
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
      return lastBelow(money, last, (units2) => integral(start, units2), price);
    };
    return { integral, price, endFor };
  }
  function piecewise({ segments }) {
    const parts = segments.map((each, i) => {
      return { start: i ? segments[i - 1].until : 0n, until: each.until, ...segment(each) };
    });
    return {
      integral(units2) {
        let [total, per] = [0n, 1n];
        for (const part of parts) {
          const end = least(part.until, units2);
          const [added, by] = part.integral(part.start, end);
          [total, per] = [total * by + added * per, per * by];
          if (end === units2) break;
        }
        return [total, per];
      },
      price: (supply) => (parts.find(({ until }) => supply < until) ?? parts.at(-1)).price(supply),
      unitsFor(money, most2) {
        let [left, per, end] = [money, 1n, 0n];
        for (const part of parts) {
          end = least(part.until, most2);
          const [cost, by] = part.integral(part.start, end);
          if (cost * per > left * by) return part.endFor([left, per], part.start, end);
          [left, per] = [left * by - cost * per, per * by];
          if (end === most2) break;
        }
        return end;
      }
    };
  }
  var KINDS = { Linear: linear, Quadratic: quadratic, Product: product, Piecewise: piecewise };
  function shapeOf(told2) {
    const [[kind, fields]] = Object.entries(told2);
    return KINDS[kind](integers(fields));
  }
  function integers(value) {
    if (Array.isArray(value)) return value.map(integers);
    if (typeof value !== "object") return BigInt(value);
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, integers(each)]));
  }
  var charge = (gross, rate) => up(gross * rate, MILLION);
  function curveTrades({ shape, supply, reserve, last, buying, selling }) {
    const reserveAt = (units2) => up(...shape.integral(units2));
    const buy = (wanted2) => {
      const units2 = least(wanted2, last - supply);
      const gross = reserveAt(supply + units2) - reserve;
      return { units: units2, net: gross + charge(gross, buying) };
    };
    return {
      buy,
      buyFor: (money) => buy(shape.unitsFor(reserve + money * MILLION / (MILLION + buying), last) - supply),
      sell(wanted2) {
        const units2 = least(wanted2, supply);
        const gross = reserve - reserveAt(supply - units2);
        return { units: units2, net: gross - charge(gross, selling) };
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
      buy(wanted2) {
        const units2 = least(wanted2, tokens - 1n);
        return { units: units2, net: up(base * units2 * MILLION, (tokens - units2) * (MILLION - fee)) };
      },
      buyFor: (money) => ({ units: out(base, tokens, money), net: money }),
      sell: (units2) => ({ units: units2, net: out(tokens, base, units2) }),
      price: () => [base, tokens]
    };
  }

  // ../parts/market.js
  var UNIT_PLACES = 12;
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
    const { fees, launch_tax: tax, graduates_at: graduates, max_supply: most2 } = record.terms;
    const selling = BigInt(fees.creator + fees.treasury + fees.holders);
    const left = BigInt(tax.duration) - BigInt(now - record.created_at);
    const taxed = left > 0n ? BigInt(tax.start) * left / BigInt(tax.duration) : 0n;
    const supply = BigInt(level.supply);
    const of = { shape: shapeOf(record.shape), supply, reserve: BigInt(level.reserve), last: BigInt(graduates ?? most2) };
    const trades = curveTrades({ ...of, buying: selling + taxed, selling });
    return { ...found2, place: "curve", number: curve, circulating: supply, taxed, trades };
  }
  async function inPool(at, pool) {
    const { base, tokens } = at.storage("Pools", "Pool", pool);
    const trades = poolTrades({ base: BigInt(base), tokens: BigInt(tokens), fee: await poolFee() });
    return { place: "pool", number: pool, circulating: void 0, taxed: 0n, trades };
  }
  function traded({ trades }, { action, money, units: units2 }) {
    if (action === "sell") return trades.sell(units2);
    return money === void 0 ? trades.buy(units2) : trades.buyFor(money);
  }
  var perToken = ({ decimals }, { units: units2, net }) => units2 === 0n ? 0n : (net * 10n ** BigInt(decimals) + units2 - 1n) / units2;
  function written(amount, places) {
    const digits = amount.toString().padStart(places + 1, "0");
    const whole2 = digits.slice(0, digits.length - places);
    const rest = digits.slice(digits.length - places).replace(/0+$/, "");
    return rest ? `${whole2}.${rest}` : whole2;
  }

  // ../parts/reading.js
  var BadInput = class extends Error {
    constructor(field, problem) {
      super(problem);
      this.field = field;
    }
  };
  function object(value, field) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw new BadInput(field, "must be an object");
    }
    return value;
  }
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
  function string(value, field, max = Infinity) {
    if (typeof value !== "string" || value === "") throw new BadInput(field, "must be a string that is not empty");
    if (value.length > max) throw new BadInput(field, `has ${value.length} characters: at most ${max} are taken`);
    return value;
  }
  function known(value, field, names) {
    const unknown = Object.keys(object(value, field)).filter((name) => !names.includes(name));
    if (unknown.length) throw new BadInput(`${field}.${unknown[0]}`, `is none of ${names.join(", ")}`);
    return value;
  }
  function json(text3, field = "input") {
    try {
      return JSON.parse(text3);
    } catch (error) {
      throw new BadInput(field, `must be JSON: ${error.message}`);
    }
  }
  function refusal(error) {
    if (!(error instanceof BadInput)) throw error;
    return { error: "bad-input", field: error.field, message: `${error.field} ${error.message}` };
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
  function onlyByJob(agent, path) {
    const found2 = globalThis.job;
    if (found2 === void 0) {
      const command = `fathom agent send ${agent} ${path} --mode recorded --json '…'`;
      throw new Refused(409, "only-by-job", `this changes what is on the chain, which a job does: ${command}`);
    }
    return found2;
  }
  function routed(handlers) {
    const table = Object.entries(handlers).map(([route, handler]) => {
      const [method, path] = route.split(" ");
      return { method, path: path.split("/"), handler };
    });
    return async (text3) => {
      const request = JSON.parse(text3);
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
    const wanted2 = method === "HEAD" ? "GET" : method;
    const fits = ({ path: path2 }) => path2.length === given.length && path2.every((part, i) => part === "*" || part === given[i]);
    const found2 = table.filter(fits);
    if (!found2.length) throw notFound(`there is no ${path} here: GET / says what there is`);
    const route = found2.find((each) => each.method === wanted2);
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

  // src/account.js
  var DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  var TAG = new TextEncoder().encode("SS58PRE");
  function accountOf(value, field) {
    const text3 = string(value, field, 80);
    if (/^0x[0-9a-f]{64}$/i.test(text3)) return text3.toLowerCase();
    const bytes = decoded2(text3);
    const size = bytes?.length === 36 ? 2 : 1;
    if (bytes?.length !== 34 + size) throw new BadInput(field, "must be an address, or 32 bytes in hex");
    const sum = Wapo.hash("blake2b512", Wapo.concatU8a([TAG, bytes.slice(0, -2)]));
    if (sum[0] !== bytes.at(-2) || sum[1] !== bytes.at(-1)) throw new BadInput(field, "has a wrong checksum: a character is mistaken");
    return `0x${bytes.slice(size, -2).toHex()}`;
  }
  function decoded2(text3) {
    let value = 0n;
    for (const each of text3) {
      const digit = DIGITS.indexOf(each);
      if (digit < 0) return void 0;
      value = value * 58n + BigInt(digit);
    }
    const hex = value.toString(16);
    return Uint8Array.fromHex(hex.length % 2 ? `0${hex}` : hex);
  }

  // src/advice.js
  var MOST_CHARGE = 1000000000n;
  var DIGITS2 = /^[0-9]{1,39}$/;
  var LOOKED_BACK = 64;
  var FINDINGS = {
    pot: "an account of a pallet has no key, and trades no tokens",
    paused: "the agent is paused: nobody buys on its curve",
    "too-little-money": "the account has too little money for it",
    "too-few-tokens": "the account has fewer tokens than that",
    "sold-out": "there are not so many left",
    "launch-tax": "a launch tax is on, which falls with time",
    concentration: "more than half of all tokens would be yours",
    impact: "the trade moves the price by more than a tenth"
  };
  async function advice(market, trade2, account) {
    const { agent, block } = market;
    const wanted2 = { action: trade2.action };
    for (const name of ["money", "units"]) if (trade2[name] !== void 0) wanted2[name] = String(trade2[name]);
    const query = { agent, at: block };
    const [quote, forecast, risk] = await Promise.all([
      asked("jjarvis-quotes", "/quote", { ...query, ...wanted2 }, (told2) => checkedQuote(told2, market, trade2)),
      asked("jjarvis-forecast", "/forecast", query, checkedForecast),
      account === void 0 ? void 0 : asked("jjarvis-risk", "/risk", { ...query, ...wanted2, account }, checkedRisk)
    ]);
    const all = [quote, forecast, risk].filter((each) => each !== void 0);
    const receipts = all.flatMap(({ receipt }) => receipt ?? []);
    const said = (each) => each && { ...each, receipt: void 0 };
    return { quote: said(quote), forecast: said(forecast), risk: said(risk), receipts };
  }
  async function asked(agent, path, query, checked) {
    let answer, told2;
    try {
      answer = await agents.call(agent, { path, query, maxCharge: MOST_CHARGE });
      told2 = await answer.json();
    } catch (error) {
      return { by: agent, absent: error.reason ?? "unreadable", receipt: answer && [{ agent, ...answer.receipt }] };
    }
    const receipt = [{ agent, ...answer.receipt }];
    if (answer.status !== 200) return { by: agent, absent: `answers ${answer.status}`, receipt };
    return { by: agent, ...await checked(told2 ?? {}) ?? { absent: "unreadable" }, receipt };
  }
  async function checkedQuote({ block, units: units2, net }, market, trade2) {
    const near = Number.isInteger(block) && block <= market.block && block > market.block - LOOKED_BACK;
    if (!near || !DIGITS2.test(units2) || !DIGITS2.test(net)) return void 0;
    const there = block === market.block ? market : await marketOf(market.agent, block);
    const own = there && traded(there, trade2);
    const agrees = own !== void 0 && own.units === BigInt(units2) && own.net === BigInt(net);
    return { block, units: units2, net, agrees };
  }
  function checkedForecast({ known: known2, ahead, steps, expected, low, high, tried, held }) {
    const count = (value) => Number.isSafeInteger(value) && value >= 0;
    if (known2 === false && count(steps)) return { known: known2, steps };
    if (known2 !== true || ![ahead, steps, tried, held].every(count)) return void 0;
    if (![expected, low, high].every((each) => DIGITS2.test(each))) return void 0;
    return { known: known2, ahead, steps, expected, low, high, tried, held };
  }
  function checkedRisk({ findings }) {
    if (!Array.isArray(findings)) return void 0;
    const known2 = findings.filter((each) => Object.hasOwn(FINDINGS, each?.id ?? ""));
    return {
      findings: known2.slice(0, 20).map(({ id, level }) => {
        return { id, level: level === "stop" ? "stop" : "warn", text: FINDINGS[id] };
      })
    };
  }

  // ../parts/vectors.js
  async function embedded(texts) {
    if (!texts.length) return [];
    try {
      const found2 = await ai.embed(texts, { encoding_format: "base64" });
      return found2.map((text3) => unit(Array.from(new Float32Array(Uint8Array.fromBase64(text3).buffer))));
    } catch (error) {
      console.log(`no embeddings: ${error.message}`);
      return void 0;
    }
  }
  function unit(vector) {
    const length = Math.sqrt(dot(vector, vector));
    return length > 0 ? vector.map((value) => value / length) : vector;
  }
  function dot(one, other) {
    let sum = 0;
    const size = Math.min(one.length, other.length);
    for (let i = 0; i < size; i++) sum += one[i] * other[i];
    return sum;
  }
  var best = (vector, others) => others.reduce((most2, other) => Math.max(most2, dot(vector, other)), 0);

  // src/choices.js
  var ACTIONS = {
    buy: [
      "I want to own some tokens",
      "Get hold of tokens",
      "Put money into this token",
      "Pick up some of these",
      "Go long",
      "Add to my position"
    ],
    sell: [
      "I want to be rid of my tokens",
      "Turn my tokens into money",
      "Take profit",
      "Part with my holdings",
      "Close my position",
      "Unload these"
    ],
    ask: [
      "What does the token cost",
      "Tell me about the price",
      "Is it a good moment",
      "Information about this market",
      "Look up the quote"
    ]
  };
  var NEAR = 0.3;
  var APART = 0.03;
  async function chosenAction(intent) {
    const names = Object.keys(ACTIONS);
    const vectors = await embedded([words(intent), ...Object.values(ACTIONS).flat()]);
    if (vectors === void 0) throw new BadInput("intent", "says neither buy nor sell, and this worker has no model that could tell");
    const [wanted2, ...rest] = vectors;
    let at = 0;
    const scored = names.map((name) => ({ name, near: best(wanted2, rest.slice(at, at += ACTIONS[name].length)) })).sort((one, other) => other.near - one.near);
    if (scored[0].near < NEAR || scored[0].near - scored[1].near < APART) {
      throw new BadInput("intent", "says neither buy nor sell clearly");
    }
    return scored[0].name;
  }
  var words = (intent) => intent.replace(/\d[\w.,%]*/g, "").replace(/\bUNIT\b/g, "").replace(/\s+/g, " ").trim() || "nothing";

  // src/errors.json
  var errors_default = {
    "5": ["Balances", ["VestingBalance", "LiquidityRestrictions", "InsufficientBalance", "ExistentialDeposit", "Expendability", "ExistingVestingSchedule", "DeadAccount", "TooManyReserves", "TooManyHolds", "TooManyFreezes", "IssuanceDeactivated", "DeltaZero"]],
    "12": ["Assets", ["BalanceLow", "NoAccount", "NoPermission", "Unknown", "Frozen", "InUse", "BadWitness", "MinBalanceZero", "UnavailableConsumer", "BadMetadata", "Unapproved", "WouldDie", "AlreadyExists", "NoDeposit", "WouldBurn", "LiveAsset", "AssetNotLive", "IncorrectStatus", "NotFrozen", "CallbackFailed", "BadAssetId", "ContainsFreezes", "ContainsHolds"]],
    "24": ["Curves", ["UnknownCurve", "NotCreator", "AlreadyLaunched", "NoSupply", "UnsoundShape", "FallingPrices", "BeyondBalance", "FeesTooHigh", "TaxTooHigh", "TaxTooLong", "TaxWithoutPool", "CannotStockPool", "ZeroUnits", "ZeroMoney", "TooLittleMoney", "OverCap", "TooLittleSupply", "AgentPaused", "HasGraduated", "SelfDealing", "Slippage", "NothingDue"]],
    "26": ["Pools", ["UnknownPool", "ZeroAmount", "TooSmall", "TooLarge", "Slippage", "SelfDealing"]],
    "33": ["Anchors", ["Malformed", "Conflict", "TooHeavy", "StoreFull", "BadCall", "NoCrossings", "OverJobLimit", "OverDayLimit"]],
    "34": ["Mandates", ["NoMandate", "MandateExpired", "MandateExceeded", "CallNotAllowed", "TokenNotAllowed", "EndInThePast", "NothingAllowed", "TokenTwice"]]
  };

  // src/happened.js
  var KEPT = 4e3;
  var MILLION2 = 1000000n;
  function settlement(id) {
    const found2 = chain.storage("Jobs", "Job", id);
    if (found2 === null) throw notFound(`there is no job ${id}`);
    const at = found2.outcome?.settled_at;
    if (!at) return { state: found2.state, submitter: found2.submitter };
    const block = blockAt(at);
    const events = block === void 0 ? void 0 : eventsOf(block);
    return { state: found2.state, submitter: found2.submitter, block, events };
  }
  function blockAt(moment) {
    let high = chain.block.number;
    let low = Math.max(1, high - KEPT);
    const timeOf = (number2) => chain.at(number2).storage("Timestamp", "Now");
    if (timeOf(low) > moment) return void 0;
    while (low < high) {
      const middle = low + high >> 1;
      if (timeOf(middle) < moment) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  function eventsOf(block) {
    return chain.at(block).storage("System", "Events").map(({ event }) => {
      const [[pallet, inner]] = Object.entries(event);
      const [name, fields] = typeof inner === "string" ? [inner, {}] : Object.entries(inner)[0];
      return { name: `${pallet}.${name}`, fields };
    });
  }
  function wasFor(job2, plan) {
    const output = chain.storage("Jobs", "Output", job2);
    return output !== null && new TextDecoder().decode(Uint8Array.fromHex(output.slice(2))).includes(plan);
  }
  function outcomeOf({ events }, id, agent, submitter) {
    const ofJob = ({ fields }) => fields.job === id && fields.agent === agent;
    const refused = events.find((each) => each.name === "Anchors.Refused" && ofJob(each));
    if (refused) return { outcome: "refused", error: errorName(refused.fields.error) };
    const end = events.findIndex((each) => each.name === "Mandates.Used" && ofJob(each));
    if (end < 0) return { outcome: "nothing" };
    const mine = events.slice(0, end).filter((each) => TRADES[each.name] && each.fields.who === submitter).at(-1);
    return mine === void 0 ? { outcome: "nothing" } : { outcome: "traded", ...TRADES[mine.name](mine.fields) };
  }
  var TRADES = {
    "Curves.Bought": ({ units: units2, cost }) => ({ units: String(units2), money: String(cost) }),
    "Curves.Sold": ({ units: units2, refund }) => ({ units: String(units2), money: String(refund) }),
    "Pools.Swapped": ({ side, amount_in: given, amount_out: got }) => {
      const [units2, money] = side === "Buy" ? [got, given] : [given, got];
      return { units: String(units2), money: String(money) };
    }
  };
  function errorName(error) {
    if (error?.Module === void 0) return typeof error === "string" ? error : Object.entries(error).flat().map(String).join(".");
    const { index, error: number2 } = error.Module;
    const [pallet, names] = errors_default[index] ?? [`pallet ${index}`, []];
    const place = parseInt(number2.slice(2, 4), 16);
    return `${pallet}.${names[place] ?? `error ${place}`}`;
  }
  function compared(plan, { units: units2, money }, decimals) {
    const [paid, meant] = [BigInt(money) * BigInt(plan.expected.units), BigInt(plan.expected.money) * BigInt(units2)];
    const gap = plan.action === "sell" ? meant - paid : paid - meant;
    const worse = meant === 0n ? 0 : Number(gap * MILLION2 / meant);
    const each = BigInt(money) * 10n ** BigInt(decimals) / BigInt(units2);
    const [count, amount] = [written(BigInt(units2), decimals), written(BigInt(money), UNIT_PLACES)];
    const did = `${plan.action === "sell" ? "Sold" : "Bought"} ${count} ${plan.symbol} for ${amount} UNIT`;
    const than = worse === 0 ? "as planned" : `${Math.abs(worse) / 1e4} % ${worse > 0 ? "worse" : "better"} than planned`;
    const text3 = `${did}: ${written(each, UNIT_PLACES)} UNIT each, ${than}; the bound was ${plan.slippage / 1e4} %.`;
    return { perToken: String(each), worse, text: text3 };
  }

  // src/page.html
  var page_default = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'sha256-SCRIPT'; style-src 'sha256-STYLE'; connect-src 'self' http: https:; base-uri 'none'; form-action 'none'">
<title>JJarvis</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }
  input { width: 100%; box-sizing: border-box; font: inherit } button { font: inherit; padding: .3rem 1rem }
  pre { background: #f2f2f2; padding: .5rem; overflow-x: auto; white-space: pre-wrap } small { color: #666 } .stop { color: #b00020 }
</style>
<h1>JJarvis</h1>
<p>Say what to buy or sell, and within which bounds. You get a plan, what three other agents make of it, and the job that trades it
under a mandate of yours. A plan trades once, and never outside of its bounds.</p>
<form id="form">
  <p><label>intent <input id="intent" maxlength="400" required value="buy 2 UNIT of the token of migorithms if it costs under 0.5, at most 2 % slippage"></label></p>
  <p><label>account <input id="account" maxlength="80" placeholder="address"></label></p>
  <p><button>Plan</button> <small id="said"></small></p>
</form>
<section id="result" hidden>
  <p id="text"></p>
  <ul id="findings"></ul>
  <pre id="plan"></pre>
</section>
<h2>What became of it</h2>
<form id="look"><p><label>plan <input id="id" maxlength="32" required></label></p><p><button>Look up</button></p></form>
<p id="became"></p>
<script>
  const $ = (id) => document.getElementById(id);
  $('form').onsubmit = async (event) => {
    event.preventDefault();
    $('said').textContent = '…';
    const given = { intent: $('intent').value, ...($('account').value && { account: $('account').value.trim() }) };
    const found = await (await fetch('plans', { method: 'POST', body: JSON.stringify(given) })).json();
    $('said').textContent = found.message ?? '';
    $('result').hidden = found.message !== undefined;
    $('text').textContent = found.text ?? '';
    $('findings').replaceChildren(...(found.risk?.findings ?? []).map(({ level, text }) => {
      return Object.assign(document.createElement('li'), { textContent: text, className: level });
    }));
    $('plan').textContent = JSON.stringify(found, null, 2);
    $('id').value = found.plan?.id ?? '';
  };
  $('look').onsubmit = async (event) => {
    event.preventDefault();
    const found = await (await fetch(\`trades/\${encodeURIComponent($('id').value)}\`)).json();
    $('became').textContent = found.text ?? found.message;
  };
</script>
</html>
`;

  // ../parts/hashes.js
  function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    const fields = Object.keys(value).sort();
    return `{${fields.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  var contentId = (value) => Wapo.hash("blake2b256", canonical(value)).toHex().slice(0, 32);

  // src/tokens.js
  var MAX_CURVES = 64;
  var text2 = (hex) => new TextDecoder().decode(Uint8Array.fromHex(hex.slice(2)));
  function agentOf({ agent, symbol }, block) {
    const at = chain.at(block);
    return symbol === void 0 ? byName(at, agent) : bySymbol(at, symbol);
  }
  function byName(at, name) {
    const found2 = at.storage("Agents", "ByName", name);
    if (found2 === null) throw new BadInput("intent", `names the agent ${name}, which there is none of`);
    return found2;
  }
  function bySymbol(at, symbol) {
    const count = at.storage("Curves", "NextCurve");
    if (count > MAX_CURVES) throw new BadInput("intent", `names a symbol, and there are too many tokens to look through: name the agent`);
    const found2 = [];
    for (let id = 0; id < count; id++) {
      const { agent, token } = at.storage("Curves", "Curve", id);
      if (text2(at.storage("Assets", "Metadata", token).symbol) === symbol) found2.push(agent);
    }
    if (!found2.length) throw new BadInput("intent", `names ${symbol}, which no token is called`);
    if (found2.length > 1) throw new BadInput("intent", `names ${symbol}, which agents ${found2.join(" and ")} both have: name the agent`);
    return found2[0];
  }

  // src/words.js
  var MAX_LENGTH = 400;
  var MAX_SLIPPAGE = 500000n;
  var DEFAULT_SLIPPAGE = 10000n;
  var MONEY = "¤";
  var UPPER = "(?:no more than|not more than|less than|cheaper than|at most|maximum of|maximum|max|up to|under|below|<=|<|≤)";
  var LOWER = "(?:no less than|not less than|more than|at least|minimum of|minimum|min|over|above|>=|>|≥)";
  var EITHER = `(?:${UPPER}|${LOWER})`;
  var STRICT = /^(less than|cheaper than|under|below|<|more than|over|above|>)$/i;
  var NUMBER = "#(\\d+)#";
  var CUE = "(?:costs?|costing|prices?|priced|is|are|trades?|trading|stays|sells|pays|fetches|at)";
  var EACH = "(?:each|apiece|a piece|per token|per coin|per share|a token|a coin|a share)";
  var ALL = "(?:in all|in total|altogether|together|total|overall)";
  var NAME = "([A-Za-z][A-Za-z0-9-]*)";
  var SLIP = "(?:slippage|slip|tolerance)";
  var THINGS = "(?:tokens?|coins?|shares?)";
  var BUY = /\b(buy|buying|purchase|acquire|invest|investing|spend|spending|grab)\b/i;
  var SELL = /\b(sell|selling|dump|liquidate|offload|cash out|get rid of)\b/i;
  var ASK = /\?|^\s*(what|how|quote|show|tell|should|would|could|can|is|does|do)\b|\bforecast\b/i;
  var NEGATED = /\b(don['’]?t|do not|never|not|cancel|abort|without)\b/i;
  var WEIGHTY = [
    "if when once while provided unless until after before then",
    "tomorrow tonight later every each daily weekly hourly monthly",
    "half all everything twice double two three four five six seven eight nine ten hundred thousand million dozen",
    "percent slippage slip tolerance"
  ];
  var UNREAD = new RegExp(`\\b(?:${WEIGHTY.join(" ").replaceAll(" ", "|")}|${EITHER})\\b|%|[<>≤≥]|${MONEY}`, "i");
  var FILLER = new Set(
    [
      "the a an it its them this that some any my me your of in on into with for at to and or from please",
      "token tokens coin coins share shares unit units agent called named worth price cost costs is are case average general order",
      "buy buying sell selling purchase acquire invest investing grab dump liquidate offload spend spending pay paying"
    ].flatMap((line) => line.split(" "))
  );
  var refuse = (problem) => {
    throw new BadInput("intent", problem);
  };
  function read(given) {
    const intent = string(given, "intent", MAX_LENGTH).normalize("NFKC");
    if (/[#¤$€£¥₿]/.test(intent)) refuse("has # or a sign of money in it: the money here is UNIT");
    const numbers = [];
    const rest = new Sentence(numbered(intent, numbers), numbers);
    const action = actionIn(intent);
    const slippage = slippageIn(rest);
    const limits = limitsIn(rest, action);
    const target = targetIn(rest);
    const amount = amountIn(rest);
    rest.end();
    return { action, ...target, ...amount, slippage, ...limits };
  }
  function numbered(intent, numbers) {
    return intent.replace(/[-+]?(?:[A-Za-z0-9]*[A-Za-z-])?\d[\w.,-]*/g, (found2) => {
      if (/^[A-Za-z]/.test(found2)) return found2;
      const [, digits, symbol = "", end = ""] = /^(\d{1,24}(?:\.\d{1,18})?)([A-Z][A-Z0-9]*)?([.,]?)$/.exec(found2) ?? [];
      if (digits === void 0) refuse(`has ${JSON.stringify(found2)}, which is no plain number: write 1000 or 0.2`);
      numbers.push(digits);
      return `#${numbers.length - 1}# ${symbol}${end}`;
    }).replace(/\bUNIT\b/g, MONEY);
  }
  var Sentence = class {
    constructor(text3, numbers) {
      this.text = text3;
      this.numbers = numbers;
    }
    // All that a rule finds, each taken out.
    take(rule) {
      const found2 = [...this.text.matchAll(new RegExp(rule, "gi"))];
      this.text = this.text.replace(new RegExp(rule, "gi"), " ; ");
      return found2;
    }
    number(place) {
      return this.numbers[Number(place)];
    }
    end() {
      const left = /#(\d+)#/.exec(this.text);
      if (left) refuse(`has the number ${this.number(left[1])}, of which it isn't clear what it means`);
      if (NEGATED.test(this.text)) refuse(`has ${JSON.stringify(NEGATED.exec(this.text)[0])}: say what to do, and nothing else`);
      const unread = UNREAD.exec(this.text);
      if (unread) refuse(`has ${JSON.stringify(unread[0].replace(MONEY, "UNIT"))} in a way that isn't understood: nothing is left out silently`);
    }
  };
  var only = (found2, what) => {
    if (found2.length > 1) refuse(`says ${what} more than once`);
    return found2[0];
  };
  function actionIn(intent) {
    if (ASK.test(intent)) return "ask";
    const [buys, sells] = [BUY.test(intent), SELL.test(intent)];
    if (buys && sells) refuse("says to buy and to sell: one at a time");
    return buys ? "buy" : sells ? "sell" : void 0;
  }
  function slippageIn(rest) {
    const percent = "(?:%|percent|per cent)";
    const none = rest.take(`\\b(?:no|zero|without(?: any)?)\\s+${SLIP}`);
    const found2 = [
      ...rest.take(`(?:${UPPER}|within|with)?\\s*(?:an?\\s+)?${NUMBER}\\s*${percent}\\s*(?:of\\s+)?(?:price\\s+)?${SLIP}`),
      ...rest.take(`${SLIP}\\s*(?:of|:|=|is|to|within|${UPPER}|\\s)*\\s*${NUMBER}\\s*${percent}`)
    ];
    const one = only([...none, ...found2], "the slippage");
    if (one === void 0) return DEFAULT_SLIPPAGE;
    const slippage = one[1] === void 0 ? 0n : units(rest.number(one[1]), 4, "the slippage");
    if (slippage > MAX_SLIPPAGE) refuse(`has a slippage of more than ${MAX_SLIPPAGE / 10000n} %`);
    return slippage;
  }
  function limitsIn(rest, action) {
    const when = "(?:(?:only\\s+)?(?:if|when|while|as long as|provided)\\s+)?(?:(?:it|they|the price|its price|each|the token|a token)\\s+)?";
    const totals = [
      ...rest.take(`\\b(?:for|spend|spending|pay|paying|get|getting)?\\s*(${EITHER})\\s*${NUMBER}\\s*${MONEY}?\\s*${ALL}\\b`),
      ...rest.take(`\\b(?:for|spend|spending|pay|paying|get|getting)\\s+(${EITHER})\\s*${NUMBER}\\s*${MONEY}(?!\\s*${EACH})`)
    ];
    const prices = [
      ...rest.take(`${when}\\b${CUE}\\s+(?:is\\s+|at\\s+)?(${EITHER})\\s*${NUMBER}(?:\\s*${MONEY})?(?:\\s*${EACH}\\b)?`),
      ...rest.take(`(?:\\bfor\\s+)?(${EITHER})\\s*${NUMBER}(?:\\s*${MONEY})?\\s*${EACH}\\b`)
    ];
    return { price: limit(rest, only(prices, "the price"), action), total: limit(rest, only(totals, "the total"), action) };
  }
  function limit(rest, found2, action) {
    if (found2 === void 0) return void 0;
    const [, word, place] = found2;
    const isUpper = new RegExp(`^${UPPER}$`, "i").test(word);
    if (action !== "ask" && isUpper !== (action !== "sell")) {
      refuse(`has the limit ${JSON.stringify(word)}: a purchase has an upper one, a sale a lower one`);
    }
    return { value: rest.number(place), strict: STRICT.test(word) };
  }
  function targetIn(rest) {
    const text3 = rest.text;
    const named = (...rules) => rules.flatMap((rule) => [...text3.matchAll(new RegExp(rule, "g"))].map(([, name2]) => name2));
    const clear = named(
      `\\b${THINGS}\\s+of\\s+(?:the\\s+)?(?:agent\\s+)?(?:called\\s+|named\\s+)?${NAME}`,
      `\\b${NAME}['’]s\\s+${THINGS}`,
      `(?<!['’])\\b${NAME}\\s+${THINGS}\\b`,
      `\\bagent\\s+(?:called\\s+|named\\s+)?${NAME}`,
      `${MONEY}\\s+(?:worth\\s+)?(?:of|in|on|into)\\s+(?:the\\s+)?${NAME}`,
      `#\\d+#\\s*(?:of\\s+)?${NAME}`,
      `#\\d+#\\s*[A-Za-z][A-Za-z0-9-]*\\s+of\\s+(?:the\\s+)?${NAME}`
    ).filter((name2) => !FILLER.has(name2.toLowerCase()));
    const vague = () => named(`\\b(?:in|into|of|on|[Bb]uy|[Ss]ell|[Pp]urchase|[Aa]cquire|[Gg]rab|[Dd]ump)\\s+(?:the\\s+|my\\s+|some\\s+)?${NAME}`);
    const found2 = [...new Set(clear.length ? clear : vague().filter((name2) => !FILLER.has(name2.toLowerCase())))];
    if (!found2.length) refuse('names no token: say "the token of NAME", or its symbol');
    if (found2.length > 1) refuse(`may mean ${found2.map((name2) => JSON.stringify(name2)).join(" or ")}: name one token`);
    const [name] = found2;
    rest.name = name;
    return /^[A-Z][A-Z0-9]+$/.test(name) ? { symbol: name } : { agent: name.toLowerCase() };
  }
  function amountIn(rest) {
    const money = rest.take(`${NUMBER}\\s*${MONEY}`);
    const tokens = rest.take(`${NUMBER}\\s*(?:(?:of\\s+)?${rest.name}\\b|(?:of\\s+(?:the|my)\\s+)?${THINGS}\\b)`);
    const found2 = only([...money.map((each) => ["money", each]), ...tokens.map((each) => ["units", each])], "the amount");
    if (found2 === void 0) return {};
    const [kind, [, place]] = found2;
    return { [kind]: rest.number(place) };
  }
  function units(digits, places, what) {
    const [whole2, rest = ""] = digits.split(".");
    if (rest.length > places) refuse(`has more decimal places for ${what} than the ${places} that there are`);
    return BigInt(whole2 + rest.padEnd(places, "0"));
  }

  // src/plan.js
  var VALID_MS = 10 * 6e4;
  var MILLION3 = 1000000n;
  var later = (one, other) => one > other ? one : other;
  var earlier = (one, other) => one < other ? one : other;
  async function marketNamed(said, block) {
    const agent = agentOf(said, block);
    const market = await marketOf(agent, block);
    if (market === void 0) throw new BadInput("intent", `names agent ${agent}, which has no token`);
    return market;
  }
  function wanted(said, action, market) {
    if (said.money === void 0 && said.units === void 0) return void 0;
    if (action === "sell" && said.money !== void 0) {
      throw new BadInput("intent", "says for how much money to sell: say how many tokens");
    }
    const money = said.money === void 0 ? void 0 : units(said.money, UNIT_PLACES, "UNIT");
    const tokens = said.units === void 0 ? void 0 : units(said.units, market.decimals, market.symbol);
    if (money === 0n || tokens === 0n) throw new BadInput("intent", "is about nothing: the amount is 0");
    return { action, money, units: tokens };
  }
  async function planned({ intent, said, account, action, block }) {
    const market = await marketNamed(said, block);
    const trade2 = wanted(said, action, market);
    if (trade2 === void 0) throw new BadInput("intent", "names no amount: say how many tokens, or how many UNIT");
    if (market.paused && market.place === "curve" && action === "buy") throw new Refused(409, "paused", "the agent is paused");
    const { call, quote, terms } = bounded(market, trade2, said);
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
      bound: terms
    };
    return { plan: { id: contentId(content), ...content }, market, trade: trade2, quote };
  }
  function bounded(market, trade2, said) {
    const price = said.price && { ...said.price, value: units(said.price.value, UNIT_PLACES, "UNIT") };
    const total = said.total && { ...said.total, value: units(said.total.value, UNIT_PLACES, "UNIT") };
    const limits = { price, total, slippage: said.slippage, scale: 10n ** BigInt(market.decimals) };
    if (trade2.action === "sell") return sale(market, trade2, limits);
    return trade2.money === void 0 ? purchase(market, trade2, limits) : purchaseFor(market, trade2, limits);
  }
  var most = ({ value, strict }, count, scale) => value * count / scale - (strict ? 1n : 0n);
  function purchaseFor(market, trade2, { price, total, slippage, scale }) {
    if (total) throw new BadInput("intent", "says two amounts of money to spend");
    const first = traded(market, trade2);
    if (first.units === 0n) throw new Refused(409, "too-little", "that pays for nothing here");
    let least2 = up(first.units * MILLION3, MILLION3 + slippage);
    if (price?.value > 0n) least2 = later(least2, earlier(first.units, up(trade2.money * scale, price.value)));
    let money = earlier(trade2.money, first.net * (MILLION3 + slippage) * least2 / (MILLION3 * first.units));
    if (price) money = earlier(money, most(price, least2, scale));
    const quote = money > 0n ? traded(market, { ...trade2, money }) : first;
    if (quote.units < least2 || money <= 0n) throw unmet(market, quote);
    const call = market.place === "curve" ? ["Curves.buy_for", { curve: market.number, money: String(money), min_units: String(least2) }] : ["Pools.swap_exact_in", { pool: market.number, side: "Buy", amount_in: String(money), min_out: String(least2) }];
    return { call, quote, terms: { pays: String(money), gets: String(least2) } };
  }
  function purchase(market, trade2, { price, total, slippage, scale }) {
    const quote = traded(market, trade2);
    if (quote.units < trade2.units) throw new Refused(409, "sold-out", `there are only ${written(quote.units, market.decimals)} left`);
    let cost = quote.net * (MILLION3 + slippage) / MILLION3;
    if (price) cost = earlier(cost, most(price, trade2.units, scale));
    if (total) cost = earlier(cost, total.value - (total.strict ? 1n : 0n));
    if (quote.net > cost) throw unmet(market, quote);
    const call = market.place === "curve" ? ["Curves.buy", { curve: market.number, units: String(trade2.units), max_cost: String(cost) }] : ["Pools.swap_exact_out", { pool: market.number, side: "Buy", amount_out: String(trade2.units), max_in: String(cost) }];
    return { call, quote, terms: { pays: String(cost), gets: String(trade2.units) } };
  }
  function sale(market, trade2, { price, total, slippage, scale }) {
    const quote = traded(market, trade2);
    if (quote.units < trade2.units) throw new Refused(409, "too-many", "there are not so many in circulation");
    let refund = up(quote.net * (MILLION3 - slippage), MILLION3);
    if (price) refund = later(refund, up(price.value * trade2.units, scale) + (price.strict ? 1n : 0n));
    if (total) refund = later(refund, total.value + (total.strict ? 1n : 0n));
    if (quote.net < refund) throw unmet(market, quote);
    const call = market.place === "curve" ? ["Curves.sell", { curve: market.number, units: String(trade2.units), min_refund: String(refund) }] : ["Pools.swap_exact_in", { pool: market.number, side: "Sell", amount_in: String(trade2.units), min_out: String(refund) }];
    return { call, quote, terms: { pays: String(trade2.units), gets: String(refund) } };
  }
  function unmet(market, quote) {
    const each = written(perToken(market, quote), UNIT_PLACES);
    return new Refused(409, "condition-not-met", `now it is ${each} UNIT for each ${market.symbol}, fees included: your limit isn't met`);
  }
  function mandateFor(plan, market, self) {
    const [name] = plan.call;
    const kinds = [name.split(".")[0]];
    if (plan.action === "sell") kinds.push({ Token: { token: market.token, units: plan.bound.pays } });
    const allowance = plan.action === "sell" ? "0" : plan.bound.pays;
    return { call: "Mandates.grant", arguments: { agent: self, allowance, kinds, until: plan.expires } };
  }

  // src/trades.js
  var KEPT_MS = 7 * 864e5;
  var SWEPT = 8;
  var keyOf = (id) => `trade/${id}`;
  function find(id) {
    const found2 = /^[0-9a-f]{32}$/.test(id) ? kv.getJson(keyOf(id)) : void 0;
    if (found2 === void 0) throw notFound(`no plan ${id} was traded; ?job=NUMBER says what became of a job that was to`);
    return found2;
  }
  function claim(plan, now) {
    const key = keyOf(plan.id);
    const taken = kv.getJson(key);
    if (taken !== void 0) throw new Refused(409, "already-traded", `the plan was traded by job ${taken.job}: a plan trades once`);
    sweep(key, now);
    const { id, ...rest } = plan;
    kv.set(key, { job: job.id, ...rest });
  }
  function sweep(key, now) {
    for (const old of kv.keys("trade/", { limit: SWEPT, after: key })) {
      const found2 = kv.getJson(old, { lock: false });
      if (found2 !== void 0 && found2.expires + KEPT_MS < now) kv.delete(old);
    }
  }

  // src/index.js
  var AGENT = "jjarvis";
  var PAGE = guarded(page_default);
  async function understood(intent) {
    const said = read(intent);
    const by = said.action === void 0 ? "model" : "words";
    return { said, by, action: said.action ?? await chosenAction(intent) };
  }
  async function reading({ body }) {
    const { said, by, action } = await understood(known(body, "input", ["intent"]).intent);
    return { ...said, slippage: Number(said.slippage), action, by };
  }
  async function plans({ body }) {
    known(body, "input", ["intent", "account"]);
    const { said, by, action } = await understood(body.intent);
    const account = body.account === void 0 ? void 0 : accountOf(body.account, "account");
    const block = chain.block.number;
    if (action === "ask") return answered2(said, by, block);
    if (account === void 0) throw new BadInput("account", "must be there: a plan is for one account");
    const { plan, market, trade: trade2 } = await planned({ intent: body.intent, said, account, action, block });
    const others = await advice(market, trade2, account);
    const stopped = (others.risk?.findings ?? []).some(({ level }) => level === "stop");
    const order = { plan: plan.id, intent: body.intent, block, action };
    const job2 = { agent: AGENT, method: "POST", path: "/trades", mode: "Deterministic", replicas: 3, body: order };
    return {
      plan,
      actionBy: by,
      text: inWords(plan, market),
      ...others,
      ...stopped ? { stopped } : { mandate: mandateFor(plan, market, chain.storage("Agents", "ByName", AGENT)), job: job2 }
    };
  }
  async function answered2(said, by, block) {
    const market = await marketNamed(said, block);
    const trade2 = wanted(said, "buy", market) ?? { action: "buy", units: 10n ** BigInt(market.decimals) };
    const { agent, name, symbol, place } = market;
    return { asked: { agent, name, symbol, place, block }, actionBy: by, ...await advice(market, trade2, void 0) };
  }
  function inWords(plan, market) {
    const money = (amount) => `${written(BigInt(amount), UNIT_PLACES)} UNIT`;
    const tokens = (amount) => `${written(BigInt(amount), market.decimals)} ${plan.symbol}`;
    const { expected, bound } = plan;
    const does = plan.action === "sell" ? `Sell ${tokens(bound.pays)} for about ${money(expected.money)}, at least ${money(bound.gets)}` : `Buy about ${tokens(expected.units)} for about ${money(expected.money)}: at least ${tokens(bound.gets)} for at most ${money(bound.pays)}`;
    return `${does}, on the ${market.place} of ${plan.name}. Nothing happens outside of these bounds.`;
  }
  async function trade({ body }) {
    const { submitter } = onlyByJob(AGENT, "/trades");
    known(body, "input", ["plan", "intent", "block", "action"]);
    const intent = string(body.intent, "intent");
    const block = whole(body.block, "block", 1, chain.block.number);
    const said = read(intent);
    const { action } = body;
    if (action !== "buy" && action !== "sell") throw new BadInput("action", "must be buy or sell");
    if (said.action !== void 0 && said.action !== action) throw new BadInput("action", "is not what the intent says");
    const { plan } = await planned({ intent, said, account: submitter, action, block });
    if (plan.id !== body.plan) {
      throw new Refused(409, "not-the-plan", "this is not what the plan of this id says, or it was made for another account");
    }
    const now = chain.storage("Timestamp", "Now");
    if (now >= plan.expires) throw new Refused(409, "expired", "the plan is over: make a new one");
    claim(plan, now);
    chain.call(...plan.call);
    return { plan };
  }
  async function told({ parts: [id], query }) {
    const self = chain.storage("Agents", "ByName", AGENT);
    const plan = query.job === void 0 ? find(id) : void 0;
    const number2 = plan?.job ?? whole(Number(query.job), "job", 0, Number.MAX_SAFE_INTEGER);
    const found2 = settlement(number2);
    const base = { id, job: number2, state: found2.state, block: found2.block };
    if (found2.events === void 0) return { ...base, plan, outcome: plan === void 0 ? "unknown" : "traded" };
    const outcome = outcomeOf(found2, number2, self, found2.submitter);
    if (outcome.outcome !== "nothing" && !wasFor(number2, id)) throw new Refused(409, "another-plan", `job ${number2} was for another plan`);
    if (outcome.outcome !== "traded") return { ...base, ...outcome, text: explained(outcome) };
    const traded2 = plan ?? find(id);
    const { decimals } = await marketOf(traded2.agent);
    return { ...base, plan: traded2, ...outcome, ...compared(traded2, outcome, decimals) };
  }
  var explained = ({ outcome, error }) => outcome === "refused" ? `Nothing was traded and nothing moved: the chain refused it, ${error}.` : "Nothing was traded: the job left no trade for the chain.";
  var src_default = routed({
    "GET /": () => PAGE,
    "POST /read": reading,
    "POST /plans": plans,
    "POST /trades": trade,
    "GET /trades/*": told
  });

  // <stdin>
  var found = src_default ?? void 0 ?? src_exports;
  globalThis.agent = found;
})();
