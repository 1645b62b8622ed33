// An intent in plain words, read by rules: what to do, with which token, and every amount and bound of it. An amount is
// only ever what stands in the words as digits, and each number must be read by a rule: what isn't understood is refused,
// never guessed. No model is asked here.
import { BadInput, string } from '../../parts/reading.js';

const MAX_LENGTH = 400;
const MAX_SLIPPAGE = 500_000n; // millionths
const DEFAULT_SLIPPAGE = 10_000n;
const MONEY = '¤'; // stands for the chain's money in what the rules look at

const UPPER = '(?:no more than|not more than|less than|cheaper than|at most|maximum of|maximum|max|up to|under|below|<=|<|≤)';
const LOWER = '(?:no less than|not less than|more than|at least|minimum of|minimum|min|over|above|>=|>|≥)';
const EITHER = `(?:${UPPER}|${LOWER})`;
const STRICT = /^(less than|cheaper than|under|below|<|more than|over|above|>)$/i;
const NUMBER = '#(\\d+)#';
const CUE = '(?:costs?|costing|prices?|priced|is|are|trades?|trading|stays|sells|pays|fetches|at)';
const EACH = '(?:each|apiece|a piece|per token|per coin|per share|a token|a coin|a share)';
const ALL = '(?:in all|in total|altogether|together|total|overall)';
const NAME = '([A-Za-z][A-Za-z0-9-]*)';
const SLIP = '(?:slippage|slip|tolerance)';
const THINGS = '(?:tokens?|coins?|shares?)';

