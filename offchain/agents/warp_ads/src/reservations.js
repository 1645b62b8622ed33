// Reservations: what a publisher may show, set aside before it is shown.
//
// reservation/ID   {publisher, until, blocked, ads: {AD: {count, price, settled, ...what is shown of it}}}
//
// An impression is a number below an ad's `count` in a reservation. Whoever shows one twice, or asks twice at once, has
// the same impression twice: it is paid for once. So what serving promises is never more than what is set aside, though
// no request over HTTP can see another one; and what is set aside is never more than what was free, since the two jobs
// that would do so write the same key.
import { contentId } from '../../parts/hashes.js';
import { BadInput, known, list, object, string, strings, whole } from '../../parts/reading.js';
import { notFound, Refused } from '../../parts/routes.js';
import { best, dot, embedded, unpacked } from '../../parts/vectors.js';
import { find as findAd, save as saveAd, UNLABELLED } from './ads.js';
import { LABELS } from './labels.js';

const HOUR_MS = 3_600_000;
export const MAX_ADS = 8;
export const MAX_COUNT = 1000;
const PART = 4n; // a reservation takes at most a quarter of what is free of an ad, or one impression
const NEAR = 0.15; // how near a post has to be to an ad that is shown beside it
export const MAX_POSTS = 64;

export async function find(id) {
  const found = /^[0-9a-f]{32}$/.test(id) ? kv.getJson(`reservation/${id}`) : undefined;
  if (found === undefined) throw notFound(`there is no reservation ${id}`);
  return { id, ...found };
}

export const save = ({ id, ...reservation }) => kv.set(`reservation/${id}`, reservation);

// What a publisher blocks: labels of the list, and what has none for want of a model, unless it says `unlabelled: true`.
// Who submits an ad chooses how its job runs, so having no model may be his doing.
export function blockedLabels({ blocked = [], unlabelled = false }) {
  const found = strings(blocked, 'blocked', LABELS.length, 40);
  const wrong = found.find((label) => !LABELS.includes(label));
  if (wrong !== undefined) throw new BadInput('blocked', `${JSON.stringify(wrong)} is none of ${LABELS.join(', ')}`);
  return unlabelled === true ? found : [...found, UNLABELLED];
}

// {ads: {ID: count}, blocked: [label]} of a publisher; `job` makes its name unique.
export async function reserve(input, publisher, job) {
  known(input, 'input', ['ads', 'blocked', 'unlabelled']);
  const wanted = Object.entries(object(input.ads, 'ads'));
  if (!wanted.length || wanted.length > MAX_ADS) throw new BadInput('ads', `must name from 1 to ${MAX_ADS} ads`);
  const blocked = blockedLabels(input);
  const ads = {};
  for (const [id, count] of wanted) {
    ads[id] = await setAside(id, whole(count, `ads.${id}`, 1, MAX_COUNT), blocked);
  }
  const id = contentId({ publisher, job: String(job) });
  await save({ id, publisher, until: Date.now() + HOUR_MS, blocked, ads });
  return { id, until: Date.now() + HOUR_MS, ads: Object.fromEntries(wanted) };
}

async function setAside(id, count, blocked) {
  const ad = await findAd(id);
  const found = ad.labels.find(({ label }) => blocked.includes(label));
  if (found) throw new Refused(409, 'blocked', `the ad ${id} has the label ${found.label}, which you block`);
  const [price, free] = [BigInt(ad.price), BigInt(ad.free)];
  const total = price * BigInt(count);
  const most = free / PART > price ? free / PART : price;
  if (total > free || total > most) {
    throw new Refused(409, 'too-much', `of the ad ${id} ${(most < free ? most : free) / price} impressions are for one`);
  }
  await saveAd({ ...ad, free: String(free - total) });
  const { title, text, url, labels, vector } = ad;
  return { count, price: ad.price, settled: '', title, text, url, labels: labels.map(({ label }) => label), vector };
}

