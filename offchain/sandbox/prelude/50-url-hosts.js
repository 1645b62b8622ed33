// How parts of URLs are percent-encoded, and hosts: of the URL Standard, like what follows.

const SPECIAL_SCHEMES = { ftp: 21, file: null, http: 80, https: 443, ws: 80, wss: 443 };
const hexByte = (byte) => `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;

// Percent-encode sets, as patterns of the ASCII characters that are in them; all else beyond 0x7e is, too.
const C0 = /[^ -~]/u;
const FRAGMENT = /[^!#-;=?-_a-~]/u;
const QUERY = /[^!$-;=?-~]/u;
const SPECIAL_QUERY = /[^!$-&(-;=?-~]/u;
const PATH = /[^!$-;=@-\]_a-z|~]/u;
const USERINFO = /[^!$-.0-9A-Z_a-z~]/u;
const all = new Map(
  [C0, FRAGMENT, QUERY, SPECIAL_QUERY, PATH, USERINFO].map((set) => [set, new RegExp(set.source, 'gu')]),
);

function percentEncode(text, set) {
  if (!set.test(text)) return text;
  return text.replace(all.get(set), (found) => {
    let bytes = '';
    for (const byte of utf8(found)) bytes += hexByte(byte);
    return bytes;
  });
}

function ipv4Number(text) {
  if (text === '') return NaN;
  let radix = 10;
  if (/^0x/i.test(text)) [text, radix] = [text.slice(2), 16];
  else if (text.length > 1 && text[0] === '0') [text, radix] = [text.slice(1), 8];
  if (text === '') return 0;
  const digits = radix === 10 ? /^[0-9]+$/ : radix === 16 ? /^[0-9a-f]+$/i : /^[0-7]+$/;
  return digits.test(text) ? parseInt(text, radix) : NaN;
}

function endsInNumber(host) {
  const parts = host.split('.');
  if (parts.at(-1) === '') {
    if (parts.length === 1) return false;
    parts.pop();
  }
  const last = parts.at(-1);
  return /^[0-9]+$/.test(last) || /^0x[0-9a-f]*$/i.test(last);
}

// The dotted host, or null.
function ipv4(host) {
  const parts = host.split('.');
  if (parts.at(-1) === '' && parts.length > 1) parts.pop();
  if (parts.length > 4) return null;
  const numbers = parts.map(ipv4Number);
  const last = numbers.pop();
  if (Number.isNaN(last) || numbers.some((number) => !(number <= 255))) return null;
  if (last >= 256 ** (4 - numbers.length)) return null;
  let address = last;
  numbers.forEach((number, place) => (address += number * 256 ** (3 - place)));
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

function ipv6(text) {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const pieces = (half) => (half === '' ? [] : half.split(':'));
  const [head, tail] = [pieces(halves[0]), halves.length === 2 ? pieces(halves[1]) : []];
  const written = [...head, ...tail];
  const last = written.at(-1);
  if (last?.includes('.')) {
    const bytes = last.split('.');
    if (bytes.length !== 4 || !bytes.every((byte) => /^(0|[1-9][0-9]{0,2})$/.test(byte) && byte <= 255)) return null;
    const words = [0, 2].map((at) => (bytes[at] * 256 + Number(bytes[at + 1])).toString(16));
    (tail.length > 0 ? tail : head).splice(-1, 1, ...words);
  }
  if (![...head, ...tail].every((piece) => /^[0-9a-f]{1,4}$/i.test(piece))) return null;
  const given = head.length + tail.length;
  if (halves.length === 2 ? given > 7 : given !== 8) return null;
  const words = [...head, ...Array(8 - given).fill('0'), ...tail].map((piece) => parseInt(piece, 16));
  let [from, length] = [-1, 1]; // the longest run of zeros is left out
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && words[end] === 0) end++;
    if (end - at > length) [from, length] = [at, end - at];
    if (end > at) at = end;
  }
  const shown = words.map((word) => word.toString(16));
  if (from < 0) return `[${shown.join(':')}]`;
  return `[${shown.slice(0, from).join(':')}::${shown.slice(from + length).join(':')}]`;
}

const FORBIDDEN_HOST = /[\0\t\n\r #/:<>?@[\\\]^|]/;
const FORBIDDEN_DOMAIN = /[\0-\x20#%/:<>?@[\\\]^|\x7f]/;

function percentDecoded(text) {
  if (!text.includes('%')) return text;
  const bytes = utf8(text);
  const out = [];
  for (let i = 0; i < bytes.length; i++) {
    const hex = bytes[i] === 0x25 ? String.fromCharCode(bytes[i + 1], bytes[i + 2]) : '';
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      out.push(parseInt(hex, 16));
      i += 2;
    } else out.push(bytes[i]);
  }
  return new use.TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array(out));
}

// The host as it is serialised, or null.
function parseHost(input, special) {
  if (input[0] === '[') return input.at(-1) === ']' ? ipv6(input.slice(1, -1)) : null;
  if (!special) return FORBIDDEN_HOST.test(input) ? null : percentEncode(input, C0);
  let domain = percentDecoded(input);
  if (/[^\0-\x7f]/.test(domain) || /(^|\.)xn--/i.test(domain)) {
    try {
      domain = host.call('domain_to_ascii', domain);
    } catch {
      return null;
    }
  } else domain = domain.toLowerCase();
  if (domain === '' || FORBIDDEN_DOMAIN.test(domain)) return null;
  return endsInNumber(domain) ? ipv4(domain) : domain;
}
