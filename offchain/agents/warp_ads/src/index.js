// Warp Ads: ads that are paid for on the chain before they are shown, labelled by the script, and never shown beyond
// their budget. See README.md beside this folder.
import { guarded } from '../../parts/guarded_page.js';
import { known, strings, whole } from '../../parts/reading.js';
import { onlyByJob, Refused, routed } from '../../parts/routes.js';
import { find as findAd, listed, shown, submit, topUp, withdraw } from './ads.js';
import { LABELS, labelled } from './labels.js';
import page from './page.html';
import { blockedLabels, find as findReservation, matched, release, reserve, serve } from './reservations.js';
import { settle } from './settlement.js';

const AGENT = 'warp-ads';
const PAGE = guarded(page);
const MAX_LISTED = 100;
const MAX_TEXTS = 64;

const texts = (value, field) => strings(value, field, MAX_TEXTS, 2000);
const submitterOf = (path) => onlyByJob(AGENT, path).submitter;

async function ads({ query }) {
  const limit = query.limit === undefined ? 20 : whole(Number(query.limit), 'limit', 1, MAX_LISTED);
  return { ads: await listed(query.after, limit) };
}

async function match({ body }) {
  known(body, 'input', ['posts', 'blocked', 'unlabelled']);
  const found = await matched(await allAds(), texts(body.posts, 'posts'), blockedLabels(body));
  return { matches: found.map(({ ad, likeness }) => ({ ...shown(ad), likeness })) };
}

async function allAds() {
  const keys = kv.keys('ad/', { limit: MAX_LISTED });
  return Promise.all(keys.map((key) => findAd(key.slice(3))));
}

async function labels({ body }) {
  const found = await labelled(texts(body.texts, 'texts'));
  if (found === undefined) throw new Refused(503, 'no-model', 'this worker has no model that embeds');
  return { labels: found.map(({ labels }) => labels) };
}

function reserving({ body }) {
  const { id, submitter } = onlyByJob(AGENT, '/reservations');
  return reserve(body, submitter, id);
}

async function reservation({ parts: [id] }) {
  const found = await findReservation(id);
  return { ...found, ads: Object.fromEntries(Object.entries(found.ads).map(([ad, each]) => [ad, shown(each)])) };
}

export default routed({
  'GET /': () => PAGE,
  'GET /labels': () => ({ labels: LABELS }),
  'POST /labels': labels,
  'GET /ads': ads,
  'GET /ads/*': async ({ parts: [id] }) => shown(await findAd(id)),
  'POST /match': match,
  'POST /serve': ({ body }) => serve(body, Date.now()),
  'GET /reservations/*': reservation,
  'POST /ads': ({ body }) => submit(body, submitterOf('/ads')),
  'POST /ads/*/top-up': ({ parts: [id], body }) => topUp(id, body, submitterOf(`/ads/${id}/top-up`)),
  'POST /ads/*/withdraw': ({ parts: [id] }) => withdraw(id, submitterOf(`/ads/${id}/withdraw`)),
  'POST /reservations': reserving,
  'POST /reservations/*/release': ({ parts: [id] }) =>
    release(id, submitterOf(`/reservations/${id}/release`), Date.now()),
  'POST /settlements': ({ body }) => settle(body, onlyByJob(AGENT, '/settlements')),
});
