// The tokens of a source as what stands in statements: expressions, functions, classes, patterns. `parser.js` has the rest.

import { SyntaxProblem, tokens, Unread } from './tokens.js';

const BINARY = new Map(
  [
    ['??'], ['||'], ['&&'], ['|'], ['^'], ['&'], ['==', '!=', '===', '!=='],
    ['<', '>', '<=', '>=', 'instanceof', 'in'], ['<<', '>>', '>>>'], ['+', '-'], ['*', '/', '%'], ['**'],
  ].flatMap((group, level) => group.map((operator) => [operator, level + 1])),
); // prettier-ignore
const ASSIGNS = new Set('= += -= *= /= %= **= <<= >>= >>>= &= |= ^= &&= ||= ??='.split(' '));
const DEEPEST = 200;

export class ExpressionParser {
  constructor(source) {
    this.source = source;
    this.all = tokens(source);
    this.at = 0;
    this.depth = 0;
    this.noIn = false;
  }

  get token() {
    return this.all[this.at];
  }

  is(value) {
    const { type, value: found } = this.token;
    return found === value && (type === 'punct' || type === 'keyword');
  }

  word(value) {
    return this.token.type === 'name' && this.token.value === value;
  }

  peek(by = 1) {
    return this.all[Math.min(this.at + by, this.all.length - 1)];
  }

  take() {
    return this.all[this.at < this.all.length - 1 ? this.at++ : this.at];
  }

  eat(value) {
    if (!this.is(value)) return false;
    this.take();
    return true;
  }

  expect(value) {
    if (this.eat(value)) return;
    const { start, end, type, value: found } = this.token;
    throw new SyntaxProblem(
      `${JSON.stringify(value)} is missing before ${type === 'end' ? 'the end' : JSON.stringify(found)}`,
      start,
      end,
    );
  }

  fail(what = 'unexpected') {
    const { start, end, type, value } = this.token;
    const Kind = what.endsWith('not read here:') || value === '#' || value === '@' ? Unread : SyntaxProblem;
    throw new Kind(`${what} ${type === 'end' ? 'end' : JSON.stringify(value)}`, start, end);
  }

  node(type, start, fields) {
    return { type, start, end: this.all[Math.max(this.at - 1, 0)].end, ...fields };
  }

  deeper(parse) {
    if (++this.depth > DEEPEST) this.fail('too deep at');
    const found = parse();
    this.depth--;
    return found;
  }

  semicolon() {
    if (this.eat(';') || this.is('}') || this.token.type === 'end' || this.token.newline) return;
    this.fail('a line does not end before');
  }

  statement() {
    return this.deeper(() => this.oneStatement());
  }

  block() {
    const { start } = this.token;
    this.expect('{');
    const body = [];
    while (!this.is('}')) {
      if (this.token.type === 'end') throw new SyntaxProblem('"{" is not closed', start, start + 1);
      body.push(this.statement());
    }
    this.take();
    return this.node('BlockStatement', start, { body });
  }

  variables(kind) {
    const { start } = this.token;
    this.take();
    const declarations = [];
    do {
      const from = this.token.start;
      const id = this.pattern();
      const init = this.eat('=') ? this.assignment() : null;
      declarations.push(this.node('VariableDeclarator', from, { id, init }));
    } while (this.eat(','));
    return this.node('VariableDeclaration', start, { kind, declarations });
  }

  functions(isAsync, asExpression = false) {
    const { start } = this.token;
    if (isAsync) this.take();
    this.expect('function');
    if (this.is('*')) this.fail('generators are not read here:');
    const id = this.token.type === 'name' ? this.identifier() : null;
    if (!id && !asExpression) this.fail('a function needs a name before');
    const rest = this.functionRest();
    return this.node(asExpression ? 'FunctionExpression' : 'FunctionDeclaration', start, {
      id,
      async: isAsync,
      ...rest,
    });
  }

  functionRest() {
    const noIn = this.noIn;
    this.noIn = false;
    const params = this.params();
    const body = this.block();
    this.noIn = noIn;
    return { params, body };
  }

  params() {
    this.expect('(');
    const params = [];
    while (!this.is(')')) {
      params.push(this.is('...') ? this.rest() : this.withDefault(this.pattern()));
      if (!this.is(')')) this.expect(',');
    }
    this.take();
    return params;
  }

  rest() {
    const { start } = this.take();
    return this.node('RestElement', start, { argument: this.pattern() });
  }