// Which ads go beside which posts: at most one a post, each the nearest of those that still have a number.
// `taken` says which numbers the publisher has used: {AD: how many}.
export async function serve(input, now) {
  known(input, 'input', ['reservation', 'posts', 'taken']);
  const reservation = await find(string(input.reservation, 'reservation'));
  if (now > reservation.until) throw new Refused(410, 'over', 'the reservation is over: settle what you have shown');
  const posts = list(input.posts, 'posts', MAX_POSTS).map((each, i) => ({
    id: string(object(each, `posts[${i}]`).id, `posts[${i}].id`, 200),
    text: string(each.text, `posts[${i}].text`, 4000).slice(0, 1000),
  }));
  const taken = object(input.taken ?? {}, 'taken');
  const next = new Map();
  for (const [ad, { count }] of Object.entries(reservation.ads)) {
    next.set(ad, taken[ad] === undefined ? 0 : whole(taken[ad], `taken.${ad}`, 0, count));
  }
  const { nearness, models } = await compared(posts, reservation);
  const placements = [];
  posts.forEach((post, i) => {
    const left = [...next].filter(([ad, number]) => number < reservation.ads[ad].count && nearness(i, ad) >= NEAR);
    if (!left.length) return;
    const [ad, number] = left.reduce((one, other) => (nearness(i, other[0]) > nearness(i, one[0]) ? other : one));
    const { title, text, url } = reservation.ads[ad];
    placements.push({ post: post.id, ad: { id: ad, title, text, url }, impression: { ad, number } });
    next.set(ad, number + 1);
  });
  return { reservation: reservation.id, publisher: reservation.publisher, placements, models };
}

async function compared(posts, { ads }) {
  const vectors = new Map(Object.entries(ads).flatMap(([id, { vector }]) => (vector ? [[id, unpacked(vector)]] : [])));
  const found = vectors.size ? await embedded(posts.map(({ text }) => text)) : undefined;
  if (found !== undefined) {
    return { nearness: (i, ad) => (vectors.has(ad) ? dot(found[i], vectors.get(ad)) : -1), models: 'used' };
  }
  const words = Object.fromEntries(Object.entries(ads).map(([id, ad]) => [id, wordsOf(`${ad.title} ${ad.text}`)]));
  const shared = (i, ad) => [...wordsOf(posts[i].text)].filter((word) => words[ad].has(word)).length;
  return { nearness: (i, ad) => shared(i, ad) * NEAR, models: 'absent: matched by words that both have' };
}

const wordsOf = (text) => new Set(text.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu) ?? []);

// Which ads would go with some posts, for a publisher who is about to reserve: nearest first.
export async function matched(ads, posts, blocked) {
  const allowed = ads.filter(({ free, price }) => BigInt(free) >= BigInt(price));
  const passed = allowed.filter(({ labels }) => !labels.some(({ label }) => blocked.includes(label)));
  const vectors = await embedded(posts);
  const scored = passed.map((ad) => {
    const likeness = vectors && ad.vector ? best(unpacked(ad.vector), vectors) : 0;
    return { ad, likeness: Math.round(likeness * 1000) / 1000 };
  });
  scored.sort((one, other) => other.likeness - one.likeness || (one.ad.id < other.ad.id ? -1 : 1));
  return scored;
}

// Ends a reservation: what wasn't settled is free again. Its publisher may at any time, anybody an hour after its end.
export async function release(id, who, now) {
  const reservation = await find(id);
  if (reservation.released) throw new Refused(409, 'released', 'the reservation is over');
  if (who !== reservation.publisher && now < reservation.until + HOUR_MS) {
    throw new Refused(403, 'not-yet', `until ${reservation.until + HOUR_MS} only its publisher may`);
  }
  for (const [ad, { count, price, settled }] of Object.entries(reservation.ads)) {
    const shown = numbersOf(settled).size;
    const record = await findAd(ad);
    const free = BigInt(record.free) + BigInt(price) * BigInt(count - shown);
    const spent = BigInt(record.spent) + BigInt(price) * BigInt(shown);
    await saveAd({ ...record, free: String(free), spent: String(spent) });
  }
  await save({ ...reservation, released: true });
  return { reservation: id, released: true };
}

// Numbers as the bits of hex digits, and back.
export function numbersOf(bits) {
  const bytes = Uint8Array.fromHex(bits);
  const found = new Set();
  bytes.forEach((byte, at) => {
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) found.add(at * 8 + bit);
  });
  return found;
}

export function bitsOf(numbers) {
  const bytes = new Uint8Array(numbers.size ? (Math.max(...numbers) >> 3) + 1 : 0);
  for (const number of numbers) bytes[number >> 3] |= 1 << (number & 7);
  return bytes.toHex();
}
