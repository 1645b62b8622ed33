// What is wrong with JavaScript, found by reading it. Each problem: {rule, severity, message, start, end, fix?: {start, end, text}}.

import { distance } from '../../parts/distance.js';
import { parse, tooDeep } from './parser.js';
import { namesOf } from './scopes.js';
import { SyntaxProblem, tokens, Unread } from './tokens.js';

const CLOSES = { '(': ')', '[': ']', '{': '}' };
const MOST = 100;

/** `{problems, tree}`; the tree is null where it can't be read. */
export function check(source) {
  try {
    const tree = parse(source);
    return { problems: [...brokenNames(source, tree), ...walked(source, tree)].sort(byPlace).slice(0, MOST), tree };
  } catch (thrown) {
    const error = thrown instanceof RangeError ? tooDeep(source) : thrown;
    if (!(error instanceof SyntaxProblem)) throw error;
    return { problems: error instanceof Unread ? [] : [bracket(source) ?? syntax(source, error)], tree: null };
  }
}

const byPlace = (one, other) => one.start - other.start || one.end - other.end;

function syntax(source, error) {
  const found = { rule: 'syntax', severity: 'error', message: error.message, start: error.start, end: error.end };
  if (error.message !== 'a string is not closed') return found;
  const lineEnd = source.indexOf('\n', error.start);
  const end = lineEnd < 0 ? source.length : lineEnd;
  const tail = /[);,\]}\s]*$/.exec(source.slice(error.start + 1, end))[0];
  const at = end - tail.length;
  return { ...found, fix: { start: at, end: at, text: source[error.start] } };
}

// The first bracket without its other half; what is missing at the end is put there.
function bracket(source) {
  const open = [];
  let all;
  try {
    all = tokens(source);
  } catch {
    return undefined;
  }
  for (const { type, value, start, end } of all) {
    if (type !== 'punct') continue;
    if (CLOSES[value]) open.push({ value, start, end });
    else if (')]}'.includes(value)) {
      const last = open.pop();
      if (last && CLOSES[last.value] === value) continue;
      const message = last ? `"${last.value}" is closed by "${value}"` : `"${value}" closes nothing`;
      const fix = last ? { start, end, text: CLOSES[last.value] + (open.length ? '' : '') } : { start, end, text: '' };
      return { rule: 'brackets', severity: 'error', message, start, end, fix };
    }
  }
  if (open.length === 0) return undefined;
  const missing = open.map(({ value }) => CLOSES[value]).reverse();
  const at = source.trimEnd().length;
  const text = missing.map((each) => (each === '}' ? `\n${each}` : each)).join('');
  const { value, start, end } = open.at(-1);
  return {
    rule: 'brackets',
    severity: 'error',
    message: `"${value}" is not closed`,
    start,
    end,
    fix: { start: at, end: at, text },
  };
}

function* brokenNames(source, tree) {
  const { undefined: unknown, unused, names } = namesOf(tree);
  for (const { name, start, end } of unknown) {
    const near = [...names].filter(
      (other) => other.length > 2 && distance(name, other, 2) <= (name.length > 4 ? 2 : 1),
    );
    const fix = near.length === 1 ? { start, end, text: near[0] } : undefined;
    const hint = fix ? `: is \`${near[0]}\` meant?` : '';
    yield {
      rule: 'undefined-name',
      severity: 'error',
      message: `\`${name}\` is declared nowhere${hint}`,
      start,
      end,
      fix,
    };
  }
  for (const { name, kind, start, end } of unused) {
    yield { rule: 'unused-name', severity: 'hint', message: `\`${name}\` (${kind}) is never used`, start, end };
  }
}

function* walked(source, tree) {
  const stack = [{ node: tree, loop: false }];
  while (stack.length) {
    const { node } = stack.pop();
    yield* RULES[node.type]?.(node, source) ?? [];
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value])
        if (child && typeof child === 'object' && child.type) stack.push({ node: child });
    }
  }
}

const problem = (rule, severity, message, { start, end }, fix) => ({ rule, severity, message, start, end, fix });
const isNull = ({ type, value }) => type === 'Literal' && value === null;
const isNaNName = ({ type, name }) => type === 'Identifier' && name === 'NaN';

function* condition({ test }) {
  if (test?.type === 'AssignmentExpression' && test.operator === '=' && !test.parenthesised) {
    const fix = { start: test.left.end, end: test.right.start, text: ' === ' };
    yield problem('assignment-in-condition', 'error', 'this assigns, and compares nothing: `===` is meant', test, fix);
  }
}

function* block({ body }) {
  const ends = body.findIndex(({ type }) =>
    ['ReturnStatement', 'ThrowStatement', 'BreakStatement', 'ContinueStatement'].includes(type),
  );
  const dead = body.slice(ends + 1).find(({ type }) => type !== 'FunctionDeclaration' && type !== 'EmptyStatement');
  if (ends >= 0 && dead) yield problem('unreachable', 'warning', 'this is never reached', dead);
}

