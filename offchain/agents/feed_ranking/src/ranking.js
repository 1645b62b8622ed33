// Posts, the signals of each, and what weights make of them.
import { BadInput, list, number, object, string } from '../../parts/reading.js';

export const MAX_POSTS = 1000;
const HALF_LIFE_MS = 6 * 60 * 60 * 1000;
const ENGAGEMENT = { likes: 1, reposts: 2, replies: 3 };

export function weights(value, names) {
  object(value, 'weights');
  const given = names.map((name) => number(value[name], `weights.${name}`, 0));
  const sum = given.reduce((total, weight) => total + weight, 0);
  if (sum === 0) throw new BadInput('weights', 'must not all be 0');
  if (sum === Infinity) throw new BadInput('weights', 'are too large to add up');
  return Object.fromEntries(names.map((name, i) => [name, given[i] / sum]));
}

export function post(value, field) {
  object(value, field);
  const topics = list(value.topics, `${field}.topics`, 100);
  return {
    id: string(value.id, `${field}.id`),
    author: string(value.author, `${field}.author`),
    topics: topics.map((topic, i) => string(topic, `${field}.topics[${i}]`)),
    created: number(value.created, `${field}.created`, 0),
    engagement: Object.entries(ENGAGEMENT).reduce(
      (sum, [name, worth]) => sum + worth * number(value[name], `${field}.${name}`, 0),
      0,
    ),
  };
}

export function unique(posts) {
  const seen = new Map();
  posts.forEach(({ id }, i) => {
    if (seen.has(id)) throw new BadInput(`posts[${i}].id`, `is the same as posts[${seen.get(id)}].id`);
    seen.set(id, i);
  });
  return posts;
}

export const busiest = (posts) => posts.reduce((most, { engagement }) => Math.max(most, engagement), 0);

// Each from 0 to 1, for a reader with `authors` and `topics` at the moment `now`, in a feed whose `busiest` is known.
export function signals(post, { now, authors, topics, busiest }) {
  return {
    recency: 0.5 ** (Math.max(0, now - post.created) / HALF_LIFE_MS),
    author: authors.get(post.author) ?? 0,
    // The chance that at least one of its topics interests the reader: more topics never lower it.
    topic: 1 - [...new Set(post.topics)].reduce((missed, topic) => missed * (1 - (topics.get(topic) ?? 0)), 1),
    engagement: busiest > 0 ? Math.log1p(post.engagement) / Math.log1p(busiest) : 0,
  };
}

const round = (value) => Math.round(value * 1e6) / 1e6;

// Best first; `signalsOf` a post has a value for each name of `weights`, which add up to 1.
export function rank(posts, weights, signalsOf) {
  const names = Object.keys(weights);
  const ranking = posts.map((post) => {
    const found = signalsOf(post);
    const parts = Object.fromEntries(names.map((name) => [name, round(weights[name] * found[name])]));
    const score = round(names.reduce((sum, name) => sum + parts[name], 0));
    return { id: post.id, score, parts };
  });
  return ranking.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
}
