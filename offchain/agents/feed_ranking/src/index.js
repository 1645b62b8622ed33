// Ranks a social feed by weights that its reader picks. Input, output and scoring: README.md beside this folder.
import { json, list, number, object, refusal, shares } from '../../parts/reading.js';
import { busiest, MAX_POSTS, post, rank, signals, unique, weights } from './ranking.js';

const SIGNALS = ['recency', 'author', 'topic', 'engagement'];

function read(text) {
  const input = object(json(text), 'input');
  const posts = unique(list(input.posts, 'posts', MAX_POSTS).map((value, i) => post(value, `posts[${i}]`)));
  return {
    weights: weights(input.weights, SIGNALS),
    now: number(input.now, 'now', 0),
    authors: shares(input.authors, 'authors'),
    topics: shares(input.topics, 'topics'),
    posts,
  };
}

function answer(text) {
  try {
    const { weights, posts, ...reader } = read(text);
    const most = busiest(posts);
    return { ranking: rank(posts, weights, (post) => signals(post, { ...reader, busiest: most })) };
  } catch (error) {
    return refusal(error);
  }
}

export default (text) => JSON.stringify(answer(text));
