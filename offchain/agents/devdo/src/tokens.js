// JavaScript's tokens, each with its place: {type, value, start, end, newline}. `newline`: a line ended before it.
// Types: name, keyword, number, string, template, regex, punct, end.

export class SyntaxProblem extends Error {
  constructor(message, start, end = start + 1) {
    super(message);
    this.start = start;
    this.end = end;
  }
}

/** What JavaScript has and is not read here. */
export class Unread extends SyntaxProblem {}

const KEYWORDS = new Set(
  (
    'break case catch class const continue debugger default delete do else export extends false finally for function if ' +
    'import in instanceof let new null return super switch this throw true try typeof var void while with yield'
  ).split(' '),
);
const PUNCTS =
  '>>>= ... === !== **= <<= >>= >>> &&= ||= ??= => == != <= >= && || ?? ?. ++ -- += -= *= /= %= &= |= ^= << >> ** { } ( ) [ ] ; , < > + - * / % & | ^ ! ~ ? : = . @ #'.split(
    ' ',
  );
const NAME = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /0[xX][\da-fA-F_]+n?|0[bB][01_]+n?|0[oO][0-7_]+n?|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?n?/y;
const SPACE = /(?:[ \t\v\f\u00a0\ufeff]+|\r?\n|\/\/[^\n]*|\/\*[\s\S]*?\*\/)/y;
const ESCAPES = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', 0: '\0' };
const AFTER_VALUE = new Set([')', ']', '}']);

const at = (pattern, text, index) => {
  pattern.lastIndex = index;
  return pattern.exec(text)?.[0];
};

/** All tokens of a source, an `end` last. Throws `SyntaxProblem`. */
export function tokens(source) {
  const found = [];
  let index = 0;
  let newline = false;
  const templates = []; // depths of braces at which a template goes on
  let depth = 0;
  const push = (type, value, end, more = {}) => {
    found.push({ type, value, start: index, end, newline, ...more });
    index = end;
    newline = false;
  };
  for (;;) {
    for (let space; (space = at(SPACE, source, index)); index += space.length) newline ||= space.includes('\n');
    if (source.startsWith('/*', index)) throw new SyntaxProblem('a comment is not closed', index, index + 2);
    if (index >= source.length) break;
    const char = source[index];
    const name = at(NAME, source, index);
    if (name) {
      push(KEYWORDS.has(name) ? 'keyword' : 'name', name, index + name.length);
    } else if (/[0-9]/.test(char) || (char === '.' && /[0-9]/.test(source[index + 1] ?? ''))) {
      const number = at(NUMBER, source, index);
      push('number', number, index + number.length);
    } else if (char === '"' || char === "'") {
      const { value, end } = quoted(source, index, char);
      push('string', value, end);
    } else if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      const opens = char === '`';
      if (!opens) templates.pop();
      const { value, end, more } = templatePart(source, index + 1);
      push('template', value, end, { opens, more });
      if (more) templates.push(depth);
    } else if (char === '/' && regexMay(found.at(-1))) {
      const end = regexEnd(source, index);
      push('regex', source.slice(index, end), end);
    } else {
      const punct = PUNCTS.find((each) => source.startsWith(each, index));
      if (!punct) throw new SyntaxProblem(`${JSON.stringify(char)} can't stand here`, index);
      if (punct === '{') depth++;
      if (punct === '}') depth--;
      push('punct', punct, index + punct.length);
    }
  }
  push('end', '', index);
  return found;
}

function regexMay(last) {
  if (!last) return true;
  if (['name', 'number', 'string', 'regex'].includes(last.type)) return false;
  if (last.type === 'template') return last.more;
  if (last.type === 'keyword') return !['this', 'super', 'null', 'true', 'false'].includes(last.value);
  return !AFTER_VALUE.has(last.value);
}

function regexEnd(source, start) {
  let inClass = false;
  for (let i = start + 1; i < source.length && source[i] !== '\n'; i++) {
    if (source[i] === '\\') i++;
    else if (source[i] === '[') inClass = true;
    else if (source[i] === ']') inClass = false;
    else if (source[i] === '/' && !inClass) {
      for (i++; /[a-z]/.test(source[i] ?? ''); i++);
      return i;
    }
  }
  throw new SyntaxProblem('a regular expression is not closed', start);
}

function escaped(source, i) {
  const char = source[i];
  if (char === 'x' || char === 'u') {
    const found = /x([\da-f]{2})|u([\da-f]{4})|u\{([\da-f]{1,6})\}/iy;
    const code = at(found, source, i);
    if (!code) throw new SyntaxProblem('an escape is not complete', i - 1, i + 1);
    return { value: String.fromCodePoint(parseInt(code.replace(/[xu{}]/g, ''), 16)), length: code.length };
  }
  if (char === '\n') return { value: '', length: 1 };
  return { value: ESCAPES[char] ?? char, length: 1 };
}

function quoted(source, start, quote) {
  let value = '';
  for (let i = start + 1; i < source.length;) {
    if (source[i] === quote) return { value, end: i + 1 };
    if (source[i] === '\n') break;
    if (source[i] === '\\') {
      const found = escaped(source, i + 1);
      value += found.value;
      i += 1 + found.length;
    } else value += source[i++];
  }
  throw new SyntaxProblem('a string is not closed', start, start + 1);
}

function templatePart(source, start) {
  let value = '';
  for (let i = start; i < source.length;) {
    if (source[i] === '`') return { value, end: i + 1, more: false };
    if (source.startsWith('${', i)) return { value, end: i + 2, more: true };
    if (source[i] === '\\') {
      const found = escaped(source, i + 1);
      value += found.value;
      i += 1 + found.length;
    } else value += source[i++];
  }
  throw new SyntaxProblem('a template is not closed', start - 1, start);
}