  withDefault(left) {
    return this.eat('=') ? this.node('AssignmentPattern', left.start, { left, right: this.assignment() }) : left;
  }

  pattern() {
    const { start } = this.token;
    if (this.eat('[')) {
      const elements = [];
      while (!this.is(']')) {
        if (this.is(',')) elements.push(null);
        else elements.push(this.is('...') ? this.rest() : this.withDefault(this.pattern()));
        if (!this.is(']')) this.expect(',');
      }
      this.take();
      return this.node('ArrayPattern', start, { elements });
    }
    if (this.eat('{')) {
      const properties = [];
      while (!this.is('}')) {
        const from = this.token.start;
        if (this.is('...')) properties.push(this.rest());
        else {
          const { key, computed, plain } = this.propertyKey();
          const value = this.eat(':')
            ? this.withDefault(this.pattern())
            : this.withDefault(plain ?? this.fail('no name:'));
          properties.push(this.node('Property', from, { key, computed, value }));
        }
        if (!this.is('}')) this.expect(',');
      }
      this.take();
      return this.node('ObjectPattern', start, { properties });
    }
    return this.identifier();
  }

  identifier() {
    if (this.token.type !== 'name') this.fail('a name is missing before');
    const { start, value } = this.take();
    return this.node('Identifier', start, { name: value });
  }

  classes(asExpression = false) {
    const { start } = this.take();
    const id = this.token.type === 'name' ? this.identifier() : null;
    if (!id && !asExpression) this.fail('a class needs a name before');
    const superClass = this.eat('extends') ? this.unary() : null;
    this.expect('{');
    const members = [];
    while (!this.is('}')) {
      if (this.eat(';')) continue;
      members.push(this.member());
    }
    this.take();
    return this.node(asExpression ? 'ClassExpression' : 'ClassDeclaration', start, { id, superClass, members });
  }

  member() {
    const { start } = this.token;
    const follows = () => !['(', '=', ';', '}'].includes(this.peek().value);
    const prefixed = (word) => this.word(word) && follows() && Boolean(this.take());
    const isStatic = prefixed('static');
    const isAsync = prefixed('async');
    const kind = prefixed('get') ? 'get' : prefixed('set') ? 'set' : undefined;
    const { key, computed } = this.propertyKey();
    if (this.is('(')) {
      const from = this.token.start;
      const value = this.node('FunctionExpression', from, { id: null, async: isAsync, ...this.functionRest() });
      return this.node('Method', start, { key, computed, isStatic, kind: kind ?? 'method', value });
    }
    const value = this.eat('=') ? this.assignment() : null;
    this.semicolon();
    return this.node('Field', start, { key, computed, isStatic, value });
  }

  propertyKey() {
    const { start, type, value } = this.token;
    if (this.eat('[')) {
      const key = this.assignment();
      this.expect(']');
      return { key, computed: true };
    }
    if (!['name', 'keyword', 'string', 'number'].includes(type)) this.fail('no name of a property:');
    this.take();
    const text = type === 'number' ? String(Number(value.replaceAll('_', ''))) : value;
    const key = this.node('Literal', start, { value: text });
    return {
      key,
      computed: false,
      plain: type === 'name' ? this.node('Identifier', start, { name: value }) : undefined,
    };
  }

  expression() {
    const first = this.assignment();
    if (!this.is(',')) return first;
    const expressions = [first];
    while (this.eat(',')) expressions.push(this.assignment());
    return this.node('SequenceExpression', first.start, { expressions });
  }

  assignment() {
    return this.deeper(() => this.oneAssignment());
  }

  oneAssignment() {
    const { start } = this.token;
    if (this.is('yield')) this.fail('generators are not read here:');
    const isAsync =
      this.word('async') &&
      !this.peek().newline &&
      (this.peek().type === 'name' || this.peek().value === '(') &&
      this.arrowAhead(1);
    if (isAsync || this.arrowAhead(0)) return this.arrow(start, isAsync);
    const left = this.conditional();
    if (this.token.type !== 'punct' || !ASSIGNS.has(this.token.value)) return left;
    const operator = this.take().value;
    const target = operator === '=' ? this.asPattern(left) : left;
    if (!['Identifier', 'MemberExpression', 'ArrayPattern', 'ObjectPattern'].includes(target.type)) {
      throw new SyntaxProblem('nothing can be assigned to this', left.start, left.end);
    }
    return this.node('AssignmentExpression', start, { operator, left: target, right: this.assignment() });
  }

