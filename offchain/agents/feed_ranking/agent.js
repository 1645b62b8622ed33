'use agent';
(() => {
  var __defProp = Object.defineProperty;
  var __export = (target, all) => {
    for (var name in all)
      __defProp(target, name, { get: all[name], enumerable: true });
  };

  // src/index.js
  var src_exports = {};
  __export(src_exports, {
    default: () => src_default
  });

  // ../parts/reading.js
  var BadInput = class extends Error {
    constructor(field, problem) {
      super(problem);
      this.field = field;
    }
  };
  function object(value, field) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw new BadInput(field, "must be an object");
    }
    return value;
  }
  function number(value, field, min, max = Infinity) {
    if (typeof value !== "number" || !Number.isFinite(value)) throw new BadInput(field, "must be a number");
    if (value < min || value > max) {
      throw new BadInput(field, max === Infinity ? `must be at least ${min}` : `must be from ${min} to ${max}`);
    }
    return value;
  }
  function string(value, field, max = Infinity) {
    if (typeof value !== "string" || value === "") throw new BadInput(field, "must be a string that is not empty");
    if (value.length > max) throw new BadInput(field, `has ${value.length} characters: at most ${max} are taken`);
    return value;
  }
  function list(value, field, max) {
    if (!Array.isArray(value)) throw new BadInput(field, "must be a list");
    if (value.length > max) throw new BadInput(field, `has ${value.length} entries: at most ${max} are taken`);
    return value;
  }
  function shares(value, field) {
    const entries = Object.entries(object(value, field));
    return new Map(entries.map(([name, share]) => [name, number(share, `${field}.${name}`, 0, 1)]));
  }
  function json(text, field = "input") {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new BadInput(field, `must be JSON: ${error.message}`);
    }
  }
  function refusal(error) {
    if (!(error instanceof BadInput)) throw error;
    return { error: "bad-input", field: error.field, message: `${error.field} ${error.message}` };
  }

  // src/ranking.js
  var MAX_POSTS = 1e3;
  var HALF_LIFE_MS = 6 * 60 * 60 * 1e3;
  var ENGAGEMENT = { likes: 1, reposts: 2, replies: 3 };
  function weights(value, names) {
    object(value, "weights");
    const given = names.map((name) => number(value[name], `weights.${name}`, 0));
    const sum = given.reduce((total, weight) => total + weight, 0);
    if (sum === 0) throw new BadInput("weights", "must not all be 0");
    if (sum === Infinity) throw new BadInput("weights", "are too large to add up");
    return Object.fromEntries(names.map((name, i) => [name, given[i] / sum]));
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
        0
      )
    };
  }
  function unique(posts) {
    const seen = /* @__PURE__ */ new Map();
    posts.forEach(({ id }, i) => {
      if (seen.has(id)) throw new BadInput(`posts[${i}].id`, `is the same as posts[${seen.get(id)}].id`);
      seen.set(id, i);
    });
    return posts;
  }
  var busiest = (posts) => posts.reduce((most, { engagement }) => Math.max(most, engagement), 0);
  function signals(post2, { now, authors, topics, busiest: busiest2 }) {
    return {
      recency: 0.5 ** (Math.max(0, now - post2.created) / HALF_LIFE_MS),
      author: authors.get(post2.author) ?? 0,
      // The chance that at least one of its topics interests the reader: more topics never lower it.
      topic: 1 - [...new Set(post2.topics)].reduce((missed, topic) => missed * (1 - (topics.get(topic) ?? 0)), 1),
      engagement: busiest2 > 0 ? Math.log1p(post2.engagement) / Math.log1p(busiest2) : 0
    };
  }
  var round = (value) => Math.round(value * 1e6) / 1e6;
  function rank(posts, weights2, signalsOf) {
    const names = Object.keys(weights2);
    const ranking = posts.map((post2) => {
      const found2 = signalsOf(post2);
      const parts = Object.fromEntries(names.map((name) => [name, round(weights2[name] * found2[name])]));
      const score = round(names.reduce((sum, name) => sum + parts[name], 0));
      return { id: post2.id, score, parts };
    });
    return ranking.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
  }

  // src/index.js
  var SIGNALS = ["recency", "author", "topic", "engagement"];
  function read(text) {
    const input = object(json(text), "input");
    const posts = unique(list(input.posts, "posts", MAX_POSTS).map((value, i) => post(value, `posts[${i}]`)));
    return {
      weights: weights(input.weights, SIGNALS),
      now: number(input.now, "now", 0),
      authors: shares(input.authors, "authors"),
      topics: shares(input.topics, "topics"),
      posts
    };
  }
  function answer(text) {
    try {
      const { weights: weights2, posts, ...reader } = read(text);
      const most = busiest(posts);
      return { ranking: rank(posts, weights2, (post2) => signals(post2, { ...reader, busiest: most })) };
    } catch (error) {
      return refusal(error);
    }
  }
  var src_default = (text) => JSON.stringify(answer(text));

  // <stdin>
  var found = src_default ?? void 0 ?? src_exports;
  globalThis.agent = found;
})();
