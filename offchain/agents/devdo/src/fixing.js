// Fixes that need no model: edits that come with problems, taken only where the result is no worse, round by round.

import { check as checkJs } from './checks_js.js';
import { check as checkPy } from './checks_py.js';
import { edited } from './edits.js';
import { parse } from './parser.js';
import { SyntaxProblem } from './tokens.js';

const ROUNDS = 8;
const CLOSERS = [')', ']', '}', ')}', '"', "'", '`', ',', ';', ')]', '})', '('];

export const checked = (source, language) => (language === 'python' ? checkPy(source) : checkJs(source));
const worth = (problems) =>
  problems.reduce((sum, { severity }) => sum + { error: 100, warning: 10, hint: 1 }[severity], 0);

/** `{code, fixed: [rule], problems}`: the source with all that can be mended, and what is left. */
export function fixed(source, language) {
  let code = source;
  const done = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { problems } = checked(code, language);
    const next = step(code, problems, language);
    if (next === undefined) return { code, fixed: done, problems };
    code = next.code;
    done.push(...next.rules);
  }
  return { code, fixed: done, problems: checked(code, language).problems };
}

function step(code, problems, language) {
  const before = worth(problems);
  const better = (next) =>
    next !== code && (isBroken(problems) ? reads(next, language) : worth(checked(next, language).problems) < before);
  if (isBroken(problems)) {
    const found = [...problems.map(({ fix }) => fix).filter(Boolean), ...closings(code, problems[0], language)];
    const fix = found.find((each) => better(edited(code, [each])));
    return fix && { code: edited(code, [fix]), rules: [problems[0].rule] };
  }
  const all = problems.filter(({ fix }) => fix);
  if (all.length === 0) return undefined;
  const together = edited(
    code,
    all.map(({ fix }) => fix),
  );
  if (better(together)) return { code: together, rules: all.map(({ rule }) => rule) };
  const one = all.find(({ fix }) => better(edited(code, [fix])));
  return one && { code: edited(code, [one.fix]), rules: [one.rule] };
}

const isBroken = (problems) => problems.some(({ rule }) => rule === 'syntax' || rule === 'brackets');

function reads(code, language) {
  return !isBroken(checked(code, language).problems);
}

// What may be missing, where reading came to an end.
function closings(code, { rule }, language) {
  if (language === 'python' || (rule !== 'syntax' && rule !== 'brackets')) return [];
  try {
    parse(code);
    return [];
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    const before = code.slice(0, error.start).trimEnd().length;
    return [
      ...CLOSERS.map((text) => ({ start: before, end: before, text })),
      { start: error.start, end: error.end, text: '' },
    ];
  }
}
