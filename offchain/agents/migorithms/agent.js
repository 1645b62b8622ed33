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

  // ../parts/guarded_page.js
  var hash = (text) => Wapo.hash("sha256", text).toBase64();
  var within = (page, tag) => page.slice(page.indexOf(`<${tag}>`) + tag.length + 2, page.indexOf(`</${tag}>`));
  var guarded = (page) => page.replace("sha256-SCRIPT", `sha256-${hash(within(page, "script"))}`).replace("sha256-STYLE", `sha256-${hash(within(page, "style"))}`);

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
  function whole(value, field, min, max) {
    if (!Number.isInteger(value)) throw new BadInput(field, "must be a whole number");
    return number(value, field, min, max);
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
  function strings(value, field, max, length) {
    return list(value, field, max).map((each, i) => string(each, `${field}[${i}]`, length));
  }
  function shares(value, field) {
    const entries = Object.entries(object(value, field));
    return new Map(entries.map(([name, share]) => [name, number(share, `${field}.${name}`, 0, 1)]));
  }
  function known(value, field, names) {
    const unknown = Object.keys(object(value, field)).filter((name) => !names.includes(name));
    if (unknown.length) throw new BadInput(`${field}.${unknown[0]}`, `is none of ${names.join(", ")}`);
    return value;
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

  // ../parts/routes.js
  var JSON_HEADERS = { "content-type": "application/json", "access-control-allow-origin": "*" };
  var PAGE_HEADERS = { "content-type": "text/html; charset=utf-8", "access-control-allow-origin": "*" };
  var Refused = class extends Error {
    constructor(status, error, message) {
      super(message);
      this.status = status;
      this.error = error;
    }
  };
  var notFound = (message) => new Refused(404, "not-found", message);
  function onlyByJob(agent, path) {
    const found2 = globalThis.job;
    if (found2 === void 0) {
      const command = `fathom agent send ${agent} ${path} --mode recorded --json '…'`;
      throw new Refused(409, "only-by-job", `this changes what is on the chain, which a job does: ${command}`);
    }
    return found2;
  }
  function routed(handlers) {
    const table = Object.entries(handlers).map(([route, handler]) => {
      const [method, path] = route.split(" ");
      return { method, path: path.split("/"), handler };
    });
    return async (text) => {
      const request = JSON.parse(text);
      try {
        return answered(200, await dispatch(table, request));
      } catch (error) {
        if (error instanceof Refused) return answered(error.status, { error: error.error, message: error.message });
        return answered(400, refusal(error));
      }
    };
  }
  function dispatch(table, { method = "GET", path = "/", queries = {}, body }) {
    const given2 = path.split("/");
    const wanted = method === "HEAD" ? "GET" : method;
    const fits = ({ path: path2 }) => path2.length === given2.length && path2.every((part, i) => part === "*" || part === given2[i]);
    const found2 = table.filter(fits);
    if (!found2.length) throw notFound(`there is no ${path} here: GET / says what there is`);
    const route = found2.find((each) => each.method === wanted);
    if (!route) throw new Refused(405, "method-not-allowed", `${path} is for ${found2.map((each) => each.method)}`);
    const parts = given2.filter((_, i) => route.path[i] === "*").map(decoded);
    const query = Object.fromEntries(Object.entries(queries).map(([name, values]) => [name, values[0]]));
    return route.handler({ parts, query, body: body === void 0 ? {} : json(body, "body") });
  }
  function decoded(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      throw new BadInput("path", "has an escape that is none");
    }
  }
  function answered(status, value) {
    const isPage = typeof value === "string";
    const headers = isPage ? PAGE_HEADERS : JSON_HEADERS;
    return JSON.stringify({ status, headers, body: isPage ? value : JSON.stringify(value) });
  }

  // ../parts/vectors.js
  async function embedded(texts) {
    if (!texts.length) return [];
    try {
      const found2 = await ai.embed(texts, { encoding_format: "base64" });
      return found2.map((text) => unit(Array.from(new Float32Array(Uint8Array.fromBase64(text).buffer))));
    } catch (error) {
      console.log(`no embeddings: ${error.message}`);
      return void 0;
    }
  }
  function unit(vector) {
    const length = Math.sqrt(dot(vector, vector));
    return length > 0 ? vector.map((value) => value / length) : vector;
  }
  function dot(one, other) {
    let sum = 0;
    const size = Math.min(one.length, other.length);
    for (let i = 0; i < size; i++) sum += one[i] * other[i];
    return sum;
  }
  function packed(vector) {
    const largest = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return Uint8Array.from(vector, (value) => Math.round(value / largest * 127) & 255).toBase64();
  }
  function unpacked(text) {
    return unit(Array.from(new Int8Array(Uint8Array.fromBase64(text).buffer)));
  }
  var best = (vector, others) => others.reduce((most, other) => Math.max(most, dot(vector, other)), 0);

  // ../feed_ranking/src/ranking.js
  var MAX_POSTS = 1e3;
  var HALF_LIFE_MS = 6 * 60 * 60 * 1e3;
  var ENGAGEMENT = { likes: 1, reposts: 2, replies: 3 };
  function weights(value, names) {
    object(value, "weights");
    const given2 = names.map((name) => number(value[name], `weights.${name}`, 0));
    const sum = given2.reduce((total, weight) => total + weight, 0);
    if (sum === 0) throw new BadInput("weights", "must not all be 0");
    if (sum === Infinity) throw new BadInput("weights", "are too large to add up");
    return Object.fromEntries(names.map((name, i) => [name, given2[i] / sum]));
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
    const ranking2 = posts.map((post2) => {
      const found2 = signalsOf(post2);
      const parts = Object.fromEntries(names.map((name) => [name, round(weights2[name] * found2[name])]));
      const score = round(names.reduce((sum, name) => sum + parts[name], 0));
      return { id: post2.id, score, parts };
    });
    return ranking2.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
  }

  // src/algorithm.js
  var SIGNALS = ["recency", "author", "topic", "engagement", "interest"];
  var FIELDS = ["name", "weights", "authors", "topics", "interests", "filters"];
  var FILTERS = ["blockedAuthors", "blockedWords", "requiredTopics", "maxAgeHours", "minEngagement"];
  var MAX_INTERESTS = 8;
  var MAX_NAMED = 200;
  var HOUR_MS = 36e5;
  function readAlgorithm(value, field) {
    known(value, field, FIELDS);
    const given2 = object(value.weights, `${field}.weights`);
    known(given2, `${field}.weights`, SIGNALS);
    const all = Object.fromEntries(SIGNALS.map((name) => [name, given2[name] ?? 0]));
    weights(all, SIGNALS);
    const found2 = {
      name: string(value.name, `${field}.name`, 80),
      weights: all,
      authors: named(value.authors, `${field}.authors`),
      topics: named(value.topics, `${field}.topics`),
      interests: strings(value.interests ?? [], `${field}.interests`, MAX_INTERESTS, 200),
      filters: readFilters(value.filters ?? {}, `${field}.filters`)
    };
    if (found2.weights.interest > 0 && !found2.interests.length) {
      throw new BadInput(`${field}.interests`, "must name something, as `interest` has a weight");
    }
    return found2;
  }
  function named(value, field) {
    const found2 = shares(value ?? {}, field);
    if (found2.size > MAX_NAMED) throw new BadInput(field, `has ${found2.size} entries: at most ${MAX_NAMED} are taken`);
    return Object.fromEntries(found2);
  }
  function readFilters(value, field) {
    known(value, field, FILTERS);
    const texts = (name) => strings(value[name] ?? [], `${field}.${name}`, MAX_NAMED, 100);
    const bound = (name) => value[name] === void 0 ? void 0 : number(value[name], `${field}.${name}`, 0);
    return {
      blockedAuthors: texts("blockedAuthors"),
      blockedWords: texts("blockedWords"),
      requiredTopics: texts("requiredTopics"),
      maxAgeHours: bound("maxAgeHours"),
      minEngagement: bound("minEngagement")
    };
  }
  function forked(parent, changes, field) {
    known(changes, field, FIELDS);
    const content = Object.fromEntries(FIELDS.map((name) => [name, parent[name]]));
    const changed = { ...content, ...changes, weights: { ...parent.weights, ...changes.weights } };
    return readAlgorithm(changed, field);
  }
  async function interestVectors({ interests }) {
    return (await embedded(interests))?.map(packed);
  }
  async function ranked(algorithm, posts, now) {
    const hidden = posts.map((post2) => hiddenBy(algorithm.filters, post2, now));
    const shown = posts.filter((_, i) => hidden[i] === void 0);
    const filtered = posts.flatMap((post2, i) => hidden[i] === void 0 ? [] : [{ id: post2.id, by: hidden[i] }]);
    const interest = await interestSignal(algorithm, shown);
    const given2 = { ...algorithm.weights, ...interest === void 0 ? { interest: 0 } : {} };
    const names = SIGNALS.filter((name) => name !== "interest" || interest !== void 0);
    if (names.every((name) => given2[name] === 0)) given2.recency = 1;
    const reader = {
      now,
      authors: new Map(Object.entries(algorithm.authors)),
      topics: new Map(Object.entries(algorithm.topics)),
      busiest: busiest(shown)
    };
    const ranking2 = rank(shown, weights(given2, names), (post2) => ({
      ...signals(post2, reader),
      interest: interest?.get(post2.id) ?? 0
    }));
    const wanted = algorithm.weights.interest > 0;
    const models = !wanted ? "not needed" : interest === void 0 ? "absent: interests did not count" : "used";
    return { ranking: ranking2, filtered, models };
  }
  async function interestSignal({ weights: weights2, interests, vectors }, posts) {
    if (!(weights2.interest > 0)) return /* @__PURE__ */ new Map();
    const fresh = vectors === void 0 ? interests : [];
    const found2 = await embedded([...fresh, ...posts.map(wording)]);
    if (found2 === void 0) return void 0;
    const liked = vectors === void 0 ? found2.slice(0, fresh.length) : vectors.map(unpacked);
    return new Map(posts.map((post2, i) => [post2.id, best(found2[fresh.length + i], liked)]));
  }
  var wording = ({ text, topics }) => `${text} ${topics.join(" ")}`.trim().slice(0, 1e3) || "nothing";
  function hiddenBy(filters, post2, now) {
    if (filters.blockedAuthors.includes(post2.author)) return "blockedAuthors";
    const text = post2.text.toLowerCase();
    if (filters.blockedWords.some((word) => text.includes(word.toLowerCase()))) return "blockedWords";
    const required = filters.requiredTopics;
    if (required.length && !required.some((topic) => post2.topics.includes(topic))) return "requiredTopics";
    if (filters.maxAgeHours !== void 0 && now - post2.created > filters.maxAgeHours * HOUR_MS) return "maxAgeHours";
    if (filters.minEngagement !== void 0 && post2.engagement < filters.minEngagement) return "minEngagement";
    return void 0;
  }

  // src/feeds.js
  var MAX_FEED = 1 << 20;
  var MAX_FETCHED = 200;
  var FETCH_MS = 1e4;
  var ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };
  async function readPosts(input, now) {
    if (input.posts === void 0 === (input.feed === void 0)) {
      throw new BadInput("input", "has either `posts` or `feed`, the URL of one");
    }
    return unique(input.feed === void 0 ? given(input.posts, "posts") : await fetched(input.feed, now));
  }
  function given(value, field) {
    return list(value, field, MAX_POSTS).map((each, i) => ({
      ...post(each, `${field}[${i}]`),
      text: each.text === void 0 ? "" : String(each.text).slice(0, 2e3)
    }));
  }
  async function fetched(url, now) {
    string(url, "feed", 2e3);
    let response, text;
    try {
      response = await fetch(url, { headers: { accept: ACCEPT }, signal: AbortSignal.timeout(FETCH_MS) });
      text = await response.text();
    } catch (error) {
      throw new Refused(502, "no-feed", `the feed can't be read: ${error.message}`);
    }
    if (!response.ok) throw new Refused(502, "no-feed", `the feed's server answers ${response.status}`);
    if (text.length > MAX_FEED) throw new Refused(502, "no-feed", `the feed has more than ${MAX_FEED} characters`);
    return parsed(text, now);
  }
  var ACCEPT = "application/feed+json, application/rss+xml, application/atom+xml, application/json, text/xml;q=0.9";
  function parsed(text, now) {
    if (!text.trimStart().startsWith("<")) return ofJson(text, now);
    const items = [...blocks(text, "item"), ...blocks(text, "entry")].slice(0, MAX_FETCHED);
    if (!items.length) throw new Refused(502, "no-feed", "the feed is neither RSS nor Atom with an item in it");
    return named2(items.map((item) => ofXml(item, now)));
  }
  function ofJson(text, now) {
    let feed;
    try {
      feed = JSON.parse(text);
    } catch {
      throw new Refused(502, "no-feed", "the feed is neither XML nor JSON");
    }
    if (Array.isArray(feed?.posts)) return given(feed.posts, "feed.posts");
    if (!Array.isArray(feed?.items)) throw new Refused(502, "no-feed", "the JSON has neither `items` nor `posts`");
    return named2(feed.items.slice(0, MAX_FETCHED).map((item, i) => ofItem(object(item, `feed.items[${i}]`), now)));
  }
  function ofItem(item, now) {
    const author = item.authors?.[0]?.name ?? item.author?.name ?? "unknown";
    const tags = Array.isArray(item.tags) ? item.tags : [];
    const text = [item.title, item.summary ?? item.content_text ?? plain(String(item.content_html ?? ""))];
    return made(item.id ?? item.url, author, tags, item.date_published, text.filter(Boolean).join(". "), now);
  }
  function ofXml(item, now) {
    const author = inside(item, "dc:creator") || inside(inside(item, "author", true), "name") || inside(item, "author");
    const tags = blocks(item, "category").map(plain).filter(Boolean);
    const text = [inside(item, "title"), inside(item, "description") || inside(item, "summary") || inside(item, "content")];
    const id = inside(item, "guid") || inside(item, "id") || inside(item, "link");
    const date = inside(item, "pubDate") || inside(item, "published") || inside(item, "updated") || inside(item, "dc:date");
    return made(id, author, tags, date, text.filter(Boolean).join(". "), now);
  }
  function made(id, author, tags, date, text, now) {
    const created = Date.parse(date ?? "");
    return {
      id: String(id || ""),
      author: String(author || "unknown").slice(0, 200),
      topics: tags.slice(0, 100).map((tag) => String(tag).slice(0, 100)),
      created: Number.isFinite(created) ? created : now,
      engagement: 0,
      text: text.slice(0, 2e3)
    };
  }
  function named2(posts) {
    const seen = /* @__PURE__ */ new Set();
    return posts.map((each, i) => {
      const id = each.id === "" || seen.has(each.id) ? `#${i}` : each.id;
      seen.add(id);
      return { ...each, id };
    });
  }
  function blocks(text, name) {
    const found2 = [];
    let at = 0;
    for (; ; ) {
      const start = text.indexOf(`<${name}`, at);
      if (start < 0) return found2;
      const end = text.indexOf(">", start);
      if (end < 0) return found2;
      at = end + 1;
      if (!/[\s/>]/.test(text[start + name.length + 1]) || text[end - 1] === "/") continue;
      const close = text.indexOf(`</${name}>`, at);
      if (close < 0) return found2;
      found2.push(text.slice(at, close));
      at = close;
    }
  }
  function inside(text, name, raw = false) {
    const found2 = blocks(text ?? "", name)[0];
    return found2 === void 0 ? "" : raw ? found2 : plain(found2);
  }
  function plain(text) {
    const parts = text.split("<![CDATA[");
    const opened = parts.map((part, i) => i ? part.replace("]]>", "") : unescaped(part)).join("");
    return unescaped(opened.replace(/<[^<>]*>/g, " ")).replace(/\s+/g, " ").trim();
  }
  var unescaped = (text) => text.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z]{1,8});/gi, (whole2, name) => {
    if (name[0] !== "#") return ENTITIES[name.toLowerCase()] ?? whole2;
    const code = name[1].toLowerCase() === "x" ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
    return code > 0 && code < 1114112 ? String.fromCodePoint(code) : whole2;
  });

  // src/page.html
  var page_default = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'sha256-SCRIPT'; style-src 'sha256-STYLE'; connect-src 'self' http: https:; base-uri 'none'; form-action 'none'">
