// The signs of phishing in a message: which, where, how much each weighs, why it is one, and what to do.

import { BAIT_WORDS, BRANDS, CHEAP_ENDINGS, FORMS, FREE_HOSTS, FREE_MAIL, SHORTENERS } from './brands.js';
import { isAddress, isOwn, pretends, registrable, shown } from './domains.js';
import { mixesScripts } from './lookalikes.js';
import { mailbox, target } from './message.js';
import { PHRASES } from './phrases.js';

/** Each kind of sign: `weight` in tenths, `title`, `why`, and the lesson (lessons.js) that goes with it. */
export const KINDS = {
  'lookalike-domain': [30, 'A domain that looks like a well-known one', 'links'],
  'brand-in-foreign-domain': [28, 'A well-known name in a domain that is not its own', 'links'],
  'link-shows-other-domain': [30, 'A link that shows one domain and leads to another', 'links'],
  'punycode-domain': [20, 'A domain written with letters of another alphabet', 'links'],
  'address-link': [22, 'A link to a bare network address', 'links'],
  'userinfo-link': [30, 'A link with a well-known name before an @', 'links'],
  'data-link': [28, 'A link that carries its own page', 'links'],
  'short-link': [14, 'A shortened link that hides where it leads', 'links'],
  'free-host-link': [14, 'A page at a free host', 'links'],
  'form-link': [12, 'A form that anybody can make', 'links'],
  'bait-domain': [15, 'A domain put together of words such as “secure” and “login”', 'links'],
  'asks-at-strange-place': [13, 'It asks you to act at a site that is none of the well-known ones', 'links'],
  'cheap-ending': [8, 'A domain ending that is often used for phishing', 'links'],
  'plain-http': [5, 'A link without encryption', 'links'],
  'sender-not-brand': [24, 'A sender that uses a name it does not belong to', 'sender'],
  'reply-elsewhere': [18, 'Answers go to another domain than the sender', 'sender'],
  'authority-at-free-mail': [14, 'Somebody of rank who writes from a free mailbox', 'sender'],
  'mixed-alphabets': [22, 'Words that mix alphabets', 'links'],
  'risky-attachment': [24, 'An attachment that can run', 'attachments'],
  'double-ending': [26, 'An attachment with a second, hidden ending', 'attachments'],
  ...Object.fromEntries(PHRASES.map(({ id, weight, title, lesson }) => [id, [weight, title, lesson]])),
};

const RUNS =
  /\.(exe|scr|com|pif|bat|cmd|ps1|vbs|js|jse|wsf|hta|lnk|iso|img|vhd|jar|apk|msi|docm|xlsm|pptm|html?|svg)$/i;
// What is asked for by a link: to sign in, to pay, to fill something in.
const ACTS =
  /\b(log ?in|sign ?in|pay|enter|fill in|upload|submit|claim|collect|confirm|verify|re-?enter|unlock|release|restore|renew|update|settle|register|cancel|visit|sign|connect|betaal|pague|payez|paga|zahl\w*|bestätig\w*|confirme|aktualisier\w*)\b/i;
const HIDDEN = /\.(pdf|docx?|xlsx?|jpe?g|png|txt|csv)\.[a-z0-9]{2,4}$/i;
const RANK =
  /\b(ceo|cfo|cto|president|director|rector|dean|head|headmistress|headmaster|manager|principal|chairman|notaire|notary|attorney|lawyer|office of)\b/i;
// A sentence that tells people not to, is a warning and no demand.
const WARNS =
  /\b(never (ask|share|send|give|enter)|nobody will|no[- ]one will|don'?t (share|send|pay|click)|do not (share|send)|won'?t ask|not with anyone)\b/i;
const MOST_OF_A_KIND = 5;
const SHOWN_CHARACTERS = 160;

/** All signs of a message as `read` gave it, in the order of their places. */
export function signsOf(message) {
  const found = [...linkSigns(message), ...senderSigns(message), ...fileSigns(message), ...phraseSigns(message)];
  const counts = new Map();
  return found
    .sort((one, other) => one.start - other.start || (one.id < other.id ? -1 : 1))
    .filter(({ id }) => {
      counts.set(id, (counts.get(id) ?? 0) + 1);
      return counts.get(id) <= MOST_OF_A_KIND;
    })
    .map(({ id, start, end, why, domain }) => {
      const [weight, title, lesson] = KINDS[id];
      const text = message.text.slice(start, Math.min(end, start + SHOWN_CHARACTERS));
      return {
        id,
        title,
        weight,
        why,
        lesson,
        where: { start, end, text },
        ...(domain === undefined ? {} : { domain }),
      };
    });
}

/** What the signs add up to: each kind once, in whole points. */
export function points(signs) {
  const kinds = new Set(signs.map(({ id }) => id));
  return [...kinds].reduce((sum, id) => sum + KINDS[id][0], 0) / 10;
}

