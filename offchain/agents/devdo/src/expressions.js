// What each kind of expression comes to. `this` is the machine that evaluates it (interpreter.js).

import { Arr, bounded, Fn, Obj, Stopped } from './values.js';

export const SHORT_CUT = Symbol('the rest of a chain behind ?. is left out');
const isLink = ({ type, parenthesised }) =>
  (type === 'MemberExpression' || type === 'CallExpression') && !parenthesised;
export const hasOptional = (node) => isLink(node) && (node.optional || hasOptional(node.object ?? node.callee));

const SHORT = { '&&=': (x) => Boolean(x), '||=': (x) => !x, '??=': (x) => x === null || x === undefined };

export const EXPRESSIONS = {
  Literal: ({ value }) => value,
  RegExp({ value }) {
    const at = value.lastIndexOf('/');
    return this.makeRegExp(value.slice(1, at), value.slice(at + 1));
  },
  Identifier({ name }, scope) {
    const entry = scope.find(name);
    if (!entry) throw this.error('ReferenceError', `${name} is not defined`);
    return entry.value;
  },
  This: (_, scope) => scope.find('this')?.value,
  TemplateLiteral({ quasis, expressions }, scope) {
    return bounded(
      quasis.reduce(
        (out, text, i) => out + text + (i < expressions.length ? this.text(this.value(expressions[i], scope)) : ''),
        '',
      ),
    );
  },
  ArrayExpression({ elements }, scope) {
    return this.array(
      this.args(
        elements.map((each) => each ?? { type: 'Literal', value: undefined }),
        scope,
      ),
    );
  },
  ObjectExpression({ properties }, scope) {
    const made = this.object();
    for (const each of properties) {
      if (each.type === 'SpreadElement') {
        for (const [name, value] of this.entries(this.value(each.argument, scope))) made.props.set(name, { value });
        continue;
      }
      const name = each.computed ? this.key(this.value(each.key, scope)) : each.key.value;
      const value = each.isMethod
        ? this.makeFunction(each.value, scope, { name })
        : this.named(each.value, name, scope);
      if (each.kind === 'init') made.props.set(name, { value });
      else made.props.set(name, { ...made.props.get(name), value: undefined, [each.kind]: value });
    }
    return made;
  },
  FunctionExpression(node, scope) {
    return this.makeFunction(node, scope);
  },
  ArrowFunctionExpression(node, scope) {
    return this.makeFunction(node, scope);
  },
  ClassExpression(node, scope) {
    return this.makeClass(node, scope);
  },
  SequenceExpression({ expressions }, scope) {
    return expressions.reduce((_, each) => this.value(each, scope), undefined);
  },
  ConditionalExpression({ test, consequent, alternate }, scope) {
    return this.value(this.value(test, scope) ? consequent : alternate, scope);
  },
  LogicalExpression({ operator, left, right }, scope) {
    const value = this.value(left, scope);
    if (operator === '&&') return value ? this.value(right, scope) : value;
    if (operator === '||') return value ? value : this.value(right, scope);
    return value ?? this.value(right, scope);
  },
  BinaryExpression({ operator, left, right }, scope) {
    return this.binary(operator, this.value(left, scope), this.value(right, scope));
  },
  UnaryExpression({ operator, argument }, scope) {
    if (operator === 'typeof') {
      const value =
        argument.type === 'Identifier' && !scope.find(argument.name) ? undefined : this.value(argument, scope);
      return value instanceof Fn ? 'function' : value instanceof Obj ? 'object' : typeof value;
    }
    if (operator === 'delete') {
      if (argument.type !== 'MemberExpression') return true;
      const { object, name } = this.member(argument, scope);
      if (object.frozen) throw this.error('TypeError', 'it is frozen');
      if (object instanceof Arr && /^\d+$/.test(name)) object.items[name] = undefined;
      else object.props?.delete(name);
      return true;
    }
    const value = this.value(argument, scope);
    if (operator === '!') return !value;
    if (operator === 'void') return undefined;
    const plain = this.plain(value);
    if (operator === '-') return -plain;
    if (operator === '~') return ~plain;
    if (typeof plain === 'bigint') throw this.error('TypeError', 'a BigInt has no unary +');
    return Number(plain);
  },
  UpdateExpression({ operator, prefix, argument }, scope) {
    const before = this.plain(
      argument.type === 'MemberExpression' ? this.value(argument, scope) : this.value(argument, scope),
    );
    const old = typeof before === 'bigint' ? before : Number(before);
    const one = typeof old === 'bigint' ? 1n : 1;
    const now = operator === '++' ? old + one : old - one;
    this.assign(argument, now, scope);
    return prefix ? now : old;
  },
  AssignmentExpression({ operator, left, right }, scope) {
    if (operator === '=') {
      const value = this.named(right, left.name, scope);
      this.assign(left, value, scope);
      return value;
    }
    const before = this.value(left, scope);
    if (SHORT[operator] && !SHORT[operator](before)) return before;
    const given = this.value(right, scope);
    const value = SHORT[operator] ? given : this.binary(operator.slice(0, -1), before, given);
    this.assign(left, value, scope);
    return value;
  },
  MemberExpression(node, scope) {
    if (node.object.type === 'Super') return this.get(scope.find('%home').value.object.proto, node.property.value);
    const object = isLink(node.object) ? this.link(node.object, scope) : this.value(node.object, scope);
    if (node.optional && (object === null || object === undefined)) throw SHORT_CUT;
    return this.get(object, node.computed ? this.key(this.value(node.property, scope)) : node.property.value);
  },
  CallExpression(node, scope) {
    const { callee } = node;
    if (callee.type === 'Super') {
      const { fn } = scope.find('%home').value;
      this.superCall(fn, scope.find('this').value, this.args(node.arguments, scope));
      return undefined;
    }
    let self;
    let fn;
    if (callee.type === 'MemberExpression') {
      const { object } = callee;
      if (object.type === 'Super') self = scope.find('this').value;
      else self = isLink(object) ? this.link(object, scope) : this.value(object, scope);
      if (callee.optional && (self === null || self === undefined)) throw SHORT_CUT;
      const from = object.type === 'Super' ? scope.find('%home').value.object.proto : self;
      const name = callee.computed ? this.key(this.value(callee.property, scope)) : callee.property.value;
      fn = this.get(from, name);
      if (!(fn instanceof Fn) && !node.optional) throw this.error('TypeError', `${name} is not a function`);
    } else fn = isLink(callee) ? this.link(callee, scope) : this.value(callee, scope);
    if (node.optional && (fn === null || fn === undefined)) throw SHORT_CUT;
    if (!(fn instanceof Fn)) throw this.error('TypeError', `${callee.name ?? 'it'} is not a function`);
    return this.call(fn, self, this.args(node.arguments, scope));
  },
  NewExpression({ callee, arguments: given }, scope) {
    return this.construct(this.value(callee, scope), this.args(given, scope));
  },
  AwaitExpression() {
    throw new Stopped('`await` is not run here');
  },
};
