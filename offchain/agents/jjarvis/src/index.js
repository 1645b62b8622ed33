// JJarvis: from an intent in plain words to one trade within its bounds. See README.md beside this folder.
import { guarded } from '../../parts/guarded_page.js';
import { marketOf, UNIT_PLACES, written } from '../../parts/market.js';
import { BadInput, known, string, whole } from '../../parts/reading.js';
import { onlyByJob, Refused, routed } from '../../parts/routes.js';
import { accountOf } from './account.js';
import { advice } from './advice.js';
import { chosenAction } from './choices.js';
import { compared, outcomeOf, settlement, wasFor } from './happened.js';
import page from './page.html';
import { mandateFor, marketNamed, planned, wanted } from './plan.js';
import { claim, find } from './trades.js';
import { read } from './words.js';

const AGENT = 'jjarvis';
const PAGE = guarded(page);

// What an intent says: `by` is who found the action.
async function understood(intent) {
  const said = read(intent);
  const by = said.action === undefined ? 'model' : 'words';
  return { said, by, action: said.action ?? (await chosenAction(intent)) };
}

async function reading({ body }) {
  const { said, by, action } = await understood(known(body, 'input', ['intent']).intent);
  return { ...said, slippage: Number(said.slippage), action, by };
}

async function plans({ body }) {
  known(body, 'input', ['intent', 'account']);
  const { said, by, action } = await understood(body.intent);
  const account = body.account === undefined ? undefined : accountOf(body.account, 'account');
  const block = chain.block.number;
  if (action === 'ask') return answered(said, by, block);
  if (account === undefined) throw new BadInput('account', 'must be there: a plan is for one account');
  const { plan, market, trade } = await planned({ intent: body.intent, said, account, action, block });
  const others = await advice(market, trade, account);
  const stopped = (others.risk?.findings ?? []).some(({ level }) => level === 'stop');
  const order = { plan: plan.id, intent: body.intent, block, action };
  const job = { agent: AGENT, method: 'POST', path: '/trades', mode: 'Deterministic', replicas: 3, body: order };
  return {
    plan,
    actionBy: by,
    text: inWords(plan, market),
    ...others,
    ...(stopped ? { stopped } : { mandate: mandateFor(plan, market, chain.storage('Agents', 'ByName', AGENT)), job }),
  };
}

// An answer to a question: what there is to know, and nothing to submit.
async function answered(said, by, block) {
  const market = await marketNamed(said, block);
  const trade = wanted(said, 'buy', market) ?? { action: 'buy', units: 10n ** BigInt(market.decimals) };
  const { agent, name, symbol, place } = market;
  return { asked: { agent, name, symbol, place, block }, actionBy: by, ...(await advice(market, trade, undefined)) };
}

function inWords(plan, market) {
  const money = (amount) => `${written(BigInt(amount), UNIT_PLACES)} UNIT`;
  const tokens = (amount) => `${written(BigInt(amount), market.decimals)} ${plan.symbol}`;
  const { expected, bound } = plan;
  const does =
    plan.action === 'sell'
      ? `Sell ${tokens(bound.pays)} for about ${money(expected.money)}, at least ${money(bound.gets)}`
      : `Buy about ${tokens(expected.units)} for about ${money(expected.money)}: at least ${tokens(bound.gets)} for at most ${money(bound.pays)}`;
  return `${does}, on the ${market.place} of ${plan.name}. Nothing happens outside of these bounds.`;
}

// By a job: makes the plan anew from what it was made of, and trades it.
async function trade({ body }) {
  const { submitter } = onlyByJob(AGENT, '/trades');
  known(body, 'input', ['plan', 'intent', 'block', 'action']);
  const intent = string(body.intent, 'intent');
  const block = whole(body.block, 'block', 1, chain.block.number);
  const said = read(intent);
  const { action } = body;
  if (action !== 'buy' && action !== 'sell') throw new BadInput('action', 'must be buy or sell');
  if (said.action !== undefined && said.action !== action) throw new BadInput('action', 'is not what the intent says');
  const { plan } = await planned({ intent, said, account: submitter, action, block });
  if (plan.id !== body.plan) {
    throw new Refused(409, 'not-the-plan', 'this is not what the plan of this id says, or it was made for another account');
  }
  const now = chain.storage('Timestamp', 'Now');
  if (now >= plan.expires) throw new Refused(409, 'expired', 'the plan is over: make a new one');
  claim(plan, now);
  chain.call(...plan.call);
  return { plan };
}

// What became of a plan: of the trade that is on record, or of the job that is named.
async function told({ parts: [id], query }) {
  const self = chain.storage('Agents', 'ByName', AGENT);
  const plan = query.job === undefined ? find(id) : undefined;
  const number = plan?.job ?? whole(Number(query.job), 'job', 0, Number.MAX_SAFE_INTEGER);
  const found = settlement(number);
  const base = { id, job: number, state: found.state, block: found.block };
  if (found.events === undefined) return { ...base, plan, outcome: plan === undefined ? 'unknown' : 'traded' };
  const outcome = outcomeOf(found, number, self, found.submitter);
  if (outcome.outcome !== 'nothing' && !wasFor(number, id)) throw new Refused(409, 'another-plan', `job ${number} was for another plan`);
  if (outcome.outcome !== 'traded') return { ...base, ...outcome, text: explained(outcome) };
  const traded = plan ?? find(id);
  const { decimals } = await marketOf(traded.agent);
  return { ...base, plan: traded, ...outcome, ...compared(traded, outcome, decimals) };
}

const explained = ({ outcome, error }) =>
  outcome === 'refused'
    ? `Nothing was traded and nothing moved: the chain refused it, ${error}.`
    : 'Nothing was traded: the job left no trade for the chain.';

export default routed({
  'GET /': () => PAGE,
  'POST /read': reading,
  'POST /plans': plans,
  'POST /trades': trade,
  'GET /trades/*': told,
});
