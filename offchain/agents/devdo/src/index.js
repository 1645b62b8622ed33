// DevDo: explains, fixes, tests and generates code, and pays for snippets. What it says is checked or run in here; what the
// model says is marked as such. See README.md beside this folder.
import { guarded } from '../../parts/guarded_page.js';
import { BadInput, known, object, string, whole } from '../../parts/reading.js';
import { onlyByJob, routed } from '../../parts/routes.js';
import {
  accept,
  bounty,
  close,
  commit,
  commitment,
  listed,
  offer,
  open,
  readTests,
  snippet,
  solve,
} from './bounties.js';
import { diff, position } from './edits.js';
import { checked, fixed } from './fixing.js';
import { summary, written } from './model.js';
import page from './page.html';
import { runTests } from './running.js';
import { functionsOf, pythonFunctions } from './shapes.js';
import { pythonSkeleton, testsOf } from './testing.js';

const AGENT = 'devdo';
const PAGE = guarded(page);
const MOST_CODE = 20_000;
const LANGUAGES = ['javascript', 'python'];

function source(body, fields) {
  known(object(body, 'input'), 'input', ['code', 'language', ...fields]);
  const language = body.language ?? 'javascript';
  if (!LANGUAGES.includes(language)) throw new BadInput('language', `is one of ${LANGUAGES.join(', ')}`);
  return {
    code: string(body.code, 'code', MOST_CODE),
    language,
    tests: body.tests === undefined ? [] : tests(body, language),
  };
}

function tests(body, language) {
  if (language !== 'javascript') throw new BadInput('tests', 'are run for javascript only');
  return readTests(body.tests);
}

const placed = (code, problems) =>
  problems.map(({ fix, ...rest }) => ({ ...rest, ...position(code, rest.start), fixable: fix !== undefined }));

async function explain({ body }) {
  const { code, language } = source(body, ['model']);
  const { problems, tree } = checked(code, language);
  const functions = language === 'python' ? pythonFunctions(code) : tree ? functionsOf(tree) : [];
  const model = body.model === false ? null : ((await summary(code, language)) ?? null);
  return {
    language,
    lines: code.split('\n').length,
    functions: functions.map(({ path, ...rest }) => ({ ...rest, ...position(code, rest.start) })),
    problems: placed(code, problems),
    model,
  };
}

async function fix({ body }) {
  const { code, language, tests } = source(body, ['tests', 'model']);
  const made = fixed(code, language);
  let result = { code: made.code, by: made.fixed.length ? 'rules' : 'nothing', fixed: made.fixed };
  let ran = tests.length ? runTests(made.code, tests) : undefined;
  if (ran && !ran.passed && body.model !== false) {
    const asked = await written('Correct the function so that it does what its name says.', language, made.code);
    const again = asked && fixed(asked.code, language);
    const passes = again && runTests(again.code, tests);
    if (passes?.passed) [result, ran] = [{ code: again.code, by: asked.model, fixed: made.fixed }, passes];
  }
  const { problems } = checked(result.code, language);
  return {
    ...result,
    diff: diff(code, result.code),
    problems: placed(result.code, problems),
    verified: ran ? ran.passed : null,
    results: ran?.results ?? [],
  };
}

function test({ body }) {
  const { code, language, tests } = source(body, ['tests']);
  if (language === 'python') return { tests: [], skeleton: pythonSkeleton(code), skipped: [], verified: null };
  const { tree, problems } = checked(code, language);
  if (tests.length) {
    const { passed, results, logs, error } = runTests(code, tests);
    return { verified: passed, results, logs, error };
  }
  if (tree === null) return { tests: [], skeleton: '', skipped: [], verified: false, problems: placed(code, problems) };
  const made = testsOf(code, tree);
  return { ...made, verified: made.tests.length > 0 && made.tests.every((each) => runTests(code, [each]).passed) };
}

async function generate({ body }) {
  known(object(body, 'input'), 'input', ['prompt', 'language', 'tests']);
  const prompt = string(body.prompt, 'prompt', 2000);
  const language = body.language ?? 'javascript';
  if (!LANGUAGES.includes(language)) throw new BadInput('language', `is one of ${LANGUAGES.join(', ')}`);
  const wanted = body.tests === undefined ? [] : tests(body, language);
  const found = await written(prompt, language);
  if (found === undefined) return { code: '', model: null, problems: [], verified: null, results: [] };
  const { code, problems, fixed: rules } = fixed(found.code, language);
  const ran = wanted.length ? runTests(code, wanted) : undefined;
  return {
    code,
    model: found.model,
    fixed: rules,
    problems: placed(code, problems),
    verified: ran ? ran.passed : null,
    results: ran?.results ?? [],
  };
}

const job = (path) => onlyByJob(AGENT, path);
const limitOf = (query) => (query.limit === undefined ? 20 : whole(Number(query.limit), 'limit', 1, 100));

export default routed({
  'GET /': () => PAGE,
  'POST /explain': explain,
  'POST /fix': fix,
  'POST /test': test,
  'POST /generate': generate,
  'GET /bounties': ({ query }) => ({ bounties: listed(limitOf(query), query.after) }),
  'GET /bounties/*': ({ parts: [id] }) => bounty(id),
  'POST /bounties': ({ body }) => open(body, job('/bounties')),
  'POST /bounties/*/commit': ({ parts: [id], body }) => commit(id, body, job(`/bounties/${id}/commit`)),
  'POST /bounties/*/solve': ({ parts: [id], body }) => solve(id, body, job(`/bounties/${id}/solve`)),
  'POST /bounties/*/close': ({ parts: [id] }) => close(id, job(`/bounties/${id}/close`)),
  'POST /commitment': ({ body }) => ({
    commitment: commitment(string(body.account, 'account', 66), string(body.code, 'code', 8192)),
  }),
  'POST /snippets': ({ body }) => offer(body, job('/snippets')),
  'GET /snippets/*': ({ parts: [hash] }) => snippet(hash),
  'POST /snippets/*/accept': ({ parts: [hash], body }) => accept(hash, body, job(`/snippets/${hash}/accept`)),
});