const BUY = /\b(buy|buying|purchase|acquire|invest|investing|spend|spending|grab)\b/i;
const SELL = /\b(sell|selling|dump|liquidate|offload|cash out|get rid of)\b/i;
const ASK = /\?|^\s*(what|how|quote|show|tell|should|would|could|can|is|does|do)\b|\bforecast\b/i;
const NEGATED = /\b(don['’]?t|do not|never|not|cancel|abort|without)\b/i;
// What would change a trade, and must be read by a rule: left over, it refuses the intent.
const WEIGHTY = [
  'if when once while provided unless until after before then',
  'tomorrow tonight later every each daily weekly hourly monthly',
  'half all everything twice double two three four five six seven eight nine ten hundred thousand million dozen',
  'percent slippage slip tolerance',
];
const UNREAD = new RegExp(`\\b(?:${WEIGHTY.join(' ').replaceAll(' ', '|')}|${EITHER})\\b|%|[<>≤≥]|${MONEY}`, 'i');
// Never a token's name.
const FILLER = new Set(
  [
    'the a an it its them this that some any my me your of in on into with for at to and or from please',
    'token tokens coin coins share shares unit units agent called named worth price cost costs is are case average general order',
    'buy buying sell selling purchase acquire invest investing grab dump liquidate offload spend spending pay paying',
  ].flatMap((line) => line.split(' ')),
);

const refuse = (problem) => {
  throw new BadInput('intent', problem);
};

// {action, agent or symbol, money or units, slippage, price, total}: amounts as digits, `price` and `total` as
// {value, strict}; `action` is undefined where no word says it.
export function read(given) {
  const intent = string(given, 'intent', MAX_LENGTH).normalize('NFKC');
  if (/[#¤$€£¥₿]/.test(intent)) refuse('has # or a sign of money in it: the money here is UNIT');
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

// The words with every number's place in `numbers` instead of it, and `¤` for money. UNIT is money; units may be of
// anything.
function numbered(intent, numbers) {
  return intent
    .replace(/[-+]?(?:[A-Za-z0-9]*[A-Za-z-])?\d[\w.,-]*/g, (found) => {
      if (/^[A-Za-z]/.test(found)) return found; // part of a name
      const [, digits, symbol = '', end = ''] = /^(\d{1,24}(?:\.\d{1,18})?)([A-Z][A-Z0-9]*)?([.,]?)$/.exec(found) ?? [];
      if (digits === undefined) refuse(`has ${JSON.stringify(found)}, which is no plain number: write 1000 or 0.2`);
      numbers.push(digits);
      return `#${numbers.length - 1}# ${symbol}${end}`;
    })
    .replace(/\bUNIT\b/g, MONEY);
}

// What is left of the words, as rules take from it.
class Sentence {
  constructor(text, numbers) {
    this.text = text;
    this.numbers = numbers;
  }

  // All that a rule finds, each taken out.
  take(rule) {
    const found = [...this.text.matchAll(new RegExp(rule, 'gi'))];
    this.text = this.text.replace(new RegExp(rule, 'gi'), ' ; ');
    return found;
  }

  number(place) {
    return this.numbers[Number(place)];
  }

  end() {
    const left = /#(\d+)#/.exec(this.text);
    if (left) refuse(`has the number ${this.number(left[1])}, of which it isn't clear what it means`);
    if (NEGATED.test(this.text)) refuse(`has ${JSON.stringify(NEGATED.exec(this.text)[0])}: say what to do, and nothing else`);
    const unread = UNREAD.exec(this.text);
    if (unread) refuse(`has ${JSON.stringify(unread[0].replace(MONEY, 'UNIT'))} in a way that isn't understood: nothing is left out silently`);
  }
}

const only = (found, what) => {
  if (found.length > 1) refuse(`says ${what} more than once`);
  return found[0];
};

function actionIn(intent) {
  if (ASK.test(intent)) return 'ask';
  const [buys, sells] = [BUY.test(intent), SELL.test(intent)];
  if (buys && sells) refuse('says to buy and to sell: one at a time');
  return buys ? 'buy' : sells ? 'sell' : undefined;
}

function slippageIn(rest) {
  const percent = '(?:%|percent|per cent)';
  const none = rest.take(`\\b(?:no|zero|without(?: any)?)\\s+${SLIP}`);
  const found = [
    ...rest.take(`(?:${UPPER}|within|with)?\\s*(?:an?\\s+)?${NUMBER}\\s*${percent}\\s*(?:of\\s+)?(?:price\\s+)?${SLIP}`),
    ...rest.take(`${SLIP}\\s*(?:of|:|=|is|to|within|${UPPER}|\\s)*\\s*${NUMBER}\\s*${percent}`),
  ];
  const one = only([...none, ...found], 'the slippage');
  if (one === undefined) return DEFAULT_SLIPPAGE;
  const slippage = one[1] === undefined ? 0n : units(rest.number(one[1]), 4, 'the slippage');
  if (slippage > MAX_SLIPPAGE) refuse(`has a slippage of more than ${MAX_SLIPPAGE / 10_000n} %`);
  return slippage;
}

// `price`: for a whole token; `total`: for all of them.
function limitsIn(rest, action) {
  const when = "(?:(?:only\\s+)?(?:if|when|while|as long as|provided)\\s+)?(?:(?:it|they|the price|its price|each|the token|a token)\\s+)?";
  const totals = [
    ...rest.take(`\\b(?:for|spend|spending|pay|paying|get|getting)?\\s*(${EITHER})\\s*${NUMBER}\\s*${MONEY}?\\s*${ALL}\\b`),
    ...rest.take(`\\b(?:for|spend|spending|pay|paying|get|getting)\\s+(${EITHER})\\s*${NUMBER}\\s*${MONEY}(?!\\s*${EACH})`),
  ];
  const prices = [
    ...rest.take(`${when}\\b${CUE}\\s+(?:is\\s+|at\\s+)?(${EITHER})\\s*${NUMBER}(?:\\s*${MONEY})?(?:\\s*${EACH}\\b)?`),
    ...rest.take(`(?:\\bfor\\s+)?(${EITHER})\\s*${NUMBER}(?:\\s*${MONEY})?\\s*${EACH}\\b`),
  ];
  return { price: limit(rest, only(prices, 'the price'), action), total: limit(rest, only(totals, 'the total'), action) };
}

function limit(rest, found, action) {
  if (found === undefined) return undefined;
  const [, word, place] = found;
  const isUpper = new RegExp(`^${UPPER}$`, 'i').test(word);
  if (action !== 'ask' && isUpper !== (action !== 'sell')) {
    refuse(`has the limit ${JSON.stringify(word)}: a purchase has an upper one, a sale a lower one`);
  }
  return { value: rest.number(place), strict: STRICT.test(word) };
}

// The token, by its agent's name, which is of small letters, or by its symbol, of capital ones.
function targetIn(rest) {
  const text = rest.text;
  const named = (...rules) => rules.flatMap((rule) => [...text.matchAll(new RegExp(rule, 'g'))].map(([, name]) => name));
  const clear = named(
    `\\b${THINGS}\\s+of\\s+(?:the\\s+)?(?:agent\\s+)?(?:called\\s+|named\\s+)?${NAME}`,
    `\\b${NAME}['’]s\\s+${THINGS}`,
    `(?<!['’])\\b${NAME}\\s+${THINGS}\\b`,
    `\\bagent\\s+(?:called\\s+|named\\s+)?${NAME}`,
    `${MONEY}\\s+(?:worth\\s+)?(?:of|in|on|into)\\s+(?:the\\s+)?${NAME}`,
    `#\\d+#\\s*(?:of\\s+)?${NAME}`,
    `#\\d+#\\s*[A-Za-z][A-Za-z0-9-]*\\s+of\\s+(?:the\\s+)?${NAME}`,
  ).filter((name) => !FILLER.has(name.toLowerCase()));
  const vague = () => named(`\\b(?:in|into|of|on|[Bb]uy|[Ss]ell|[Pp]urchase|[Aa]cquire|[Gg]rab|[Dd]ump)\\s+(?:the\\s+|my\\s+|some\\s+)?${NAME}`);
  const found = [...new Set(clear.length ? clear : vague().filter((name) => !FILLER.has(name.toLowerCase())))];
  if (!found.length) refuse('names no token: say "the token of NAME", or its symbol');
  if (found.length > 1) refuse(`may mean ${found.map((name) => JSON.stringify(name)).join(' or ')}: name one token`);
  const [name] = found;
  rest.name = name;
  return /^[A-Z][A-Z0-9]+$/.test(name) ? { symbol: name } : { agent: name.toLowerCase() };
}

function amountIn(rest) {
  const money = rest.take(`${NUMBER}\\s*${MONEY}`);
  const tokens = rest.take(`${NUMBER}\\s*(?:(?:of\\s+)?${rest.name}\\b|(?:of\\s+(?:the|my)\\s+)?${THINGS}\\b)`);
  const found = only([...money.map((each) => ['money', each]), ...tokens.map((each) => ['units', each])], 'the amount');
  if (found === undefined) return {};
  const [kind, [, place]] = found;
  return { [kind]: rest.number(place) };
}

// Digits to a whole number of smallest units.
export function units(digits, places, what) {
  const [whole, rest = ''] = digits.split('.');
  if (rest.length > places) refuse(`has more decimal places for ${what} than the ${places} that there are`);
  return BigInt(whole + rest.padEnd(places, '0'));
}
