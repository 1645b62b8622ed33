// What a message is made of: who it says it is from, what it says, where its links lead, what it carries.
// Every part knows its place, `start` and `end`, in the text that was given.

const HEADER = /^([A-Za-z][A-Za-z-]{1,40}):[ \t]*(.*)$/;
const KNOWN = new Set(
  'from to cc subject date reply-to return-path sender received message-id mime-version'.split(' '),
);
const ENDINGS =
  'com net org io app info co us uk de fr eu ru cn in me live online site shop xyz top club vip support help cloud center ' +
  'win click gift buzz pw tk link page dev gg tv biz pro finance bank exchange network download tech store world today icu claims gle cc ly it es nl pl se no';
const URLS = /\b(?:https?|hxxps?|ftp):\/\/[^\s<>"'`]{1,2000}|\bdata:[a-z]+\/[a-z0-9.+-]+[;,][^\s<>"'`]{0,2000}/gi;
const BARE = new RegExp(
  String.raw`(?<![\w@/.-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,5}(?:${ENDINGS.replaceAll(' ', '|')})\b(?![\w@-])(?:/[^\s<>"'\x60]{0,500})?`,
  'gi',
);
const HREF = /\bhref\s*=\s*(?:"([^"]{1,2000})"|'([^']{1,2000})'|([^\s"'>]{1,2000}))/i;
const LONGEST_TAG = 2500;
const LONGEST_SHOWN = 1000;
const FILES =
  /(?:\battachments?:[ \t]*(\S.{0,200})$)|(?:filename="?([^";\n]{1,200})"?)|(\b[\w-]{1,80}\.(?:exe|scr|iso|apk|docm|xlsm|lnk|jar|hta|vbs)\b)/gim;
const MOST_LINKS = 200;

/** A message, read. Links have `href`, what is `shown` of them, `host` (null where there is none), `url` (null: no URL). */
export function read(text) {
  const { headers, bodyAt } = readHeaders(text);
  const body = text.slice(bodyAt);
  return { text, headers, bodyAt, body, links: links(text), files: files(text) };
}

function readHeaders(text) {
  const headers = new Map();
  let at = 0;
  let last;
  for (const line of text.split('\n')) {
    const next = at + line.length + 1;
    const found = HEADER.exec(line.replace(/\r$/, ''));
    if (found && (KNOWN.has(found[1].toLowerCase()) || headers.size > 0)) {
      last = found[1].toLowerCase();
      const start = at + line.indexOf(found[2], found[1].length + 1);
      if (!headers.has(last)) headers.set(last, { value: found[2], start, end: start + found[2].length });
    } else if (last !== undefined && /^[ \t]+\S/.test(line)) {
      const header = headers.get(last);
      header.value += ` ${line.trim()}`;
      header.end = at + line.length;
    } else {
      return headers.size > 0
        ? { headers, bodyAt: line.trim() === '' ? Math.min(next, text.length) : at }
        : { headers, bodyAt: 0 };
    }
    at = next;
  }
  return { headers, bodyAt: headers.size > 0 ? text.length : 0 };
}

/** Name and address of a header such as `"Anna" <anna@example.com>`. */
export function mailbox(value) {
  const found = /^(.*?)<([^<>@\s]+@[^<>\s]+)>/.exec(value) ?? /^()([^<>@\s]+@[^<>\s]+)/.exec(value.trim());
  if (!found) return { name: value, address: '', host: '' };
  const address = found[2].toLowerCase();
  return { name: found[1].trim().replace(/^"|"$/g, ''), address, host: address.slice(address.lastIndexOf('@') + 1) };
}

function links(text) {
  const found = [];
  const taken = [];
  const free = (start, end) => taken.every(([from, to]) => end <= from || start >= to);
  for (const { href, inner, start, end } of anchors(text)) {
    if (found.length >= MOST_LINKS) break;
    taken.push([start, end]);
    found.push(link(href, inner.replace(/<[^>]{0,500}>/g, '').trim(), start, end));
  }
  for (const pattern of [URLS, BARE]) {
    for (const match of text.matchAll(pattern)) {
      if (found.length >= MOST_LINKS) break;
      const raw = match[0].replace(/[.,;:!?)\]}»”]+$/, '');
      const [start, end] = [match.index, match.index + raw.length];
      if (!free(start, end)) continue;
      taken.push([start, end]);
      found.push(link(raw, raw, start, end));
    }
  }
  return found.sort((one, other) => one.start - other.start);
}

// HTML's anchors, each looked at once: no text takes longer than its length.
function* anchors(text) {
  const small = text.toLowerCase();
  for (let start = small.indexOf('<a '); start >= 0; start = small.indexOf('<a ', start + 3)) {
    const tagEnd = small.indexOf('>', start);
    if (tagEnd < 0) return;
    const href = tagEnd - start > LONGEST_TAG ? null : HREF.exec(text.slice(start, tagEnd));
    const close = href ? small.slice(tagEnd, tagEnd + LONGEST_SHOWN).indexOf('</a>') : -1;
    if (close < 0) continue;
    const end = tagEnd + close + '</a>'.length;
    yield { href: href[1] ?? href[2] ?? href[3], inner: text.slice(tagEnd + 1, tagEnd + close), start, end };
  }
}

/** Where a text leads, if it is an address: a URL, or a host name with or without a path. */
export function target(raw) {
  const written = raw.replace(/^hxxp/i, 'http').replaceAll('[.]', '.');
  try {
    return new URL(/^[a-z][a-z0-9+.-]*:/i.test(written) ? written : `http://${written}`);
  } catch {
    return null;
  }
}

function link(href, shown, start, end) {
  const url = target(href);
  return { href, shown, start, end, url, host: url?.hostname || null };
}

function files(text) {
  const found = [];
  for (const match of text.matchAll(FILES)) {
    const name = (match[1] ?? match[2] ?? match[3]).trim();
    const start = match.index + match[0].indexOf(name);
    if (found.length < MOST_LINKS && found.every((file) => file.start !== start)) {
      found.push({ name, start, end: start + name.length });
    }
  }
  return found;
}