  // Whether `name =>` or `( … ) =>` begins here.
  arrowAhead(by) {
    const first = this.peek(by);
    if (first.type === 'name') return this.peek(by + 1).value === '=>';
    if (first.value !== '(' || first.type !== 'punct') return false;
    let depth = 0;
    for (let i = this.at + by; i < this.all.length; i++) {
      const { type, value } = this.all[i];
      if (type !== 'punct') continue;
      if ('([{'.includes(value)) depth++;
      if (')]}'.includes(value) && --depth === 0)
        return this.all[i + 1]?.value === '=>' && this.all[i + 1].type === 'punct';
    }
    return false;
  }

  arrow(start, isAsync) {
    if (isAsync) this.take();
    const params = this.is('(') ? this.params() : [this.identifier()];
    this.expect('=>');
    const noIn = this.noIn;
    const body = this.is('{') ? ((this.noIn = false), this.block()) : this.assignment();
    this.noIn = noIn;
    return this.node('ArrowFunctionExpression', start, { id: null, async: isAsync, params, body });
  }

  asPattern(node) {
    const again = (fields) => ({ ...node, ...fields });
    switch (node.type) {
      case 'ArrayExpression':
        return again({ type: 'ArrayPattern', elements: node.elements.map((each) => each && this.asPattern(each)) });
      case 'ObjectExpression': {
        const property = (each) =>
          each.type === 'Property' ? { ...each, value: this.asPattern(each.value) } : this.asPattern(each);
        return again({ type: 'ObjectPattern', properties: node.properties.map(property) });
      }
      case 'AssignmentExpression':
        return again({ type: 'AssignmentPattern', left: node.left, right: node.right });
      case 'SpreadElement':
        return again({ type: 'RestElement', argument: this.asPattern(node.argument) });
      default:
        return node;
    }
  }

  conditional() {
    const test = this.binary(0);
    if (!this.eat('?')) return test;
    const noIn = this.noIn;
    this.noIn = false;
    const consequent = this.assignment();
    this.noIn = noIn;
    this.expect(':');
    return this.node('ConditionalExpression', test.start, { test, consequent, alternate: this.assignment() });
  }

  binary(level) {
    let left = this.unary();
    for (;;) {
      const { type, value } = this.token;
      const found = type === 'punct' || type === 'keyword' ? BINARY.get(value) : undefined;
      if (found === undefined || found <= level || (value === 'in' && this.noIn)) return left;
      const { start: at, end: atEnd } = this.take();
      const right = this.binary(value === '**' ? found - 1 : found);
      const kind = ['&&', '||', '??'].includes(value) ? 'LogicalExpression' : 'BinaryExpression';
      left = this.node(kind, left.start, { operator: value, left, right, at, atEnd });
    }
  }

  unary() {
    const { start, type, value } = this.token;
    if (this.word('await') && !this.peek().newline && !['=', ')', ';', ',', '.'].includes(this.peek().value)) {
      this.take();
      return this.node('AwaitExpression', start, { argument: this.deeper(() => this.unary()) });
    }
    if (
      (type === 'punct' && ['!', '~', '+', '-'].includes(value)) ||
      (type === 'keyword' && ['typeof', 'void', 'delete'].includes(value))
    ) {
      this.take();
      return this.node('UnaryExpression', start, { operator: value, argument: this.deeper(() => this.unary()) });
    }
    if (type === 'punct' && (value === '++' || value === '--')) {
      this.take();
      return this.node('UpdateExpression', start, {
        operator: value,
        prefix: true,
        argument: this.deeper(() => this.unary()),
      });
    }
    const argument = this.postfix(this.primary());
    if ((this.is('++') || this.is('--')) && !this.token.newline) {
      return this.node('UpdateExpression', start, { operator: this.take().value, prefix: false, argument });
    }
    return argument;
  }

  postfix(object, calls = true) {
    let found = object;
    for (;;) {
      const { start } = found;
      if (this.is('.') || this.is('?.')) {
        const optional = this.take().value === '?.';
        if (optional && this.is('('))
          found = this.node('CallExpression', start, { callee: found, arguments: this.args(), optional });
        else if (optional && this.eat('[')) found = this.computedMember(found, start, true);
        else {
          if (!['name', 'keyword'].includes(this.token.type)) this.fail('a name is missing before');
          const { start: from, value } = this.take();
          const property = this.node('Literal', from, { value });
          found = this.node('MemberExpression', start, { object: found, property, computed: false, optional });
        }
      } else if (this.eat('[')) found = this.computedMember(found, start, false);
      else if (calls && this.is('('))
        found = this.node('CallExpression', start, { callee: found, arguments: this.args(), optional: false });
      else if (this.token.type === 'template' && this.token.opens) this.fail('tagged templates are not read here:');
      else return found;
    }
  }

