// The public record of reported campaigns, in the agent's keys on the chain: fingerprints and counts, never a message.
//
// campaign/ID               when it was first reported (chain time)
// report/ID/ACCOUNT         what an account says of it: domains, signs, when first and last, how often
// domain/DOMAIN/ID          that somebody has named a domain of this campaign
// reporter/ACCOUNT          how many campaigns an account has reported on its newest day
//
// An account writes its own keys, so reports of one campaign by many come through side by side; who reports first together
// with another is told of the conflict, and sends it again. A report is a claim: a campaign has the domains that half of
// its reporters or more have named, so who reports first neither hides a domain nor lends others' voices to a false one.
import { BadInput, list, object, string } from '../../parts/reading.js';
import { notFound, Refused } from '../../parts/routes.js';
import { isAddress, isOwn, registrable } from './domains.js';
import { KINDS } from './signs.js';

const DAY_MS = 86_400_000;
const A_DAY = 20;
const FORGOTTEN_MS = 180 * DAY_MS;
const MOST_REPORTERS = 1000;
const HOST = /^(?=.{4,80}$)([a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,61}$/;

/** A fingerprint that somebody sends; refuses anything that could be a message. */
export function readFingerprint(body) {
  const given = object(body, 'fingerprint');
  const unknown = Object.keys(given).find((name) => !['id', 'domains', 'signs'].includes(name));
  if (unknown !== undefined) {
    throw new BadInput(
      unknown,
      'is no part of a fingerprint: a job is public, send what POST /check gave, never the message',
    );
  }
  const domains = list(given.domains ?? [], 'domains', 8).map((domain, i) => {
    if (!HOST.test(string(domain, `domains[${i}]`, 80)) || isAddress(domain)) {
      throw new BadInput(`domains[${i}]`, 'is no domain in small letters');
    }
    if (isOwn(registrable(domain)))
      throw new BadInput(`domains[${i}]`, `belongs to a well-known name: it can't be reported`);
    return domain;
  });
  const signs = list(given.signs ?? [], 'signs', Object.keys(KINDS).length).map((id, i) => {
    if (!Object.hasOwn(KINDS, string(id, `signs[${i}]`, 40)))
      throw new BadInput(`signs[${i}]`, 'is no sign: GET /signs has them');
    return id;
  });
  return { id: readId(given.id), domains: [...new Set(domains)].sort(), signs: [...new Set(signs)].sort() };
}

export function readId(id) {
  if (!/^[0-9a-f]{32}$/.test(string(id, 'id', 32))) throw new BadInput('id', 'must be 32 hex digits');
  return id;
}

/** Takes a report down; `account` is the job's submitter. */
export async function report({ id, domains, signs }, account) {
  const now = Date.now();
  const day = Math.floor(now / DAY_MS);
  const own = await kv.getJson(`report/${id}/${account}`);
  if (own === undefined) {
    const known = await kv.getJson(`reporter/${account}`);
    const today = known?.day === day ? known.count : 0;
    if (today >= A_DAY) throw new Refused(429, 'too-many', `an account reports ${A_DAY} campaigns a day`);
    await kv.set(`reporter/${account}`, JSON.stringify({ day, count: today + 1 }));
  }
  if ((await kv.get(`campaign/${id}`)) === undefined) await kv.set(`campaign/${id}`, JSON.stringify({ first: now }));
  const said = own === undefined ? { domains, signs } : { domains: own.domains, signs: own.signs };
  if (own === undefined) for (const domain of domains) await kv.set(`domain/${domain}/${id}`, '1');
  await kv.set(
    `report/${id}/${account}`,
    JSON.stringify({ ...said, first: own?.first ?? now, last: now, count: (own?.count ?? 0) + 1 }),
  );
  return { id, reported: now };
}

/** A campaign with what its reports add up to, and the keys under which the chain proves it. */
export async function campaign(id) {
  const found = await kv.getJson(`campaign/${id}`);
  if (found === undefined) throw notFound(`nobody has reported ${id}`);
  const keys = await kv.keys(`report/${id}/`, { limit: MOST_REPORTERS });
  const reports = await Promise.all(keys.map((key) => kv.getJson(key)));
  const namedBy = counted(reports.flatMap(({ domains }) => domains));
  const byMost = (counts) => Object.keys(counts).filter((each) => 2 * counts[each] >= keys.length);
  return {
    id,
    domains: byMost(namedBy),
    namedBy,
    signs: byMost(counted(reports.flatMap(({ signs }) => signs))),
    first: found.first,
    last: reports.reduce((last, each) => Math.max(last, each.last), found.first),
    reports: reports.reduce((sum, { count }) => sum + count, 0),
    reporters: keys.length,
    proof: { pallet: 'Anchors', item: 'Value', keys: [`campaign/${id}`, ...keys] },
  };
}

/** How often each of some names is there, in the order of the names. */
export function counted(names) {
  const found = new Map();
  for (const name of names.sort()) found.set(name, (found.get(name) ?? 0) + 1);
  return Object.fromEntries(found);
}

export async function campaigns(after, limit) {
  const keys = await kv.keys('campaign/', {
    limit,
    after: after === undefined ? undefined : `campaign/${readId(after)}`,
  });
  return Promise.all(keys.map((key) => campaign(key.slice('campaign/'.length))));
}

export async function ofDomain(domain, limit) {
  if (!HOST.test(domain)) throw new BadInput('domain', 'is no domain in small letters');
  const prefix = `domain/${domain}/`;
  const keys = await kv.keys(prefix, { limit });
  return Promise.all(keys.map((key) => campaign(key.slice(prefix.length))));
}

/** Drops a campaign that nobody has reported for half a year: anyone may, so that there is room for others. */
export async function forget(id) {
  const { namedBy, last, reporters, proof } = await campaign(id);
  if (Date.now() - last < FORGOTTEN_MS) throw new Refused(409, 'too-early', 'it was reported within the last 180 days');
  if (reporters >= MOST_REPORTERS) throw new Refused(409, 'too-large', 'it has too many reports to be dropped at once');
  for (const key of [...proof.keys, ...Object.keys(namedBy).map((domain) => `domain/${domain}/${id}`)]) await kv.delete(key);
  return { id, forgotten: true };
}
