// Migorithms: social feed algorithms that people compose, share, fork and choose. See README.md beside this folder.
import { guarded } from '../../parts/guarded_page.js';
import { known, number, object, string, whole } from '../../parts/reading.js';
import { notFound, onlyByJob, routed } from '../../parts/routes.js';
import { forked, interestVectors, ranked, readAlgorithm } from './algorithm.js';
import { readPosts } from './feeds.js';
import page from './page.html';
import { add, choice, choose, find, listed, summary, used, users } from './store.js';

const AGENT = 'migorithms';
const PAGE = guarded(page);
const MAX_LISTED = 100;
const MAX_TOLD = 200; // posts in the answer of a job, which is kept on the chain

async function compose({ body }) {
  const { submitter } = onlyByJob(AGENT, '/algorithms');
  const content = readAlgorithm(body, 'algorithm');
  return { id: await add(content, await interestVectors(content), submitter) };
}

async function fork({ parts: [id], body }) {
  const { submitter } = onlyByJob(AGENT, `/algorithms/${id}/fork`);
  const parent = await find(id);
  const content = forked(parent, object(body, 'changes'), 'changes');
  const same = JSON.stringify(content.interests) === JSON.stringify(parent.interests);
  return { id: await add(content, same ? parent.vectors : await interestVectors(content), submitter, id), parent: id };
}

async function choosing({ body }) {
  const { submitter } = onlyByJob(AGENT, '/choose');
  const { id } = await find(string(body.algorithm, 'algorithm'));
  await choose(submitter, id);
  return { algorithm: id };
}

async function use({ body }) {
  const { submitter } = onlyByJob(AGENT, '/use');
  const id = body.algorithm === undefined ? await chosen(submitter) : string(body.algorithm, 'algorithm');
  const algorithm = await find(id);
  const answer = await ranking(algorithm, body);
  const told = { ranking: answer.ranking.slice(0, MAX_TOLD), filtered: answer.filtered.slice(0, MAX_TOLD) };
  return { algorithm: id, ...answer, ...told, ...(await used(algorithm, submitter)) };
}

async function chosen(account) {
  const id = await choice(account);
  if (id === undefined) throw notFound(`${account} has chosen no algorithm: name one`);
  return id;
}

async function ranking(algorithm, input) {
  known(input, 'input', ['algorithm', 'posts', 'feed', 'now']);
  const now = input.now === undefined ? Date.now() : number(input.now, 'now', 0);
  return ranked(algorithm, await readPosts(input, now), now);
}

async function free({ body }) {
  const given = body.algorithm;
  const algorithm = typeof given === 'string' ? await find(given) : readAlgorithm(given, 'algorithm');
  return ranking(algorithm, body);
}

async function list({ query }) {
  const limit = query.limit === undefined ? 20 : whole(Number(query.limit), 'limit', 1, MAX_LISTED);
  return { algorithms: await listed(query.by, query.after, limit) };
}

export default routed({
  'GET /': () => PAGE,
  'GET /algorithms': list,
  'GET /algorithms/*': async ({ parts: [id] }) => ({ ...(await find(id)), vectors: undefined, users: await users(id) }),
  'POST /algorithms': compose,
  'POST /algorithms/*/fork': fork,
  'POST /choose': choosing,
  'GET /choice/*': async ({ parts: [account] }) => summary(await find(await chosen(account))),
  'POST /rank': free,
  'POST /use': use,
});
