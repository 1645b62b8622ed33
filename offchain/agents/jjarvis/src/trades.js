// Plans that were traded: `trade/ID` of the agent's keys, written by the very job that trades, or not at all. Reading it
// locks it, so of two jobs with one plan the chain takes one.
import { notFound, Refused } from '../../parts/routes.js';

const KEPT_MS = 7 * 86_400_000; // after a plan has expired
const SWEPT = 8;

const keyOf = (id) => `trade/${id}`;

export function find(id) {
  const found = /^[0-9a-f]{32}$/.test(id) ? kv.getJson(keyOf(id)) : undefined;
  if (found === undefined) throw notFound(`no plan ${id} was traded; ?job=NUMBER says what became of a job that was to`);
  return found;
}

export function claim(plan, now) {
  const key = keyOf(plan.id);
  const taken = kv.getJson(key);
  if (taken !== undefined) throw new Refused(409, 'already-traded', `the plan was traded by job ${taken.job}: a plan trades once`);
  sweep(key, now);
  const { id, ...rest } = plan;
  kv.set(key, { job: job.id, ...rest });
}

// Drops what is long over, of the keys that happen to lie behind this one: so the store never fills up.
function sweep(key, now) {
  for (const old of kv.keys('trade/', { limit: SWEPT, after: key })) {
    const found = kv.getJson(old, { lock: false });
    if (found !== undefined && found.expires + KEPT_MS < now) kv.delete(old);
  }
}