<title>Migorithms</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }
  label { display: flex; gap: 1rem; align-items: center } label span { width: 8rem }
  input[type=range] { flex: 1 } textarea { width: 100%; box-sizing: border-box; font: inherit }
  ol { padding-left: 1.5rem } li { margin: .4rem 0 } small { color: #666 } button { font: inherit; padding: .3rem 1rem }
  code { background: #f2f2f2; padding: 0 .25rem }
</style>
<h1>Migorithms</h1>
<p>Your feed, by an algorithm of your own: choose what counts, try it on a feed, then put it on the chain for others to
use and to fork. Whoever makes one earns when others use it.</p>
<section id="weights"></section>
<p><label><span>interests</span><textarea id="interests" rows="2">privacy and trusted hardware, decentralised governance</textarea></label></p>
<p><label><span>feed</span><textarea id="feed" rows="1" placeholder="URL of an RSS, Atom or JSON feed; empty for the posts below"></textarea></label></p>
<p><button id="rank">Rank</button> <small id="said"></small></p>
<ol id="ranking"></ol>
<h2>Shared algorithms</h2>
<ul id="shared"></ul>
<p>To share one: <code>fathom agent send migorithms /algorithms --mode recorded --json '{"name": "…", "weights": {"recency": 1}}'</code>; to
fork it: <code>/algorithms/ID/fork</code>; to use it so that its author is paid: <code>/use</code>.</p>
<script>
  const POSTS = [
    ['p1', 'ada', ['substrate'], 'Forkless upgrades explained with one diagram', 42],
    ['p2', 'bob', ['cooking'], 'The only dumpling dough you need', 310],
    ['p3', 'chandra', ['privacy', 'tee'], 'What a DCAP quote proves, and what it does not', 95],
    ['p4', 'eun', ['governance'], 'Delegated voting: numbers from a year of referenda', 60],
    ['p5', 'gustav', ['sports'], 'Match thread', 450],
  ].map(([id, author, topics, text, likes], i) => {
    return { id, author, topics, text, likes, reposts: 0, replies: 0, created: Date.now() - i * 3600000 };
  });
  const SIGNALS = { recency: 2, topic: 0, engagement: 1, interest: 4 };
  const $ = (id) => document.getElementById(id);
  for (const [name, value] of Object.entries(SIGNALS)) {
    const label = document.createElement('label');
    const span = document.createElement('span');
    const slider = Object.assign(document.createElement('input'), { type: 'range', min: 0, max: 5, value, id: name });
    span.textContent = name;
    label.append(span, slider);
    $('weights').append(label);
  }
  async function ask(path, body) {
    const sent = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return (await fetch(path, sent)).json();
  }
  $('rank').onclick = async () => {
    $('said').textContent = '…';
    const weights = Object.fromEntries(Object.keys(SIGNALS).map((name) => [name, Number($(name).value)]));
    const interests = $('interests').value.split(',').map((each) => each.trim()).filter(Boolean);
    const algorithm = { name: 'mine', weights, interests };
    const feed = $('feed').value.trim();
    const found = await ask('rank', { algorithm, ...(feed ? { feed } : { posts: POSTS }) });
    $('said').textContent = found.message ?? \`models: \${found.models}\`;
    const texts = new Map(POSTS.map(({ id, text }) => [id, text]));
    $('ranking').replaceChildren(...(found.ranking ?? []).slice(0, 30).map(({ id, score, parts }) => {
      const line = document.createElement('li');
      const why = document.createElement('small');
      line.textContent = \`\${texts.get(id) ?? id} \`;
      why.textContent = \`\${score.toFixed(3)}: \` + Object.entries(parts).map(([name, value]) => \`\${name} \${value.toFixed(2)}\`).join(', ');
      line.append(why);
      return line;
    }));
  };
  ask('algorithms').then(({ algorithms = [] }) => {
    $('shared').replaceChildren(...algorithms.map(({ id, name, author, parent }) => {
      const line = document.createElement('li');
      line.textContent = \`\${name} (\${id}) by \${author}\${parent ? \`, forked from \${parent}\` : ''}\`;
      return line;
    }));
    if (!algorithms.length) $('shared').textContent = 'none yet';
  });
</script>
</html>
`;

  // ../parts/hashes.js
  function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    const fields = Object.keys(value).sort();
    return `{${fields.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  var contentId = (value) => Wapo.hash("blake2b256", canonical(value)).toHex().slice(0, 32);

  // src/store.js
  var REWARD = 40000000n;
  var PARENT_PART = 5n;
  var DAY_MS = 864e5;
  var PAID_A_DAY = 20;
  var MAX_OF_AUTHOR = 200;
  var MAX_USERS = 256;
  async function find(id) {
    const found2 = /^[0-9a-f]{32}$/.test(id) ? kv.getJson(`algorithm/${id}`) : void 0;
    if (found2 === void 0) throw notFound(`there is no algorithm ${id}: GET /algorithms lists them`);
    return { id, ...found2 };
  }
  async function add(content, vectors, author, parent) {
    const id = contentId({ ...content, author, parent });
    const key = `algorithm/${id}`;
    if (kv.get(key) !== void 0) throw new Refused(409, "already-there", `you have made this before: ${id}`);
    const made2 = kv.keys(`by/${author}/`, { limit: MAX_OF_AUTHOR });
    if (made2.length >= MAX_OF_AUTHOR) throw new Refused(409, "too-many", `an account makes ${MAX_OF_AUTHOR} at most`);
    kv.set(key, { ...content, vectors, author, parent, created: Date.now() });
    kv.set(`by/${author}/${id}`, content.name);
    return id;
  }
  async function listed(author, after, limit) {
    const prefix = author === void 0 ? "algorithm/" : `by/${author}/`;
    const keys = kv.keys(prefix, { limit, after: after === void 0 ? void 0 : `${prefix}${after}` });
    const ids = keys.map((key) => key.slice(prefix.length));
    return Promise.all(ids.map(async (id) => summary(await find(id))));
  }
  var summary = ({ id, name, author, parent, weights: weights2, interests }) => {
    return { id, name, author, parent, weights: weights2, interests };
  };
  async function users(id) {
    const keys = kv.keys(`used/${id}/`, { limit: MAX_USERS });
    return keys.length;
  }
  var choose = (account, id) => kv.set(`choice/${account}`, id);
  var choice = (account) => kv.getText(`choice/${account}`);
  async function used(algorithm, reader) {
    const day = Math.floor(Date.now() / DAY_MS);
    const known2 = kv.getJson(`reader/${reader}`);
    const today = known2?.day === day ? known2 : { day, paid: [] };
    const count = Number(kv.getText(`used/${algorithm.id}/${reader}`) ?? 0);
    kv.set(`used/${algorithm.id}/${reader}`, String(count + 1));
    const unpaid = (why) => ({ payments: [], unpaid: why });
    if (algorithm.author === reader) return unpaid("it is your own");
    if (today.paid.includes(algorithm.id)) return unpaid("it was paid for today");
    if (today.paid.length >= PAID_A_DAY) return unpaid(`you have paid for ${PAID_A_DAY} today`);
    const payments = (await split(algorithm)).filter(({ to }) => to !== reader);
    for (const { to, amount } of payments) chain.pay(to, amount);
    kv.set(`reader/${reader}`, { day, paid: [...today.paid, algorithm.id] });
    return { payments: payments.map(({ to, amount }) => ({ to, amount: String(amount) })) };
  }
  async function split({ author, parent }) {
    const origin = parent === void 0 ? void 0 : kv.getJson(`algorithm/${parent}`)?.author;
    if (origin === void 0 || origin === author) return [{ to: author, amount: REWARD }];
    const part = REWARD / PARENT_PART;
    return [
      { to: author, amount: REWARD - part },
      { to: origin, amount: part }
    ];
  }

  // src/index.js
  var AGENT = "migorithms";
  var PAGE = guarded(page_default);
  var MAX_LISTED = 100;
  var MAX_TOLD = 200;
  async function compose({ body }) {
    const { submitter } = onlyByJob(AGENT, "/algorithms");
    const content = readAlgorithm(body, "algorithm");
    return { id: await add(content, await interestVectors(content), submitter) };
  }
  async function fork({ parts: [id], body }) {
    const { submitter } = onlyByJob(AGENT, `/algorithms/${id}/fork`);
    const parent = await find(id);
    const content = forked(parent, object(body, "changes"), "changes");
    const same = JSON.stringify(content.interests) === JSON.stringify(parent.interests);
    return { id: await add(content, same ? parent.vectors : await interestVectors(content), submitter, id), parent: id };
  }
  async function choosing({ body }) {
    const { submitter } = onlyByJob(AGENT, "/choose");
    const { id } = await find(string(body.algorithm, "algorithm"));
    await choose(submitter, id);
    return { algorithm: id };
  }
  async function use({ body }) {
    const { submitter } = onlyByJob(AGENT, "/use");
    const id = body.algorithm === void 0 ? await chosen(submitter) : string(body.algorithm, "algorithm");
    const algorithm = await find(id);
    const answer = await ranking(algorithm, body);
    const told = { ranking: answer.ranking.slice(0, MAX_TOLD), filtered: answer.filtered.slice(0, MAX_TOLD) };
    return { algorithm: id, ...answer, ...told, ...await used(algorithm, submitter) };
  }
  async function chosen(account) {
    const id = await choice(account);
    if (id === void 0) throw notFound(`${account} has chosen no algorithm: name one`);
    return id;
  }
  async function ranking(algorithm, input) {
    known(input, "input", ["algorithm", "posts", "feed", "now"]);
    const now = input.now === void 0 ? Date.now() : number(input.now, "now", 0);
    return ranked(algorithm, await readPosts(input, now), now);
  }
  async function free({ body }) {
    const given2 = body.algorithm;
    const algorithm = typeof given2 === "string" ? await find(given2) : readAlgorithm(given2, "algorithm");
    return ranking(algorithm, body);
  }
  async function list2({ query }) {
    const limit = query.limit === void 0 ? 20 : whole(Number(query.limit), "limit", 1, MAX_LISTED);
    return { algorithms: await listed(query.by, query.after, limit) };
  }
  var src_default = routed({
    "GET /": () => PAGE,
    "GET /algorithms": list2,
    "GET /algorithms/*": async ({ parts: [id] }) => ({ ...await find(id), vectors: void 0, users: await users(id) }),
    "POST /algorithms": compose,
    "POST /algorithms/*/fork": fork,
    "POST /choose": choosing,
    "GET /choice/*": async ({ parts: [account] }) => summary(await find(await chosen(account))),
    "POST /rank": free,
    "POST /use": use
  });

  // <stdin>
  var found = src_default ?? void 0 ?? src_exports;
  globalThis.agent = found;
})();
