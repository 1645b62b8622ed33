// Host names: the part that somebody registered, what punycode stands for, and which well-known name one looks like.

import { distance } from '../../parts/distance.js';
import { BRANDS, OWN_DOMAINS } from './brands.js';
import { skeleton } from './lookalikes.js';

// Endings of two labels under which names are registered; of others the last label is the ending.
const DOUBLE_ENDINGS = new Set(
  (
    'co.uk org.uk gov.uk ac.uk me.uk com.au net.au org.au gov.au co.nz co.jp ne.jp or.jp co.kr co.in net.in gov.in co.za ' +
    'com.br gov.br com.mx com.ar com.tr com.cn com.hk com.sg com.my com.ua co.il co.id com.ph com.vn com.pl uk.com us.com ' +
    'eu.com de.com js.org'
  ).split(' '),
);

/** The registrable domain of a host name: `mail.example.co.uk` → `example.co.uk`. Addresses are their own. */
export function registrable(host) {
  const labels = host.toLowerCase().replace(/\.$/, '').split('.');
  if (isAddress(host) || labels.length < 3) return labels.join('.');
  return labels.slice(DOUBLE_ENDINGS.has(labels.slice(-2).join('.')) ? -3 : -2).join('.');
}

export const isAddress = (host) => /^\[[0-9a-f:.]+\]$|^\d{1,3}(\.\d{1,3}){3}$/i.test(host);

/** Whether a domain belongs to one of the well-known names. */
export const isOwn = (domain) => OWN_DOMAINS.has(domain) || OWN_DOMAINS.has(domain.split('.').slice(-2).join('.'));

/** A host name with each `xn--` label as it is shown to people. */
export function shown(host) {
  const label = (text) => (text.startsWith('xn--') ? (decodePunycode(text.slice(4)) ?? text) : text);
  return host.split('.').map(label).join('.');
}

/** RFC 3492; undefined of what isn't any. */
export function decodePunycode(text) {
  const dash = text.lastIndexOf('-');
  const out = dash > 0 ? [...text.slice(0, dash)] : [];
  let [n, i, bias] = [128, 0, 72];
  for (let at = dash > 0 ? dash + 1 : 0; at < text.length;) {
    const before = i;
    for (let [weight, k] = [1, 36]; ; k += 36) {
      if (at >= text.length) return undefined;
      const digit = parseInt(text[at++], 36);
      if (Number.isNaN(digit)) return undefined;
      const value = digit < 10 ? digit + 26 : digit - 10; // letters come first there
      i += value * weight;
      const threshold = Math.min(Math.max(k - bias, 1), 26);
      if (value < threshold) break;
      weight *= 36 - threshold;
    }
    const length = out.length + 1;
    let delta = Math.floor((i - before) / (before === 0 ? 700 : 2));
    delta += Math.floor(delta / length);
    let k = 0;
    for (; delta > 455; k += 36) delta = Math.floor(delta / 35);
    bias = k + Math.floor((36 * delta) / (delta + 38));
    n += Math.floor(i / length);
    i %= length;
    if (n > 0x10ffff) return undefined;
    out.splice(i++, 0, String.fromCodePoint(n));
  }
  return out.join('');
}

/**
 * Which well-known name a host pretends to be, and how; undefined of what is theirs, and of what resembles none.
 * `kind`: `same-look` (other letters that look the same), `near` (a letter or two off), `within` (the name with other words),
 * `before` (a real domain in front of a strange one).
 */
export function pretends(host) {
  const domain = registrable(host);
  if (isOwn(domain) || isAddress(host)) return undefined;
  const front = shown(host).toLowerCase();
  const [label] = shown(domain).toLowerCase().split('.');
  const plain = skeleton(label);
  const ahead = front.slice(0, front.length - shown(domain).length);
  for (const { name, domains } of BRANDS) {
    if (domains.some((own) => `.${ahead}`.includes(`.${own}.`))) return { name, kind: 'before' };
  }
  const pieces = [label, ...label.split('-'), label.replaceAll('-', '')];
  for (const { name } of BRANDS) {
    if (pieces.every((piece) => piece !== name) && pieces.some((piece) => skeleton(piece) === skeleton(name))) {
      return { name, kind: 'same-look' };
    }
  }
  for (const { name, word } of BRANDS) {
    const whole = pieces.includes(name) || ahead.split(/[.-]/).includes(name);
    if (whole || (!word && name.length > 4 && plain.includes(skeleton(name)))) return { name, kind: 'within' };
  }
  for (const { name, word } of BRANDS) {
    if (word || name.length < 6) continue;
    const far = name.length > 8 ? 2 : 1;
    if (pieces.some((piece) => distance(piece, name, far) <= far)) return { name, kind: 'near' };
  }
  return undefined;
}
