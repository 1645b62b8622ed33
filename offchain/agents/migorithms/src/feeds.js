// The posts of a request: given in it, or at the URL of a feed (RSS, Atom, JSON Feed, or the shape of examples/feed.json).
import { MAX_POSTS, post, unique } from '../../feed_ranking/src/ranking.js';
import { BadInput, list, object, string } from '../../parts/reading.js';
import { Refused } from '../../parts/routes.js';

const MAX_FEED = 1 << 20;
const MAX_FETCHED = 200;
const FETCH_MS = 10_000;
const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

export async function readPosts(input, now) {
  if ((input.posts === undefined) === (input.feed === undefined)) {
    throw new BadInput('input', 'has either `posts` or `feed`, the URL of one');
  }
  return unique(input.feed === undefined ? given(input.posts, 'posts') : await fetched(input.feed, now));
}

function given(value, field) {
  return list(value, field, MAX_POSTS).map((each, i) => ({
    ...post(each, `${field}[${i}]`),
    text: each.text === undefined ? '' : String(each.text).slice(0, 2000),
  }));
}

async function fetched(url, now) {
  string(url, 'feed', 2000);
  let response, text;
  try {
    response = await fetch(url, { headers: { accept: ACCEPT }, signal: AbortSignal.timeout(FETCH_MS) });
    text = await response.text();
  } catch (error) {
    throw new Refused(502, 'no-feed', `the feed can't be read: ${error.message}`);
  }
  if (!response.ok) throw new Refused(502, 'no-feed', `the feed's server answers ${response.status}`);
  if (text.length > MAX_FEED) throw new Refused(502, 'no-feed', `the feed has more than ${MAX_FEED} characters`);
  return parsed(text, now);
}

const ACCEPT = 'application/feed+json, application/rss+xml, application/atom+xml, application/json, text/xml;q=0.9';

// Posts of a feed's text; items without an id or a time are named by their place, and as new as the request.
export function parsed(text, now) {
  if (!text.trimStart().startsWith('<')) return ofJson(text, now);
  const items = [...blocks(text, 'item'), ...blocks(text, 'entry')].slice(0, MAX_FETCHED);
  if (!items.length) throw new Refused(502, 'no-feed', 'the feed is neither RSS nor Atom with an item in it');
  return named(items.map((item) => ofXml(item, now)));
}

function ofJson(text, now) {
  let feed;
  try {
    feed = JSON.parse(text);
  } catch {
    throw new Refused(502, 'no-feed', 'the feed is neither XML nor JSON');
  }
  if (Array.isArray(feed?.posts)) return given(feed.posts, 'feed.posts');
  if (!Array.isArray(feed?.items)) throw new Refused(502, 'no-feed', 'the JSON has neither `items` nor `posts`');
  return named(feed.items.slice(0, MAX_FETCHED).map((item, i) => ofItem(object(item, `feed.items[${i}]`), now)));
}

function ofItem(item, now) {
  const author = item.authors?.[0]?.name ?? item.author?.name ?? 'unknown';
  const tags = Array.isArray(item.tags) ? item.tags : [];
  const text = [item.title, item.summary ?? item.content_text ?? plain(String(item.content_html ?? ''))];
  return made(item.id ?? item.url, author, tags, item.date_published, text.filter(Boolean).join('. '), now);
}

function ofXml(item, now) {
  const author = inside(item, 'dc:creator') || inside(inside(item, 'author', true), 'name') || inside(item, 'author');
  const tags = blocks(item, 'category').map(plain).filter(Boolean);
  const text = [inside(item, 'title'), inside(item, 'description') || inside(item, 'summary') || inside(item, 'content')];
  const id = inside(item, 'guid') || inside(item, 'id') || inside(item, 'link');
  const date = inside(item, 'pubDate') || inside(item, 'published') || inside(item, 'updated') || inside(item, 'dc:date');
  return made(id, author, tags, date, text.filter(Boolean).join('. '), now);
}

function made(id, author, tags, date, text, now) {
  const created = Date.parse(date ?? '');
  return {
    id: String(id || ''),
    author: String(author || 'unknown').slice(0, 200),
    topics: tags.slice(0, 100).map((tag) => String(tag).slice(0, 100)),
    created: Number.isFinite(created) ? created : now,
    engagement: 0,
    text: text.slice(0, 2000),
  };
}

// What comes without a name, or with one that is taken, is named by its place.
function named(posts) {
  const seen = new Set();
  return posts.map((each, i) => {
    const id = each.id === '' || seen.has(each.id) ? `#${i}` : each.id;
    seen.add(id);
    return { ...each, id };
  });
}

// The contents of all elements of a name, by one walk over the text.
function blocks(text, name) {
  const found = [];
  let at = 0;
  for (;;) {
    const start = text.indexOf(`<${name}`, at);
    if (start < 0) return found;
    const end = text.indexOf('>', start);
    if (end < 0) return found;
    at = end + 1;
    if (!/[\s/>]/.test(text[start + name.length + 1]) || text[end - 1] === '/') continue;
    const close = text.indexOf(`</${name}>`, at);
    if (close < 0) return found;
    found.push(text.slice(at, close));
    at = close;
  }
}

function inside(text, name, raw = false) {
  const found = blocks(text ?? '', name)[0];
  return found === undefined ? '' : raw ? found : plain(found);
}

function plain(text) {
  const parts = text.split('<![CDATA[');
  const opened = parts.map((part, i) => (i ? part.replace(']]>', '') : unescaped(part))).join('');
  return unescaped(opened.replace(/<[^<>]*>/g, ' ')).replace(/\s+/g, ' ').trim();
}

const unescaped = (text) =>
  text.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z]{1,8});/gi, (whole, name) => {
    if (name[0] !== '#') return ENTITIES[name.toLowerCase()] ?? whole;
    const code = name[1].toLowerCase() === 'x' ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
    return code > 0 && code < 0x110000 ? String.fromCodePoint(code) : whole;
  });
