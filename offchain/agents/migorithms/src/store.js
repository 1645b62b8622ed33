// Algorithms on the chain: who made them, whose they are forked from, who chose them, who was paid.
//
// algorithm/ID          the algorithm, its author, its parent
// by/ACCOUNT/ID         the same, by author
// choice/ACCOUNT        the algorithm that an account has chosen
// reader/ACCOUNT        what an account's uses have paid on its newest day
// used/ID/ACCOUNT       how often an account has used an algorithm
//
// No key is written by everybody's uses: two jobs that write one key can't both be applied.
import { contentId } from '../../parts/hashes.js';
import { notFound, Refused } from '../../parts/routes.js';

export const REWARD = 40_000_000n; // of a use, in smallest units: less than what the agent earns by the job
const PARENT_PART = 5n; // a fifth
export const DAY_MS = 86_400_000;
export const PAID_A_DAY = 20; // uses of one account that pay
const MAX_OF_AUTHOR = 200;
const MAX_USERS = 256;

export async function find(id) {
  const found = /^[0-9a-f]{32}$/.test(id) ? kv.getJson(`algorithm/${id}`) : undefined;
  if (found === undefined) throw notFound(`there is no algorithm ${id}: GET /algorithms lists them`);
  return { id, ...found };
}

export async function add(content, vectors, author, parent) {
  const id = contentId({ ...content, author, parent });
  const key = `algorithm/${id}`;
  if (kv.get(key) !== undefined) throw new Refused(409, 'already-there', `you have made this before: ${id}`);
  const made = kv.keys(`by/${author}/`, { limit: MAX_OF_AUTHOR });
  if (made.length >= MAX_OF_AUTHOR) throw new Refused(409, 'too-many', `an account makes ${MAX_OF_AUTHOR} at most`);
  kv.set(key, { ...content, vectors, author, parent, created: Date.now() });
  kv.set(`by/${author}/${id}`, content.name);
  return id;
}

export async function listed(author, after, limit) {
  const prefix = author === undefined ? 'algorithm/' : `by/${author}/`;
  const keys = kv.keys(prefix, { limit, after: after === undefined ? undefined : `${prefix}${after}` });
  const ids = keys.map((key) => key.slice(prefix.length));
  return Promise.all(ids.map(async (id) => summary(await find(id))));
}

export const summary = ({ id, name, author, parent, weights, interests }) => {
  return { id, name, author, parent, weights, interests };
};

export async function users(id) {
  const keys = kv.keys(`used/${id}/`, { limit: MAX_USERS });
  return keys.length;
}

export const choose = (account, id) => kv.set(`choice/${account}`, id);
export const choice = (account) => kv.getText(`choice/${account}`);

// Counts a use, and pays for it: [{to, amount}], or why nobody is paid. A reader pays nobody for what is his own, an
// algorithm once a day, and PAID_A_DAY algorithms a day.
export async function used(algorithm, reader) {
  const day = Math.floor(Date.now() / DAY_MS);
  const known = kv.getJson(`reader/${reader}`);
  const today = known?.day === day ? known : { day, paid: [] };
  const count = Number(kv.getText(`used/${algorithm.id}/${reader}`) ?? 0);
  kv.set(`used/${algorithm.id}/${reader}`, String(count + 1));
  const unpaid = (why) => ({ payments: [], unpaid: why });
  if (algorithm.author === reader) return unpaid('it is your own');
  if (today.paid.includes(algorithm.id)) return unpaid('it was paid for today');
  if (today.paid.length >= PAID_A_DAY) return unpaid(`you have paid for ${PAID_A_DAY} today`);
  const payments = (await split(algorithm)).filter(({ to }) => to !== reader);
  for (const { to, amount } of payments) chain.pay(to, amount);
  kv.set(`reader/${reader}`, { day, paid: [...today.paid, algorithm.id] });
  return { payments: payments.map(({ to, amount }) => ({ to, amount: String(amount) })) };
}

// The author's part, and that of whoever made what it is forked from.
async function split({ author, parent }) {
  const origin = parent === undefined ? undefined : kv.getJson(`algorithm/${parent}`)?.author;
  if (origin === undefined || origin === author) return [{ to: author, amount: REWARD }];
  const part = REWARD / PARENT_PART;
  return [
    { to: author, amount: REWARD - part },
    { to: origin, amount: part },
  ];
}
