// What an algorithm is: read from a request, and put to work on posts.
import { best, embedded, packed, unpacked } from '../../parts/vectors.js';
import { BadInput, known, list, number, object, shares, string, strings } from '../../parts/reading.js';
import { busiest, rank, signals, weights } from '../../feed_ranking/src/ranking.js';

export const SIGNALS = ['recency', 'author', 'topic', 'engagement', 'interest'];
const FIELDS = ['name', 'weights', 'authors', 'topics', 'interests', 'filters'];
const FILTERS = ['blockedAuthors', 'blockedWords', 'requiredTopics', 'maxAgeHours', 'minEngagement'];
const MAX_INTERESTS = 8;
const MAX_NAMED = 200;
const HOUR_MS = 3_600_000;

// The algorithm in a request, with nothing else in it; missing parts are empty.
export function readAlgorithm(value, field) {
  known(value, field, FIELDS);
  const given = object(value.weights, `${field}.weights`);
  known(given, `${field}.weights`, SIGNALS);
  const all = Object.fromEntries(SIGNALS.map((name) => [name, given[name] ?? 0]));
  weights(all, SIGNALS);
  const found = {
    name: string(value.name, `${field}.name`, 80),
    weights: all,
    authors: named(value.authors, `${field}.authors`),
    topics: named(value.topics, `${field}.topics`),
    interests: strings(value.interests ?? [], `${field}.interests`, MAX_INTERESTS, 200),
    filters: readFilters(value.filters ?? {}, `${field}.filters`),
  };
  if (found.weights.interest > 0 && !found.interests.length) {
    throw new BadInput(`${field}.interests`, 'must name something, as `interest` has a weight');
  }
  return found;
}

function named(value, field) {
  const found = shares(value ?? {}, field);
  if (found.size > MAX_NAMED) throw new BadInput(field, `has ${found.size} entries: at most ${MAX_NAMED} are taken`);
  return Object.fromEntries(found);
}

function readFilters(value, field) {
  known(value, field, FILTERS);
  const texts = (name) => strings(value[name] ?? [], `${field}.${name}`, MAX_NAMED, 100);
  const bound = (name) => (value[name] === undefined ? undefined : number(value[name], `${field}.${name}`, 0));
  return {
    blockedAuthors: texts('blockedAuthors'),
    blockedWords: texts('blockedWords'),
    requiredTopics: texts('requiredTopics'),
    maxAgeHours: bound('maxAgeHours'),
    minEngagement: bound('minEngagement'),
  };
}

// A fork: the parent's content with some of it replaced, and weights one by one.
export function forked(parent, changes, field) {
  known(changes, field, FIELDS);
  const content = Object.fromEntries(FIELDS.map((name) => [name, parent[name]]));
  const changed = { ...content, ...changes, weights: { ...parent.weights, ...changes.weights } };
  return readAlgorithm(changed, field);
}

// The interests' vectors as they are kept; undefined without a model, and then they are made when it is used.
export async function interestVectors({ interests }) {
  return (await embedded(interests))?.map(packed);
}

// {ranking, filtered, models}: `filtered` says which posts an algorithm doesn't show, and by which rule.
export async function ranked(algorithm, posts, now) {
  const hidden = posts.map((post) => hiddenBy(algorithm.filters, post, now));
  const shown = posts.filter((_, i) => hidden[i] === undefined);
  const filtered = posts.flatMap((post, i) => (hidden[i] === undefined ? [] : [{ id: post.id, by: hidden[i] }]));
  const interest = await interestSignal(algorithm, shown);
  const given = { ...algorithm.weights, ...(interest === undefined ? { interest: 0 } : {}) };
  const names = SIGNALS.filter((name) => name !== 'interest' || interest !== undefined);
  if (names.every((name) => given[name] === 0)) given.recency = 1; // interests were all, and nobody can compare them
  const reader = {
    now,
    authors: new Map(Object.entries(algorithm.authors)),
    topics: new Map(Object.entries(algorithm.topics)),
    busiest: busiest(shown),
  };
  const ranking = rank(shown, weights(given, names), (post) => ({
    ...signals(post, reader),
    interest: interest?.get(post.id) ?? 0,
  }));
  const wanted = algorithm.weights.interest > 0;
  const models = !wanted ? 'not needed' : interest === undefined ? 'absent: interests did not count' : 'used';
  return { ranking, filtered, models };
}

async function interestSignal({ weights, interests, vectors }, posts) {
  if (!(weights.interest > 0)) return new Map();
  const fresh = vectors === undefined ? interests : [];
  const found = await embedded([...fresh, ...posts.map(wording)]);
  if (found === undefined) return undefined;
  const liked = vectors === undefined ? found.slice(0, fresh.length) : vectors.map(unpacked);
  return new Map(posts.map((post, i) => [post.id, best(found[fresh.length + i], liked)]));
}

const wording = ({ text, topics }) => `${text} ${topics.join(' ')}`.trim().slice(0, 1000) || 'nothing';

function hiddenBy(filters, post, now) {
  if (filters.blockedAuthors.includes(post.author)) return 'blockedAuthors';
  const text = post.text.toLowerCase();
  if (filters.blockedWords.some((word) => text.includes(word.toLowerCase()))) return 'blockedWords';
  const required = filters.requiredTopics;
  if (required.length && !required.some((topic) => post.topics.includes(topic))) return 'requiredTopics';
  if (filters.maxAgeHours !== undefined && now - post.created > filters.maxAgeHours * HOUR_MS) return 'maxAgeHours';
  if (filters.minEngagement !== undefined && post.engagement < filters.minEngagement) return 'minEngagement';
  return undefined;
}
