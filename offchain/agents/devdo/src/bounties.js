// Rewards for snippets, in the agent's keys on the chain and out of its purse.
//
// bounty/ID               tests, amount, requester, until, and who solved it
// open/ID                 the amount, as long as it is open
// commit/ID/ACCOUNT       what an account has promised to show, and since which block
// snippet/HASH            an author's snippet: offered, accepted, or the solution of a bounty
//
// A bounty is what its requester pays into the purse in the very job that makes it: if the transfer fails, nothing of it is
// written. It is paid once, to who shows code that passes and had promised it in an earlier block; who copies code that is
// being shown has promised nothing, and who offers it as his own snippet comes too late. Amounts come from the chain's keys, never from a model.
import { contentId } from '../../parts/hashes.js';
import { purseOf } from '../../parts/purse.js';
import { BadInput, list, object, string, whole } from '../../parts/reading.js';
import { notFound, Refused } from '../../parts/routes.js';
import { runTests } from './running.js';

export const UNIT = 10n ** 12n;
const LEAST = UNIT / 100n;
const MOST = 50n * UNIT; // what the purse's limit lets out by one job
const MOST_CODE = 8192;
const DAY_MS = 86_400_000;
const MOST_TESTS = 20;

const ID = /^[0-9a-f]{32}$/;
const HASH = /^[0-9a-f]{64}$/;

/** Tests that somebody sends. */
export function readTests(value, field = 'tests') {
  const tests = list(value, field, MOST_TESTS).map((each, i) => {
    const { call, args = [], expect, throws = false } = object(each, `${field}[${i}]`);
    if (!/^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)?$/.test(string(call, `${field}[${i}].call`, 100))) {
      throw new BadInput(`${field}[${i}].call`, 'is no name of a function');
    }
    return {
      call,
      args: list(args, `${field}[${i}].args`, 10),
      ...(throws ? { throws: true } : { expect: expect ?? null }),
    };
  });
  if (JSON.stringify(tests).length > 8000) throw new BadInput(field, 'have more than 8000 characters');
  return tests;
}

export const readCode = (value) => string(value, 'code', MOST_CODE);

function readAmount(value) {
  if (!/^\d{1,20}$/.test(string(value, 'amount', 20)))
    throw new BadInput('amount', 'must be a whole number of smallest units, as text');
  const amount = BigInt(value);
  if (amount < LEAST || amount > MOST) throw new BadInput('amount', `must be from ${LEAST} to ${MOST}`);
  return amount;
}

export function open(body, { submitter, agent }) {
  const tests = readTests(object(body, 'input').tests);
  if (tests.length === 0) throw new BadInput('tests', 'must not be empty: they are what is paid for');
  const amount = readAmount(body.amount);
  const days = body.days === undefined ? 30 : whole(body.days, 'days', 1, 365);
  const title = string(body.title, 'title', 200);
  const id = contentId({ tests, amount: String(amount), title, requester: submitter, at: Date.now() });
  if (kv.get(`bounty/${id}`) !== undefined) throw new Refused(409, 'already-there', 'you have just made this one');
  chain.call('Balances.transfer_keep_alive', { dest: { Id: purseOf(agent) }, value: String(amount) });
  const until = Date.now() + days * DAY_MS;
  kv.set(
    `bounty/${id}`,
    JSON.stringify({ title, tests, amount: String(amount), requester: submitter, until, state: 'open' }),
  );
  kv.set(`open/${id}`, String(amount));
  return { id, amount: String(amount), until };
}

export function bounty(id, options) {
  const found = ID.test(id) ? kv.getJson(`bounty/${id}`, options) : undefined;
  if (found === undefined) throw notFound(`there is no bounty ${id}`);
  return { id, ...found };
}

export const listed = (limit, after) =>
  kv.keys('open/', { limit, after: after === undefined ? undefined : `open/${after}` }).map((key) => {
    const { tests, ...rest } = bounty(key.slice('open/'.length), { lock: false });
    return { ...rest, tests: tests.length };
  });

/** What is promised: the hash of an account and the code that it is going to show. */
export const commitment = (account, code) => Wapo.hash('blake2b256', `fathom/devdo/1\n${account}\n${code}`).toHex();

export function commit(id, body, { submitter }) {
  mustBeOpen(bounty(id, { lock: false }));
  const promised = string(object(body, 'input').commitment, 'commitment', 64);
  if (!HASH.test(promised)) throw new BadInput('commitment', 'must be 64 hex digits');
  kv.set(`commit/${id}/${submitter.slice(2)}`, JSON.stringify({ commitment: promised, block: chain.block.number }));
  return { id, block: chain.block.number };
}

