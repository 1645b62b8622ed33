// Runs a snippet against tests `{call, args, expect}` or `{call, args, throws: true}`. The snippet never sees what is expected:
// it gives values, and what compares them is out of its reach.

import { Machine } from './interpreter.js';
import { parse } from './parser.js';
import { SyntaxProblem } from './tokens.js';
import { Obj, Stopped, Thrown } from './values.js';

const STEPS = 50_000;

/** `{passed, results: [{call, passed, got?, error?}], logs}`. */
export function runTests(source, tests) {
  let tree;
  try {
    tree = parse(source);
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    return { passed: false, error: error.message, results: [], logs: [] };
  }
  const logs = [];
  const results = tests.map((test) => runOne(tree, test, Math.floor(STEPS / tests.length), logs));
  return { passed: tests.length > 0 && results.every(({ passed }) => passed), results, logs: logs.slice(0, 200) };
}

function runOne(tree, test, steps, logs) {
  const { call, args = [], expect, throws = false } = test;
  const machine = new Machine(steps); // each test begins from nothing
  try {
    machine.run(tree);
    const got = machine.callNamed(call, args);
    return { call, passed: !throws && same(got, plainExpected(expect)), got };
  } catch (error) {
    if (error instanceof Thrown) return { call, passed: throws, error: thrownText(machine, error.value) };
    if (error instanceof Stopped) return { call, passed: false, error: error.message };
    // The engine itself ran out of stack, or a regular expression failed in it: the snippet's fault, not the agent's.
    return { call, passed: false, error: 'it can not be run here' };
  } finally {
    logs.push(...machine.lines);
  }
}

function thrownText(machine, value) {
  try {
    machine.left = 1000;
    return String(value instanceof Obj ? machine.text(value) : value).slice(0, 500);
  } catch {
    return 'it threw';
  }
}

const plainExpected = (value) => (value === undefined ? { $: 'undefined' } : value);

/** Whether two plain values are equal; -0 is 0. */
export function same(one, other) {
  if (one === other) return true;
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && same(one[name], other[name]))
  );
}