  computedMember(object, start, optional) {
    const property = this.expression();
    this.expect(']');
    return this.node('MemberExpression', start, { object, property, computed: true, optional });
  }

  args() {
    this.expect('(');
    const found = [];
    const noIn = this.noIn;
    this.noIn = false;
    while (!this.is(')')) {
      found.push(this.spreadOr());
      if (!this.is(')')) this.expect(',');
    }
    this.noIn = noIn;
    this.take();
    return found;
  }

  spreadOr() {
    const { start } = this.token;
    return this.eat('...') ? this.node('SpreadElement', start, { argument: this.assignment() }) : this.assignment();
  }

  primary() {
    const { start, type, value } = this.token;
    if (type === 'name') {
      if (this.word('async') && this.peek().value === 'function') return this.functions(true, true);
      return this.identifier();
    }
    if (type === 'number') {
      this.take();
      const plain = value.replaceAll('_', '');
      return this.node('Literal', start, { value: plain.endsWith('n') ? BigInt(plain.slice(0, -1)) : Number(plain) });
    }
    if (type === 'string') return (this.take(), this.node('Literal', start, { value }));
    if (type === 'regex') return (this.take(), this.node('RegExp', start, { value }));
    if (type === 'template') return this.template(start);
    if (type === 'keyword') {
      if (value === 'function') return this.functions(false, true);
      if (value === 'class') return this.classes(true);
      if (value === 'new') return this.newExpression(start);
      if (value === 'this' || value === 'super')
        return (this.take(), this.node(value === 'this' ? 'This' : 'Super', start, {}));
      const constants = { true: true, false: false, null: null };
      if (value in constants) return (this.take(), this.node('Literal', start, { value: constants[value] }));
      if (value === 'import') return (this.take(), this.node('Identifier', start, { name: 'import' }));
    }
    if (this.eat('(')) {
      const noIn = this.noIn;
      this.noIn = false;
      const found = this.expression();
      this.noIn = noIn;
      this.expect(')');
      return { ...found, parenthesised: true };
    }
    if (this.eat('[')) {
      const elements = [];
      while (!this.is(']')) {
        elements.push(this.is(',') ? null : this.spreadOr());
        if (!this.is(']')) this.expect(',');
      }
      this.take();
      return this.node('ArrayExpression', start, { elements });
    }
    if (this.is('{')) return this.object(start);
    return this.fail();
  }

  template(start) {
    const quasis = [];
    const expressions = [];
    for (let part = this.take(); ; part = this.take()) {
      quasis.push(part.value);
      if (!part.more) return this.node('TemplateLiteral', start, { quasis, expressions });
      expressions.push(this.expression());
      if (this.token.type !== 'template') this.fail('a template is not closed before');
    }
  }

  newExpression(start) {
    this.take();
    if (this.eat('.')) return (this.take(), this.node('Identifier', start, { name: 'undefined' }));
    const callee = this.postfix(this.primary(), false);
    return this.node('NewExpression', start, { callee, arguments: this.is('(') ? this.args() : [] });
  }

  object(start) {
    this.take();
    const properties = [];
    while (!this.is('}')) {
      const from = this.token.start;
      if (this.is('...')) properties.push(this.spreadOr());
      else properties.push(this.property(from));
      if (!this.is('}')) this.expect(',');
    }
    this.take();
    return this.node('ObjectExpression', start, { properties });
  }

  property(start) {
    const ends = () => ['(', ',', ':', '}', '='].includes(this.peek().value);
    const isAsync = this.word('async') && !ends() && Boolean(this.take());
    const kind = (this.word('get') || this.word('set')) && !ends() ? this.take().value : 'init';
    const { key, computed, plain } = this.propertyKey();
    if (this.is('(')) {
      const from = this.token.start;
      const value = this.node('FunctionExpression', from, { id: null, async: isAsync, ...this.functionRest() });
      return this.node('Property', start, { key, computed, kind, value, isMethod: true });
    }
    if (this.eat(':')) return this.node('Property', start, { key, computed, kind, value: this.assignment() });
    if (!plain) this.fail('":" is missing before');
    return this.node('Property', start, { key, computed, kind, value: this.withDefault(plain), shorthand: true });
  }
}
