// Social Chain: says what is wrong with a message, teaches, and keeps a public record of reported campaigns. It writes no
// message: the only model it asks embeds, and every word of its answers is in here. See README.md beside this folder.
import { guarded } from '../../parts/guarded_page.js';
import { BadInput, known, object, string, whole } from '../../parts/reading.js';
import { onlyByJob, Refused, routed } from '../../parts/routes.js';
import { best, embedded } from '../../parts/vectors.js';
import { fingerprint } from './fingerprint.js';
import { asksForAttack, LESSONS } from './lessons.js';
import { read } from './message.js';
import page from './page.html';
import { campaign, campaigns, forget, ofDomain, readFingerprint, readId, report } from './record.js';
import { judged } from './score.js';
import { KINDS } from './signs.js';

const AGENT = 'social-chain';
const MOST_CHARACTERS = 20_000;
const MOST_MESSAGES = 20;
const PAGE = guarded(page);
const NEAR = 0.28; // below it no lesson answers a question

async function check({ body }) {
  notInJob();
  known(body, 'input', ['message', 'messages']);
  if (body.messages === undefined) return checked(string(body.message, 'message', MOST_CHARACTERS));
  if (!Array.isArray(body.messages)) throw new BadInput('messages', 'must be a list');
  if (body.messages.length > MOST_MESSAGES)
    throw new BadInput('messages', `are too many: ${MOST_MESSAGES} are taken at once`);
  const all = body.messages.reduce((sum, text) => sum + (typeof text === 'string' ? text.length : 0), 0);
  if (all > 2 * MOST_CHARACTERS)
    throw new BadInput('messages', `have more than ${2 * MOST_CHARACTERS} characters together`);
  const found = [];
  for (const [i, text] of body.messages.entries())
    found.push(await checked(string(text, `messages[${i}]`, MOST_CHARACTERS)));
  return { messages: found };
}

async function checked(text) {
  const message = read(text);
  const { signs, ...rest } = await judged(message);
  const lessons = [...new Set(signs.map(({ lesson }) => lesson))].map((id) => lesson(id));
  const found = fingerprint(message, signs);
  const kinds = [...new Set(signs.map(({ id }) => id))].sort();
  return { ...rest, signs, lessons, fingerprint: found === undefined ? null : { ...found, signs: kinds } };
}

// What a job is given stands on the chain for good: no message belongs there.
function notInJob() {
  if (inJob()) {
    throw new Refused(
      409,
      'not-by-job',
      'a job is public for good: check messages by HTTP, report fingerprints by a job',
    );
  }
}

function inJob() {
  try {
    return globalThis.job !== undefined;
  } catch {
    return false; // no chain can be asked here, so this is none of its jobs
  }
}

async function reported({ body }) {
  const { submitter } = onlyByJob(AGENT, '/reports');
  return report(readFingerprint(body), submitter);
}

async function forgotten({ parts: [id] }) {
  onlyByJob(AGENT, `/campaigns/${id}/forget`);
  return forget(readId(id));
}

async function asked({ body }) {
  const question = string(object(body, 'input').question, 'question', 2000);
  if (asksForAttack(question)) {
    throw new Refused(
      403,
      'refused',
      'this agent detects and teaches: it writes no attacks, and helps none past a filter',
    );
  }
  const ids = Object.keys(LESSONS);
  const texts = ids.flatMap((id) => LESSONS[id].asks);
  const vectors = await embedded([question, ...texts]);
  if (vectors === undefined) return { lessons: ids.filter((id) => mentions(question, id)).map(lesson) };
  const [wanted, ...asks] = vectors;
  let at = 0;
  const near = ids
    .map((id) => ({ id, near: best(wanted, asks.slice(at, (at += LESSONS[id].asks.length))) }))
    .filter(({ near }) => near >= NEAR)
    .sort((one, other) => other.near - one.near || (one.id < other.id ? -1 : 1));
  return { lessons: near.slice(0, 2).map(({ id }) => lesson(id)) };
}

function lesson(id) {
  const { title, text } = LESSONS[id];
  return { id, title, text };
}

function mentions(question, id) {
  const words = new Set(question.toLowerCase().match(/\p{L}{4,}/gu) ?? []);
  return LESSONS[id].asks.some((ask) => ask.match(/\p{L}{4,}/gu).some((word) => words.has(word)));
}

const limitOf = (query) => (query.limit === undefined ? 20 : whole(Number(query.limit), 'limit', 1, 100));

export default routed({
  'GET /': () => PAGE,
  'POST /check': check,
  'POST /ask': asked,
  'GET /lessons': () => ({ lessons: Object.keys(LESSONS).map(lesson) }),
  'GET /signs': () => ({
    signs: Object.entries(KINDS).map(([id, [weight, title, lesson]]) => ({ id, weight: weight / 10, title, lesson })),
  }),
  'POST /reports': reported,
  'GET /campaigns': async ({ query }) => ({ campaigns: await campaigns(query.after, limitOf(query)) }),
  'GET /campaigns/*': ({ parts: [id] }) => campaign(readId(id)),
  'POST /campaigns/*/forget': forgotten,
  'GET /domains/*': async ({ parts: [domain], query }) => ({ campaigns: await ofDomain(domain, limitOf(query)) }),
});