function mustBeOpen({ state, until }) {
  if (state !== 'open') throw new Refused(409, 'over', 'the bounty is over');
  if (Date.now() > until) throw new Refused(409, 'over', 'its time is over');
}

export function solve(id, body, { submitter }) {
  const found = bounty(id);
  mustBeOpen(found);
  const code = readCode(object(body, 'input').code);
  if (submitter === found.requester)
    throw new Refused(403, 'your-own', 'who asks is not who is paid: close it after its time');
  const promised = kv.getJson(`commit/${id}/${submitter.slice(2)}`);
  if (promised?.commitment !== commitment(submitter, code)) {
    throw new Refused(
      409,
      'not-promised',
      `promise it first: /bounties/${id}/commit with blake2b256("fathom/devdo/1\\n" + account + "\\n" + code)`,
    );
  }
  if (promised.block >= chain.block.number)
    throw new Refused(409, 'too-early', 'it has to be promised in an earlier block');
  const hash = hashOf(code);
  const shown = kv.getJson(`snippet/${hash}`, { lock: false });
  if (shown !== undefined && shown.block <= promised.block)
    throw new Refused(409, 'already-there', 'this code had been shown before you promised it');
  const { passed, results } = runTests(code, found.tests);
  if (!passed) return { id, passed, results: results.map(({ call, passed, error }) => ({ call, passed, error })) };
  const { id: _, ...rest } = found;
  kv.set(`bounty/${id}`, JSON.stringify({ ...rest, state: 'paid', solver: submitter, snippet: hash }));
  kv.delete(`open/${id}`);
  kv.set(`snippet/${hash}`, JSON.stringify({ author: submitter, bounty: id, state: 'accepted', ...moment() }));
  chain.pay(submitter, found.amount);
  return { id, passed, snippet: hash, paid: found.amount };
}

/** Gives an unsolved bounty back, after its time. */
export function close(id, { submitter }) {
  const found = bounty(id);
  if (submitter !== found.requester) throw new Refused(403, 'not-yours', 'it is its requester who closes it');
  if (found.state !== 'open') throw new Refused(409, 'over', 'the bounty is over');
  if (Date.now() <= found.until) throw new Refused(409, 'too-early', 'its time is not over: somebody may be at work');
  const { id: _, ...rest } = found;
  kv.set(`bounty/${id}`, JSON.stringify({ ...rest, state: 'closed' }));
  kv.delete(`open/${id}`);
  chain.pay(submitter, found.amount);
  return { id, returned: found.amount };
}

const moment = () => ({ at: Date.now(), block: chain.block.number });

export const hashOf = (code) => Wapo.hash('blake2b256', code.replace(/\s+/g, ' ').trim()).toHex();

export function offer(body, { submitter }) {
  const code = readCode(object(body, 'input').code);
  const hash = hashOf(code);
  if (kv.get(`snippet/${hash}`) !== undefined)
    throw new Refused(409, 'already-there', 'this code has been shown before');
  const title = string(body.title, 'title', 200);
  kv.set(`snippet/${hash}`, JSON.stringify({ author: submitter, title, state: 'offered', ...moment() }));
  return { snippet: hash };
}

export function snippet(hash) {
  const found = HASH.test(hash) ? kv.getJson(`snippet/${hash}`) : undefined;
  if (found === undefined) throw notFound(`there is no snippet ${hash}`);
  return { hash, ...found };
}

/** The agent's owner takes a snippet, once, and pays for it out of what no bounty needs. */
export function accept(hash, body, { submitter, agent }) {
  const { owner } = chain.storage('Agents', 'Agent', agent);
  if (submitter !== owner)
    throw new Refused(403, 'not-the-owner', 'the agent’s owner accepts snippets, its DAO once it has holders');
  const found = snippet(hash);
  if (found.state !== 'offered') throw new Refused(409, 'over', 'it has been accepted');
  const reward = readAmount(object(body, 'input').reward);
  const reserved = kv
    .keys('open/', { limit: 1000 })
    .reduce((sum, key) => sum + BigInt(kv.getText(key, { lock: false }) ?? 0), 0n);
  const free = BigInt(chain.storage('System', 'Account', purseOf(agent)).data.free);
  if (free < reserved + reward + UNIT)
    throw new Refused(409, 'purse-too-small', `the purse has ${free}, and ${reserved} of it are bounties'`);
  const { hash: _, ...rest } = found;
  kv.set(`snippet/${hash}`, JSON.stringify({ ...rest, state: 'accepted', paid: String(reward) }));
  chain.pay(found.author, String(reward));
  return { snippet: hash, paid: String(reward) };
}
