'use strict';

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');
const { test } = require('node:test');
const { session, Position, Range } = require('./vscode.js');

const BROKEN =
  'function total(items) {\n  var sum = 0;\n  for (let i = 0; i <= items.length; i++) sum += itms[i];\n  return sum;\n}\n';
const MENDED =
  'function total(items) {\n  let sum = 0;\n  for (let i = 0; i < items.length; i++) sum += items[i];\n  return sum;\n}\n';
const GATEWAY = process.env.FATHOM_GATEWAY;
const real = { skip: GATEWAY ? false : 'FATHOM_GATEWAY names no gateway' };
const settings = { gateway: GATEWAY, agent: 'devdo' };

/** Asks something that listens and answers as it is told to. */
async function listening(answer, use) {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push({ url: request.url, headers: request.headers });
    answer(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use({ gateway: `http://127.0.0.1:${server.address().port}`, agent: 'devdo' }, requests);
  } finally {
    server.close();
  }
}

const says = (status, body) => (response) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);

test('every command of the manifest is there, and no other', () => {
  const { contributes } = JSON.parse(readFileSync(join(__dirname, '..', 'package.json')));
  const { seen } = session({ settings });
  assert.deepEqual([...seen.commands.keys()].sort(), contributes.commands.map(({ command }) => command).sort());
});

test('a fix is confirmed, written, and has a receipt', real, async () => {
  const { seen, document, run } = session({ settings, text: BROKEN });
  assert.equal(await run('fix'), true);
  assert.equal(document.text, MENDED);
  assert.equal(seen.edits[0].replacements[0].metadata.needsConfirmation, true);
  assert.match(seen.lines.join(), /fix: receipt 0x[0-9a-f]{64}/);
  assert.match(seen.status.text, /verified/);
  assert.deepEqual(seen.errors, []);
});

test('a fix that is not confirmed changes nothing', real, async () => {
  const { document, run } = session({ settings, text: BROKEN, confirms: false });
  assert.equal(await run('fix'), false);
  assert.equal(document.text, BROKEN);
});

test('only what is selected is sent and mended', real, async () => {
  const { document, editor, run } = session({ settings, text: `// keep == this\n${BROKEN}` });
  editor.selection = new Range(new Position(1, 0), new Position(6, 0));
  assert.equal(await run('fix'), true);
  assert.equal(document.text, `// keep == this\n${MENDED}`);
});

test('problems are shown where they are', real, async () => {
  const { seen, run } = session({ settings, text: BROKEN });
  await run('explain');
  const typo = seen.diagnostics.find(({ code }) => code === 'undefined-name');
  assert.deepEqual([typo.range.start.line, typo.range.start.character, typo.severity], [2, 49, 0]);
});

test('tests open in a document of their own', real, async () => {
  const { seen, run } = session({ settings, text: 'export function add(a, b) { return a + b; }\n' });
  await run('test');
  assert.match(seen.opened[0].content, /deepEqual\(add\(1, 1\), 2\)/);
});

test('a pass is kept as a secret, and sent to the gateway alone', async () => {
  await listening(says(200, '{"code": "x", "problems": [], "fixed": []}'), async (settings, requests) => {
    const { seen, run } = session({ settings, text: 'x', input: ' abcd ' });
    await run('setPass');
    assert.equal(seen.asked.password, true);
    assert.equal(seen.secrets.get('devdo.pass'), 'abcd');
    await run('fix');
    assert.equal(requests[0].headers['x-fathom-pass'], 'abcd');
    assert.ok(!seen.lines.join().includes('abcd'));
    settings.gateway = 'http://gateway.example';
    await run('fix');
    assert.match(seen.errors[0], /without encryption/);
  });
  await listening(
    (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    async (settings) => {
      const { seen, run } = session({ settings, text: 'x' });
      await run('fix');
      assert.match(seen.errors[0], /doesn't answer/);
    },
  );
});

test('what goes wrong is one message, and no file is touched', async () => {
  for (const [status, body, said] of [
    [402, '{"message": "it charges"}', /Set Pass/],
    [400, '{"message": "code must be a string"}', /code must be/],
    [200, '<html>', /no JSON/],
  ]) {
    await listening(says(status, body), async (settings) => {
      const { seen, document, run } = session({ settings, text: BROKEN });
      await run('fix');
      assert.match(seen.errors[0], said);
      assert.equal(document.text, BROKEN);
    });
  }
  for (const gateway of ['no url', 'file:///etc/passwd', 'http://127.0.0.1:1']) {
    const { seen, run } = session({ settings: { gateway, agent: 'devdo' }, text: BROKEN });
    await run('explain');
    assert.equal(seen.errors.length, 1);
  }
  const { seen, run } = session({ settings });
  await run('explain');
  assert.match(seen.errors[0], /open a JavaScript or Python file/);
});

test('a file that changes while DevDo thinks is left alone', async () => {
  await listening(says(200, '{"code": "y", "fixed": []}'), async (settings) => {
    const { seen, document, run } = session({ settings, text: 'x' });
    const running = run('fix');
    document.version++;
    await running;
    assert.match(seen.errors[0], /has changed meanwhile/);
    assert.deepEqual(seen.edits, []);
  });
});
