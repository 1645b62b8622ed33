// Ads: taken in once their payment is found on the chain, labelled by the script, and nobody's to change but by more
// money in or what is left of it out.
//
// ad/ID          the ad, whose it is, its labels, what was paid in and what of it is `free`
// payment/N-I    the ad that transaction I of block N pays for
import { contentId } from '../../parts/hashes.js';
import { amount } from './money.js';
import { notFound, Refused } from '../../parts/routes.js';
import { BadInput, known, string } from '../../parts/reading.js';
import { embedded, packed } from '../../parts/vectors.js';
import { labelled } from './labels.js';
import { opinion } from './opinion.js';
import { readPayment, verified } from './payments.js';

const FIELDS = ['title', 'text', 'url', 'price', 'payment'];
export const MIN_PRICE = 1_000_000n; // of an impression, in smallest units
export const UNLABELLED = 'unlabelled';

export async function find(id) {
  const found = /^[0-9a-f]{32}$/.test(id) ? kv.getJson(`ad/${id}`) : undefined;
  if (found === undefined) throw notFound(`there is no ad ${id}: GET /ads lists them`);
  return { id, ...found };
}

export const save = ({ id, ...ad }) => kv.set(`ad/${id}`, ad);

export async function submit(input, advertiser) {
  known(input, 'ad', FIELDS);
  const content = {
    title: string(input.title, 'ad.title', 80),
    text: string(input.text, 'ad.text', 280),
    url: link(input.url),
    price: String(amount(input.price, 'ad.price', MIN_PRICE)),
  };
  const payment = readPayment(input.payment, 'ad.payment');
  const id = contentId({ ...content, advertiser, payment });
  const paid = await takeIn(payment, advertiser, id);
  if (paid < BigInt(content.price)) throw new BadInput('ad.price', 'is more than what was paid');
  const ad = { id, ...content, advertiser, ...(await described(content)), paid: String(paid), free: String(paid) };
  await save({ ...ad, spent: '0', created: Date.now() });
  return { id, labels: ad.labels, paid: ad.paid };
}

export async function topUp(id, input, who) {
  const ad = await own(id, who);
  const paid = await takeIn(readPayment(known(input, 'input', ['payment']).payment, 'payment'), who, id);
  const free = BigInt(ad.free) + paid;
  await save({ ...ad, paid: String(BigInt(ad.paid) + paid), free: String(free) });
  return { id, free: String(free) };
}

// What isn't reserved goes back to whoever paid it.
export async function withdraw(id, who) {
  const ad = await own(id, who);
  const free = BigInt(ad.free);
  if (free === 0n) throw new Refused(409, 'nothing-free', 'all of the budget is spent or reserved');
  await save({ ...ad, paid: String(BigInt(ad.paid) - free), free: '0' });
  chain.pay(who, free);
  return { id, withdrawn: ad.free };
}

async function own(id, who) {
  const ad = await find(id);
  if (ad.advertiser !== who) throw new Refused(403, 'not-yours', `the ad is ${ad.advertiser}'s`);
  return ad;
}

// What a transaction has paid to this agent's purse for its signer, taken once: two jobs that name one transaction write
// one key, and one of them is refused by the chain.
async function takeIn(payment, who, ad) {
  const key = `payment/${payment.block}-${payment.index}`;
  const taken = kv.getText(key);
  if (taken !== undefined) throw new Refused(409, 'payment-used', `this payment is the ad ${taken}'s`);
  const paid = await verified(payment, who);
  kv.set(key, ad);
  return paid;
}

// Labels, and a vector to match posts by.
async function described({ title, text }) {
  const whole = `${title}. ${text}`;
  const [found] = (await labelled([whole])) ?? [];
  if (found === undefined) return { labels: [{ label: UNLABELLED, by: 'no model' }] };
  const [vector] = (await embedded([whole])) ?? [];
  return { labels: [...found.labels, ...(await opinion(whole, found))], vector: vector && packed(vector) };
}

function link(value) {
  const text = string(value, 'ad.url', 200);
  let url;
  try {
    url = new URL(text);
  } catch {
    throw new BadInput('ad.url', 'must be a URL');
  }
  if (url.protocol !== 'https:' || url.username || url.password) {
    throw new BadInput('ad.url', 'must begin with https://, and name nobody');
  }
  return url.href;
}

export async function listed(after, limit) {
  const keys = kv.keys('ad/', { limit, after: after === undefined ? undefined : `ad/${after}` });
  return Promise.all(keys.map(async (key) => shown(await find(key.slice(3)))));
}

export const shown = ({ vector, ...ad }) => ad;