const RULES = {
  *BinaryExpression(node, source) {
    const { operator, left, right, at, atEnd } = node;
    if ((operator === '==' || operator === '!=') && !isNull(left) && !isNull(right)) {
      const message = `\`${operator}\` converts before it compares: \`${operator}=\` does not`;
      yield problem(
        'loose-equality',
        'warning',
        message,
        { start: at, end: atEnd },
        { start: at, end: atEnd, text: `${operator}=` },
      );
    }
    if (/^[!=]==?$/.test(operator) && (isNaNName(left) || isNaNName(right))) {
      const other = isNaNName(left) ? right : left;
      const not = operator.startsWith('!') ? '!' : '';
      const text = `${not}Number.isNaN(${source.slice(other.start, other.end)})`;
      yield problem('compare-nan', 'error', 'NaN equals nothing, not even itself', node, {
        start: node.start,
        end: node.end,
        text,
      });
    }
    if (
      /^[!=]==?$/.test(operator) &&
      left.type === 'UnaryExpression' &&
      left.operator === 'typeof' &&
      right.type === 'Literal'
    ) {
      const known = ['undefined', 'object', 'boolean', 'number', 'bigint', 'string', 'symbol', 'function'];
      if (!known.includes(right.value))
        yield problem('typeof', 'error', `no typeof is ${JSON.stringify(right.value)}`, right);
    }
    if (operator === 'in' && left.type === 'UnaryExpression' && left.operator === '!') {
      yield problem('not-in', 'error', '`!` binds before `in`: write `!(key in object)`', node);
    }
  },
  IfStatement: condition,
  WhileStatement: condition,
  *ForStatement(node) {
    yield* condition(node);
    const { test, init, update } = node;
    const counts = init?.declarations?.[0]?.id?.name;
    const length = test?.right?.type === 'MemberExpression' && test.right.property.value === 'length';
    if (test?.operator === '<=' && length && test.left.name === counts && init.declarations[0].init?.value === 0) {
      const fix = { start: test.at, end: test.atEnd, text: '<' };
      yield problem('off-by-one', 'error', 'the last round is beyond the end: `<` is meant', test, fix);
    }
    if (test?.operator?.startsWith('<') && update?.operator === '--' && update.argument.name === test.left.name) {
      yield problem('endless-for', 'error', 'it counts away from its end', update, {
        start: update.start,
        end: update.end,
        text: `${update.argument.name}++`,
      });
    }
  },
  *VariableDeclaration({ kind, start }) {
    if (kind === 'var') {
      yield problem(
        'var',
        'hint',
        '`var` is seen in the whole function: `let` is not',
        { start, end: start + 3 },
        { start, end: start + 3, text: 'let' },
      );
    }
  },
  BlockStatement: block,
  Program: block,
  *SwitchStatement({ cases }) {
    for (const [i, { test, body, start, end }] of cases.entries()) {
      const leaves = ({ type }) =>
        ['BreakStatement', 'ReturnStatement', 'ThrowStatement', 'ContinueStatement', 'BlockStatement'].includes(type);
      if (i < cases.length - 1 && body.length && !body.some(leaves)) {
        yield problem(
          'fall-through',
          'warning',
          'the next case follows: `break` is missing',
          { start: test?.start ?? start, end },
          { start: end, end, text: '\nbreak;' },
        );
      }
    }
  },
  *ObjectExpression({ properties }) {
    const seen = new Set();
    for (const { type, key, computed, kind } of properties) {
      if (type !== 'Property' || computed || kind !== 'init') continue;
      if (seen.has(key.value))
        yield problem('duplicate-key', 'error', `\`${key.value}\` is there twice: the last one counts`, key);
      seen.add(key.value);
    }
  },
  *ExpressionStatement({ expression, start, end }) {
    if (expression.type === 'BinaryExpression' && /^[=!]==?$/.test(expression.operator)) {
      const fix = expression.operator.startsWith('=')
        ? { start: expression.at, end: expression.atEnd, text: '=' }
        : undefined;
      yield problem('comparison-as-statement', 'error', 'this compares, and does nothing with it', { start, end }, fix);
    }
  },
  *CallExpression({ callee, arguments: given, start, end }) {
    if (callee.type === 'Identifier' && callee.name === 'parseInt' && given.length === 1) {
      yield problem(
        'parse-int',
        'hint',
        'parseInt without a base: give 10',
        { start, end },
        { start: given[0].end, end: given[0].end, text: ', 10' },
      );
    }
    if (callee.type === 'Identifier' && callee.name === 'eval') {
      yield problem('eval', 'warning', '`eval` runs whatever it is given', { start, end });
    }
    const sorts = callee.type === 'MemberExpression' && callee.property.value === 'sort' && given.length === 0;
    if (
      sorts &&
      callee.object.type === 'ArrayExpression' &&
      callee.object.elements.every((each) => typeof each?.value === 'number')
    ) {
      yield problem(
        'sort-numbers',
        'warning',
        '`sort` compares as text: 10 comes before 9',
        { start, end },
        { start: end - 1, end: end - 1, text: '(a, b) => a - b' },
      );
    }
  },
};