function* linkSigns({ links, headers, body }) {
  const sender = headers.get('from') ? registrable(mailbox(headers.get('from').value).host) : undefined;
  const acts = ACTS.test(body);
  for (const { href, shown: text, start, end, url, host } of links) {
    const sign = (id, why, domain) => ({ id, start, end, why, domain });
    if (/^data:/i.test(href)) yield sign('data-link', 'The whole page is in the link: no site stands behind it.');
    if (!url || !host) continue;
    const domain = registrable(host);
    if (isAddress(host))
      yield sign('address-link', `It leads to ${host}: companies have names, this has none.`, domain);
    if (url.username !== '') {
      yield sign('userinfo-link', `What stands before the @ is no place: it leads to ${domain}.`, domain);
    }
    const faked = pretends(host);
    if (faked) yield pretence(sign, faked, host, domain);
    if (host.includes('xn--'))
      yield sign('punycode-domain', `It is shown as ${shown(host)}, and is really ${host}.`, domain);
    if (SHORTENERS.has(domain)) yield sign('short-link', `${domain} forwards to a place that can't be seen from here.`);
    if (FREE_HOSTS.has(domain)) yield sign('free-host-link', `At ${domain} anybody can put a page, for nothing.`, host);
    if (FORMS.has(domain))
      yield sign('form-link', `${domain} is where anybody makes a form: what you type goes to a stranger.`);
    if (!faked && isBait(domain)) yield sign('bait-domain', baitWhy(domain), domain);
    if (CHEAP_ENDINGS.has(domain.slice(domain.lastIndexOf('.') + 1)) && !isOwn(domain)) {
      yield sign(
        'cheap-ending',
        `Names under .${domain.slice(domain.lastIndexOf('.') + 1)} cost little, and many are used for a day.`,
      );
    }
    if (
      acts &&
      !isOwn(domain) &&
      !headers.has('list-unsubscribe') &&
      (sender === undefined || sender !== domain || isBait(domain))
    ) {
      yield sign(
        'asks-at-strange-place',
        `${domain} belongs to nobody well known: act where you have your account, not there.`,
      );
    }
    if (/^http:/i.test(href)) yield sign('plain-http', 'Nobody who asks you to sign in does so without https.');
    const claimed = /^(https?:\/\/)?([\w-]+\.)+[a-z]{2,}/i.test(text) ? target(text)?.hostname : undefined;
    if (text !== href && claimed && registrable(claimed) !== domain) {
      yield sign('link-shows-other-domain', `It shows ${registrable(claimed)} and leads to ${domain}.`, domain);
    }
  }
}

// A name of which a half or more is such words, and that nobody well known has.
function isBait(domain) {
  if (isOwn(domain) || isAddress(domain)) return false;
  const [label] = domain.split('.');
  const words = label.split('-').filter((word) => word.length > 1);
  const baits = words.filter((word) => BAIT_WORDS.has(word)).length;
  return words.length > 1 && baits * 2 >= words.length;
}
const baitWhy = (domain) =>
  `${domain} says what you are to believe, not whose it is: companies use the domain that has their name.`;

function pretence(sign, { name, kind }, host, domain) {
  if (kind === 'same-look') {
    return sign('lookalike-domain', `${shown(host)} is written so that it is taken for ${name}.`, domain);
  }
  if (kind === 'near') return sign('lookalike-domain', `${domain} is a letter or two away from ${name}.`, domain);
  if (kind === 'before') {
    return sign('brand-in-foreign-domain', `It begins like ${name}'s address, and belongs to ${domain}.`, domain);
  }
  return sign('brand-in-foreign-domain', `${domain} has ${name} in its name, and is none of its domains.`, domain);
}

function* senderSigns({ headers, text }) {
  const from = headers.get('from');
  if (from) {
    const { name, host } = mailbox(from.value);
    const sign = (id, why, domain) => ({ id, start: from.start, end: from.end, why, domain });
    const domain = registrable(host);
    const faked = host && pretends(host);
    if (faked) yield pretence(sign, faked, host, domain);
    if (host && !faked && isBait(domain)) yield sign('bait-domain', baitWhy(domain), domain);
    const words = name.toLowerCase().split(/[^a-z0-9]+/);
    const glued = words.join('');
    const used = BRANDS.find((brand) => words.includes(brand.name) || (!brand.word && glued.includes(brand.name)));
    if (host && used && !used.domains.includes(domain) && !isOwn(domain)) {
      yield sign('sender-not-brand', `It says ${used.name}, and comes from ${domain}.`, domain);
    }
    if (FREE_MAIL.has(domain) && RANK.test(`${name} ${from.value}`)) {
      yield sign('authority-at-free-mail', `People of rank write from their own domain, not from ${domain}.`);
    }
    const reply = headers.get('reply-to');
    const answered = reply && mailbox(reply.value).host;
    if (answered && registrable(answered) !== domain) {
      const why = `It says it is from ${domain}, and your answer would go to ${registrable(answered)}.`;
      yield { id: 'reply-elsewhere', start: reply.start, end: reply.end, why };
    }
  }
  for (const word of text.matchAll(/[\p{L}]{3,40}/gu)) {
    if (!mixesScripts(word[0])) continue;
    const why = `"${word[0]}" has letters of two alphabets that look alike: filters and eyes are to be deceived.`;
    yield { id: 'mixed-alphabets', start: word.index, end: word.index + word[0].length, why };
  }
}

function* fileSigns({ files }) {
  for (const { name, start, end } of files) {
    if (HIDDEN.test(name))
      yield { id: 'double-ending', start, end, why: `${name} is what its last ending says, not its first.` };
    if (RUNS.test(name))
      yield {
        id: 'risky-attachment',
        start,
        end,
        why: `A file such as ${name} can run what it likes when it is opened.`,
      };
  }
}

function* phraseSigns({ text }) {
  for (const { id, patterns, why, warnable } of PHRASES) {
    for (const pattern of patterns) {
      for (const match of text.matchAll(pattern)) {
        const [start, end] = [match.index, match.index + match[0].length];
        if (warnable && WARNS.test(sentence(text, start, end))) continue;
        yield { id, start, end, why };
        break; // one place a pattern is enough to see it
      }
    }
  }
}

function sentence(text, start, end) {
  const before = Math.max(...['.', '!', '?', '\n'].map((stop) => text.lastIndexOf(stop, start - 1))) + 1;
  const after = /[.!?\n]/.exec(text.slice(end, end + 300));
  return text.slice(Math.max(before, start - 300), after ? end + after.index : Math.min(text.length, end + 300));
}
