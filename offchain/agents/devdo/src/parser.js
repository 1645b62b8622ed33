// JavaScript to a tree, as ESTree has it: what people write in functions, classes and modules. Generators, decorators and
// private members are not parsed; `async` is.

import { ExpressionParser } from './expression_parser.js';
import { SyntaxProblem } from './tokens.js';

/** A program's tree. Throws `SyntaxProblem`. */
export function parse(source) {
  try {
    return new Parser(source).program();
  } catch (error) {
    throw error instanceof RangeError ? tooDeep(source) : error;
  }
}

/** What is wrong with a source for which the engine has too little stack. */
export const tooDeep = (source) => new SyntaxProblem('it is nested too deep', 0, source.length);

class Parser extends ExpressionParser {
  program() {
    const body = [];
    while (this.token.type !== 'end') body.push(this.statement());
    return { type: 'Program', start: 0, end: this.source.length, body };
  }

  oneStatement() {
    const { start, value, type } = this.token;
    if (type === 'punct' && value === '{') return this.block();
    if (type === 'punct' && value === ';') return (this.take(), this.node('EmptyStatement', start, {}));
    if (type === 'name' && this.peek().value === ':' && this.peek().type === 'punct') {
      const label = this.identifier();
      this.expect(':');
      return this.node('LabeledStatement', start, { label, body: this.statement() });
    }
    if (this.word('async') && this.peek().value === 'function' && !this.peek().newline) return this.functions(true);
    if (type === 'keyword') {
      const parse = STATEMENTS[value];
      const dotted = value === 'import' && ['(', '.'].includes(this.peek().value);
      if (parse && !dotted) return parse.call(this, start);
    }
    const expression = this.expression();
    this.semicolon();
    return this.node('ExpressionStatement', start, { expression });
  }

  forStatement(start) {
    this.take();
    if (this.word('await')) this.take();
    this.expect('(');
    let init = null;
    this.noIn = true;
    if (['let', 'const', 'var'].includes(this.token.value) && this.token.type === 'keyword')
      init = this.variables(this.token.value);
    else if (!this.is(';')) init = this.expression();
    this.noIn = false;
    for (const [word, type] of [
      ['of', 'ForOfStatement'],
      ['in', 'ForInStatement'],
    ]) {
      if (!(this.word(word) || this.is(word))) continue;
      this.take();
      const right = this.expression();
      this.expect(')');
      const left = init.type === 'VariableDeclaration' ? init : this.asPattern(init);
      return this.node(type, start, { left, right, body: this.statement() });
    }
    this.expect(';');
    const test = this.is(';') ? null : this.expression();
    this.expect(';');
    const update = this.is(')') ? null : this.expression();
    this.expect(')');
    return this.node('ForStatement', start, { init, test, update, body: this.statement() });
  }

  imports(start) {
    this.take();
    const names = [];
    while (this.token.type !== 'string') {
      if (this.token.type === 'end') this.fail();
      if (this.word('as')) names.pop();
      if (this.token.type === 'name' && !this.word('from') && !this.word('as')) names.push(this.identifier());
      else if (this.word('from') && this.peek().type !== 'string') names.push(this.identifier());
      else this.take();
    }
    this.take();
    this.semicolon();
    return this.node('ImportDeclaration', start, { names });
  }

  exports(start) {
    this.take();
    if (this.eat('default')) {
      const named = this.is('function') || this.is('class') || this.word('async');
      const declaration = named ? this.assignment() : this.assignment();
      this.semicolon();
      return this.node('ExportDeclaration', start, { declaration });
    }
    if (this.is('{') || this.is('*')) {
      const names = [];
      const list = this.eat('{');
      while (list && !this.is('}')) {
        names.push(this.identifier());
        if (this.word('as')) (this.take(), this.take());
        if (!this.is('}')) this.expect(',');
      }
      this.take();
      const foreign = this.word('from') || this.word('as');
      while (!this.is(';') && !this.token.newline && this.token.type !== 'end') this.take();
      this.semicolon();
      return this.node('ExportNames', start, { names: foreign ? [] : names });
    }
    return this.node('ExportDeclaration', start, { declaration: this.statement() });
  }
}

function jump(type) {
  return function (start) {
    this.take();
    const label = this.token.type === 'name' && !this.token.newline ? this.identifier() : null;
    this.semicolon();
    return this.node(type, start, { label });
  };
}

const declares = (kind) =>
  function (start) {
    const found = this.variables(kind);
    this.semicolon();
    return { ...found, start };
  };

const STATEMENTS = {
  var: declares('var'),
  let: declares('let'),
  const: declares('const'),
  function() {
    return this.functions(false);
  },
  class() {
    return this.classes();
  },
  for(start) {
    return this.forStatement(start);
  },
  import(start) {
    return this.imports(start);
  },
  export(start) {
    return this.exports(start);
  },
  break: jump('BreakStatement'),
  continue: jump('ContinueStatement'),
  debugger: jump('EmptyStatement'),
  if(start) {
    this.take();
    this.expect('(');
    const test = this.expression();
    this.expect(')');
    const consequent = this.statement();
    return this.node('IfStatement', start, { test, consequent, alternate: this.eat('else') ? this.statement() : null });
  },
  while(start) {
    this.take();
    this.expect('(');
    const test = this.expression();
    this.expect(')');
    return this.node('WhileStatement', start, { test, body: this.statement() });
  },
  do(start) {
    this.take();
    const body = this.statement();
    this.expect('while');
    this.expect('(');
    const test = this.expression();
    this.expect(')');
    this.eat(';');
    return this.node('DoWhileStatement', start, { test, body });
  },
  return(start) {
    this.take();
    const none = this.is(';') || this.is('}') || this.token.type === 'end' || this.token.newline;
    const argument = none ? null : this.expression();
    this.semicolon();
    return this.node('ReturnStatement', start, { argument });
  },
  throw(start) {
    this.take();
    const argument = this.expression();
    this.semicolon();
    return this.node('ThrowStatement', start, { argument });
  },
  try(start) {
    this.take();
    const block = this.block();
    let [param, handler, finalizer] = [null, null, null];
    if (this.eat('catch')) {
      if (this.eat('(')) {
        param = this.pattern();
        this.expect(')');
      }
      handler = this.block();
    }
    if (this.eat('finally')) finalizer = this.block();
    if (!handler && !finalizer) this.fail('"catch" or "finally" is missing before');
    return this.node('TryStatement', start, { block, param, handler, finalizer });
  },
  switch(start) {
    this.take();
    this.expect('(');
    const discriminant = this.expression();
    this.expect(')');
    this.expect('{');
    const cases = [];
    while (!this.is('}')) {
      const from = this.token.start;
      const test = this.eat('default') ? null : (this.expect('case'), this.expression());
      this.expect(':');
      const body = [];
      while (!this.is('case') && !this.is('default') && !this.is('}')) body.push(this.statement());
      cases.push(this.node('SwitchCase', from, { test, body }));
    }
    this.take();
    return this.node('SwitchStatement', start, { discriminant, cases });
  },
};
