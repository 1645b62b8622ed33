// What the other agents say of a plan. All of it is data of others: a quote is held against this script's own reckoning,
// a forecast is numbers, findings are ids of a closed list. Nothing that they say reaches the trade: they can stop a plan,
// and widen none.
import { marketOf, traded } from '../../parts/market.js';

const MOST_CHARGE = 1_000_000_000n; // for each of them, in smallest units
const DIGITS = /^[0-9]{1,39}$/;
const LOOKED_BACK = 64; // blocks that another worker may be behind

export const FINDINGS = {
  pot: 'an account of a pallet has no key, and trades no tokens',
  paused: 'the agent is paused: nobody buys on its curve',
  'too-little-money': 'the account has too little money for it',
  'too-few-tokens': 'the account has fewer tokens than that',
  'sold-out': 'there are not so many left',
  'launch-tax': 'a launch tax is on, which falls with time',
  concentration: 'more than half of all tokens would be yours',
  impact: 'the trade moves the price by more than a tenth',
};

// {quote, forecast, risk, receipts}: of each what it says, checked, or why there is nothing.
export async function advice(market, trade, account) {
  const { agent, block } = market;
  const wanted = { action: trade.action };
  for (const name of ['money', 'units']) if (trade[name] !== undefined) wanted[name] = String(trade[name]);
  const query = { agent, at: block };
  const [quote, forecast, risk] = await Promise.all([
    asked('jjarvis-quotes', '/quote', { ...query, ...wanted }, (told) => checkedQuote(told, market, trade)),
    asked('jjarvis-forecast', '/forecast', query, checkedForecast),
    account === undefined ? undefined : asked('jjarvis-risk', '/risk', { ...query, ...wanted, account }, checkedRisk),
  ]);
  const all = [quote, forecast, risk].filter((each) => each !== undefined);
  const receipts = all.flatMap(({ receipt }) => receipt ?? []);
  const said = (each) => each && { ...each, receipt: undefined };
  return { quote: said(quote), forecast: said(forecast), risk: said(risk), receipts };
}

async function asked(agent, path, query, checked) {
  let answer, told;
  try {
    answer = await agents.call(agent, { path, query, maxCharge: MOST_CHARGE });
    told = await answer.json();
  } catch (error) {
    return { by: agent, absent: error.reason ?? 'unreadable', receipt: answer && [{ agent, ...answer.receipt }] };
  }
  const receipt = [{ agent, ...answer.receipt }];
  if (answer.status !== 200) return { by: agent, absent: `answers ${answer.status}`, receipt };
  return { by: agent, ...((await checked(told ?? {})) ?? { absent: 'unreadable' }), receipt };
}

// What another says that a trade comes to, and whether it does.
async function checkedQuote({ block, units, net }, market, trade) {
  const near = Number.isInteger(block) && block <= market.block && block > market.block - LOOKED_BACK;
  if (!near || !DIGITS.test(units) || !DIGITS.test(net)) return undefined;
  const there = block === market.block ? market : await marketOf(market.agent, block);
  const own = there && traded(there, trade);
  const agrees = own !== undefined && own.units === BigInt(units) && own.net === BigInt(net);
  return { block, units, net, agrees };
}

function checkedForecast({ known, ahead, steps, expected, low, high, tried, held }) {
  const count = (value) => Number.isSafeInteger(value) && value >= 0;
  if (known === false && count(steps)) return { known, steps };
  if (known !== true || ![ahead, steps, tried, held].every(count)) return undefined;
  if (![expected, low, high].every((each) => DIGITS.test(each))) return undefined;
  return { known, ahead, steps, expected, low, high, tried, held };
}

function checkedRisk({ findings }) {
  if (!Array.isArray(findings)) return undefined;
  const known = findings.filter((each) => Object.hasOwn(FINDINGS, each?.id ?? ''));
  return {
    findings: known.slice(0, 20).map(({ id, level }) => {
      return { id, level: level === 'stop' ? 'stop' : 'warn', text: FINDINGS[id] };
    }),
  };
}
