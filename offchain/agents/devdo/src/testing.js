// Tests of functions: inputs by what parameters are called, what the code gives for them now, as a file for a test runner.

import { functionsOf, pythonFunctions } from './shapes.js';
import { runTests } from './running.js';

const MOST_FUNCTIONS = 20;
const SAMPLES = [
  [/^(is|has|should|flag|enabled)/, [true, false]],
  [/(s|list|items|array|values|numbers|nums|arr|xs)$/i, [[], [1], [3, 1, 2]]],
  [/(text|str|string|name|word|line|title|key|s|input|path|url)$/i, ['', 'a', 'Hello World']],
  [/(object|obj|map|options|opts|config|record|dict)$/i, [{}, { a: 1, b: 2 }]],
  [/(callback|fn|func|cb|predicate|by)$/i, []],
];
const NUMBERS = [0, 1, -1, 10];

const samplesFor = (param) => (SAMPLES.find(([pattern]) => pattern.test(param.replace('?', ''))) ?? [null, NUMBERS])[1];

/** `{tests, skeleton, skipped}`: tests that the code passes now, and a file of them for `node --test`. */
export function testsOf(source, tree) {
  const tests = [];
  const skipped = [];
  for (const { name, path, params } of functionsOf(tree).slice(0, MOST_FUNCTIONS)) {
    const columns = params.filter((param) => !param.startsWith('...')).map(samplesFor);
    if (path === null || columns.some((column) => column.length === 0)) {
      skipped.push(name);
      continue;
    }
    const rows = Math.max(1, ...columns.map((column) => column.length));
    const cases = Array.from({ length: rows }, (_, i) => ({
      call: path,
      args: columns.map((column) => column[i % column.length]),
    }));
    const seen = runTests(source, cases).results.map((result, i) => ({ ...cases[i], ...result }));
    const known = seen.filter(({ got, error }) => (got !== undefined && !vague(got)) || (error && /Error/.test(error)));
    if (known.length === 0) skipped.push(name);
    tests.push(
      ...known.map(({ call, args, got, error }) =>
        error ? { call, args, throws: true } : { call, args, expect: got },
      ),
    );
  }
  return { tests, skeleton: javascriptFile(tests, skipped), skipped };
}

const vague = (value) => JSON.stringify(value).includes('"$":');

function javascriptFile(tests, skipped) {
  const names = [...new Set(tests.map(({ call }) => call.split('.')[0]))];
  const lines = [
    "import assert from 'node:assert/strict';",
    "import { test } from 'node:test';",
    `import { ${names.join(', ')} } from './snippet.js';`,
    '',
  ];
  for (const { call, args, expect, throws } of tests) {
    const called = `${call}(${args.map((each) => JSON.stringify(each)).join(', ')})`;
    const claim = throws ? `assert.throws(() => ${called})` : `assert.deepEqual(${called}, ${JSON.stringify(expect)})`;
    lines.push(`test(${JSON.stringify(called)}, () => ${claim});`);
  }
  for (const name of skipped) lines.push(`test.todo(${JSON.stringify(`${name}: what should it give?`)});`);
  return `${lines.join('\n')}\n`;
}

/** A skeleton for pytest: what functions there are, and nothing about what they give. */
export function pythonSkeleton(source) {
  const found = pythonFunctions(source)
    .filter(({ name }) => !name.startsWith('_'))
    .slice(0, MOST_FUNCTIONS);
  const body = found.map(
    ({ name, params }) =>
      `@pytest.mark.skip(reason="say what it should give")\ndef test_${name}() -> None:\n    assert ${name}(${params.map((each) => `${each}=...`).join(', ')}) == ...\n`,
  );
  return `import pytest\n\nfrom snippet import ${found.map(({ name }) => name).join(', ') || '*'}\n\n\n${body.join('\n\n')}`;
}
