// Names of a JavaScript tree: where each is declared, and where it is used.

const GLOBALS = new Set(
  (
    'Array ArrayBuffer BigInt BigInt64Array Boolean DataView Date Error EvalError Float32Array Float64Array Function Infinity ' +
    'Int16Array Int32Array Int8Array Intl JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp ' +
    'Set String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakSet ' +
    'undefined globalThis isNaN isFinite parseInt parseFloat encodeURIComponent decodeURIComponent encodeURI decodeURI eval ' +
    'console setTimeout clearTimeout setInterval clearInterval queueMicrotask structuredClone fetch URL URLSearchParams Headers ' +
    'Request Response AbortController AbortSignal Event EventTarget TextEncoder TextDecoder crypto atob btoa performance process require module exports ' +
    'document window self navigator localStorage Buffer arguments import Wapo pink ai kv chain job agents chains SCALE __dirname __filename'
  ).split(' '),
);

/** `{undefined: [{name, start, end}], unused: [{name, kind, start, end}], names: Set}` of a program. */
export function namesOf(program) {
  const found = { undefined: [], unused: [], names: new Set() };
  const later = []; // functions' insides are looked at once all around them is declared
  const top = scope(null);
  hoist(program.body, top, top);
  for (const statement of program.body) visit(statement, top);
  for (let i = 0; i < later.length; i++) later[i]();
  for (const each of found.unused.splice(0)) if (!each.used && !each.name.startsWith('_')) found.unused.push(each);
  return found;

  function scope(parent) {
    return { parent, names: new Map() };
  }

  function declare(place, id, kind) {
    if (place.names.has(id.name)) return;
    const entry = { name: id.name, kind, start: id.start, end: id.end, used: false };
    place.names.set(id.name, entry);
    found.names.add(id.name);
    const exported = place === top && (kind === 'function' || kind === 'class'); // others may call it
    if (!exported && kind !== 'param') found.unused.push(entry);
  }

  function use(place, { name, start, end }) {
    for (let at = place; at; at = at.parent) {
      const entry = at.names.get(name);
      if (entry) return void (entry.used = true);
    }
    if (!GLOBALS.has(name)) found.undefined.push({ name, start, end });
  }

  function bind(pattern, place, kind, from) {
    if (!pattern) return;
    switch (pattern.type) {
      case 'Identifier':
        return declare(place, pattern, kind);
      case 'ArrayPattern':
        return pattern.elements.forEach((each) => bind(each, place, kind, from));
      case 'ObjectPattern':
        return pattern.properties.forEach((each) => {
          if (each.computed) visit(each.key, from);
          bind(each.type === 'Property' ? each.value : each, place, kind, from);
        });
      case 'AssignmentPattern':
        visit(pattern.right, from);
        return bind(pattern.left, place, kind, from);
      case 'RestElement':
        return bind(pattern.argument, place, kind, from);
      default:
        return visit(pattern, from);
    }
  }

  // Names that a list of statements declares, before any of it is looked at.
  function hoist(statements, place, outer) {
    for (const statement of statements) {
      const node = statement.type === 'ExportDeclaration' ? statement.declaration : statement;
      if (node.type === 'FunctionDeclaration') declare(place, node.id, 'function');
      else if (node.type === 'ClassDeclaration') declare(place, node.id, 'class');
      else if (node.type === 'ImportDeclaration') node.names.forEach((id) => declare(place, id, 'import'));
      else if (node.type === 'VariableDeclaration') {
        for (const { id } of node.declarations) bind(id, node.kind === 'var' ? outer : place, node.kind, place);
      }
      if (statement.type === 'ExportDeclaration')
        place.names.forEach((entry) => (entry.used ||= within(entry, statement)));
    }
  }

  function within(entry, { start, end }) {
    return entry.start >= start && entry.end <= end;
  }

  function visitFunction(node, place) {
    const inside = scope(place);
    if (node.id && node.type === 'FunctionExpression') inside.names.set(node.id.name, { used: true });
    for (const param of node.params) bind(param, inside, 'param', inside);
    later.push(() => {
      if (node.body.type !== 'BlockStatement') return visit(node.body, inside);
      hoist(node.body.body, inside, inside);
      node.body.body.forEach((each) => visit(each, inside));
    });
  }

  function visit(node, place) {
    if (!node) return;
    switch (node.type) {
      case 'Identifier':
        return use(place, node);
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        return visitFunction(node, place);
      case 'ClassDeclaration':
      case 'ClassExpression':
        visit(node.superClass, place);
        return node.members.forEach((member) => {
          if (member.computed) visit(member.key, place);
          visit(member.value, place);
        });
      case 'BlockStatement': {
        const inside = scope(place);
        hoist(node.body, inside, place);
        return node.body.forEach((each) => visit(each, inside));
      }
      case 'ForStatement':
      case 'ForOfStatement':
      case 'ForInStatement': {
        const inside = scope(place);
        const head = node.init ?? node.left;
        if (head?.type === 'VariableDeclaration') hoist([head], head.kind === 'var' ? place : inside, place);
        return ['init', 'left', 'right', 'test', 'update', 'body'].forEach((part) => visit(node[part], inside));
      }
      case 'TryStatement': {
        visit(node.block, place);
        const inside = scope(place);
        if (node.param) bind(node.param, inside, 'param', inside);
        visit(node.handler, inside);
        return visit(node.finalizer, place);
      }
      case 'VariableDeclaration':
        for (const { id, init } of node.declarations) {
          bind(id, place, node.kind, place);
          visit(init, place);
        }
        return undefined;
      case 'SwitchStatement': {
        visit(node.discriminant, place);
        const inside = scope(place);
        hoist(
          node.cases.flatMap(({ body }) => body),
          inside,
          place,
        );
        return node.cases.forEach(({ test, body }) => {
          visit(test, inside);
          body.forEach((each) => visit(each, inside));
        });
      }
      case 'MemberExpression':
        visit(node.object, place);
        return node.computed ? visit(node.property, place) : undefined;
      case 'Property':
        if (node.computed) visit(node.key, place);
        return visit(node.value, place);
      case 'LabeledStatement':
        return visit(node.body, place);
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'ImportDeclaration':
        return undefined;
      case 'UnaryExpression': // `typeof name` asks whether there is one
        return node.operator === 'typeof' && node.argument.type === 'Identifier'
          ? undefined
          : visit(node.argument, place);
      case 'AssignmentExpression':
        if (node.operator === '=' && node.left.type === 'Identifier') {
          visit(node.right, place);
          return known(place, node.left.name) ? undefined : use(place, node.left);
        }
        return [node.left, node.right].forEach((each) => visit(each, place));
      default:
        for (const value of Object.values(node)) {
          if (Array.isArray(value)) value.forEach((each) => each?.type && visit(each, place));
          else if (value && typeof value === 'object' && value.type) visit(value, place);
        }
    }
  }

  function known(place, name) {
    for (let at = place; at; at = at.parent) if (at.names.has(name)) return true;
    return false;
  }
}
