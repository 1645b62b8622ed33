// Ranks a social feed by weights that its reader picks. Input, output and scoring: README.md beside this file.
(function () {
  'use strict';

  const HALF_LIFE_MS = 6 * 60 * 60 * 1000;
  const MAX_POSTS = 1000;
  const SIGNALS = ['recency', 'author', 'topic', 'engagement'];
  const ENGAGEMENT = { likes: 1, reposts: 2, replies: 3 };

  class BadInput extends Error {
    constructor(field, problem) {
      super(problem);
      this.field = field;
    }
  }

  // --- Reading the input: every refusal names the field -------------------------------------------------------------

  function object(value, field) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw new BadInput(field, 'must be an object');
    }
    return value;
  }

  function number(value, field, min, max = Infinity) {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw new BadInput(field, 'must be a number');
    if (value < min || value > max) {
      throw new BadInput(field, max === Infinity ? `must be at least ${min}` : `must be from ${min} to ${max}`);
    }
    return value;
  }

  function string(value, field) {
    if (typeof value !== 'string' || value === '') throw new BadInput(field, 'must be a string that is not empty');
    return value;
  }

  function list(value, field, max) {
    if (!Array.isArray(value)) throw new BadInput(field, 'must be a list');
    if (value.length > max) throw new BadInput(field, `has ${value.length} entries: at most ${max} are taken`);
    return value;
  }

  // A Map, so that names such as "constructor" mean nothing special.
  function shares(value, field) {
    const entries = Object.entries(object(value, field));
    return new Map(entries.map(([name, share]) => [name, number(share, `${field}.${name}`, 0, 1)]));
  }

  function weights(value) {
    object(value, 'weights');
    const given = SIGNALS.map((signal) => number(value[signal], `weights.${signal}`, 0));
    const sum = given.reduce((total, weight) => total + weight, 0);
    if (sum === 0) throw new BadInput('weights', 'must not all be 0');
    if (sum === Infinity) throw new BadInput('weights', 'are too large to add up');
    return Object.fromEntries(SIGNALS.map((signal, i) => [signal, given[i] / sum]));
  }

  function post(value, field) {
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

  function read(text) {
    let input;
    try {
      input = JSON.parse(text);
    } catch (error) {
      throw new BadInput('input', `must be JSON: ${error.message}`);
    }
    object(input, 'input');
    const posts = list(input.posts, 'posts', MAX_POSTS).map((value, i) => post(value, `posts[${i}]`));
    const seen = new Map();
    posts.forEach(({ id }, i) => {
      if (seen.has(id)) throw new BadInput(`posts[${i}].id`, `is the same as posts[${seen.get(id)}].id`);
      seen.set(id, i);
    });
    return {
      weights: weights(input.weights),
      now: number(input.now, 'now', 0),
      authors: shares(input.authors, 'authors'),
      topics: shares(input.topics, 'topics'),
      posts,
    };
  }

  // --- Scoring ------------------------------------------------------------------------------------------------------

  const round = (value) => Math.round(value * 1e6) / 1e6;

  function rank({ weights, now, authors, topics, posts }) {
    const busiest = posts.reduce((most, { engagement }) => Math.max(most, engagement), 0);
    const ranking = posts.map((post) => {
      const signals = {
        recency: 0.5 ** (Math.max(0, now - post.created) / HALF_LIFE_MS),
        author: authors.get(post.author) ?? 0,
        // The chance that at least one of its topics interests the reader: more topics never lower it.
        topic: 1 - [...new Set(post.topics)].reduce((missed, topic) => missed * (1 - (topics.get(topic) ?? 0)), 1),
        engagement: busiest > 0 ? Math.log1p(post.engagement) / Math.log1p(busiest) : 0,
      };
      const parts = Object.fromEntries(SIGNALS.map((signal) => [signal, round(weights[signal] * signals[signal])]));
      const score = round(SIGNALS.reduce((sum, signal) => sum + parts[signal], 0));
      return { id: post.id, score, parts };
    });
    return ranking.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
  }

  function answer(text) {
    try {
      return { ranking: rank(read(text)) };
    } catch (error) {
      if (!(error instanceof BadInput)) throw error;
      return { error: 'bad-input', field: error.field, message: `${error.field} ${error.message}` };
    }
  }

  globalThis.scriptOutput = JSON.stringify(answer(globalThis.scriptArgs[0]));
})();
