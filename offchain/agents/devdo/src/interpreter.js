// Runs JavaScript's tree, step by step: what a snippet can reach is what is made here, and how long it runs is counted.
// The same input gives the same output: there is no clock, no chance and no network. Not run: `async`, generators, modules'
// imports, Date, Proxy, Symbol.

import { globals } from './builtins.js';
import { EXPRESSIONS, hasOptional, SHORT_CUT } from './expressions.js';
import { Operations } from './operations.js';
import { Arr, Fn, fromPlain, Obj, Stopped, Thrown, toPlain } from './values.js';

class Scope {
  constructor(parent, isFunction = false) {
    this.parent = parent;
    this.isFunction = isFunction;
    this.names = new Map();
  }

  find(name) {
    for (let at = this; at; at = at.parent) if (at.names.has(name)) return at.names.get(name);
    return undefined;
  }
}

class Jump {
  constructor(kind, label, value) {
    Object.assign(this, { kind, label, value });
  }
}

export class Machine extends Operations {
  /** `steps`: how many nodes may be evaluated in all. */
  constructor(steps) {
    super();
    this.left = steps;
    this.depth = 0;
    this.lines = [];
    this.protos = {};
    this.top = new Scope(null, true);
    for (const [name, value] of Object.entries(globals(this))) this.top.names.set(name, { value, fixed: true });
  }

  /** Runs a program's statements. Throws `Thrown` and `Stopped`. */
  run(program) {
    this.hoist(program.body, this.top, this.top);
    for (const statement of program.body) this.statement(statement, this.top);
  }

  /** Calls what a program has declared under a name with plain arguments; gives a plain value. */
  callNamed(path, args) {
    const [first, ...rest] = path.split('.');
    let self;
    let found = this.top.find(first)?.value;
    for (const part of rest) [self, found] = [found, this.get(found, part)];
    if (!(found instanceof Fn)) throw new Stopped(`there is no function ${path}`);
    return toPlain(
      this.call(
        found,
        self,
        args.map((each) => fromPlain(each, this.protos)),
      ),
    );
  }

  // --- Functions ----------------------------------------------------------------------------------------------------

  makeFunction(node, scope, { self, home, name } = {}) {
    if (node.async) throw new Stopped('`async` is not run here');
    const isArrow = node.type === 'ArrowFunctionExpression';
    const code = (given, args) => {
      const inside = new Scope(scope, true);
      if (!isArrow) {
        inside.names.set('this', { value: given });
        inside.names.set('arguments', { value: this.array(args) });
        if (home) inside.names.set('%home', { value: home });
      }
      node.params.forEach((param, i) => {
        const rest = param.type === 'RestElement';
        this.bind(rest ? param.argument : param, rest ? this.array(args.slice(i)) : args[i], inside, 'let');
      });
      if (node.body.type !== 'BlockStatement') return this.value(node.body, inside);
      this.hoist(node.body.body, inside, inside);
      const jump = this.statements(node.body.body, inside);
      return jump?.kind === 'return' ? jump.value : undefined;
    };
    const made = new Fn(name ?? node.id?.name ?? '', code, this.protos.Function);
    made.arrow = isArrow;
    if (node.type === 'FunctionExpression' && node.id) {
      scope = new Scope(scope);
      scope.names.set(node.id.name, { value: made });
    }
    return made;
  }

  makeClass(node, scope) {
    const inside = new Scope(scope);
    const parent = node.superClass ? this.value(node.superClass, inside) : undefined;
    const made = new Fn(
      node.id?.name ?? '',
      () => {
        throw this.error('TypeError', 'a class is called with `new`');
      },
      parent ?? this.protos.Function,
      true,
    );
    made.parent = parent;
    if (node.id) inside.names.set(node.id.name, { value: made });
    const prototype = new Obj(parent ? this.prototypeOf(parent) : this.protos.Object);
    prototype.props.set('constructor', { value: made, hidden: true });
    made.props.set('prototype', { value: prototype, hidden: true });
    const fields = [];
    let own;
    for (const member of node.members) {
      const name = member.computed ? this.key(this.value(member.key, inside)) : member.key.value;
      const home = member.isStatic ? made : prototype;
      if (member.type === 'Field') {
        if (!member.isStatic) fields.push({ name, member });
        else
          made.props.set(name, {
            value: member.value ? this.value(member.value, this.withThis(inside, made)) : undefined,
          });
        continue;
      }
      const fn = this.makeFunction(member.value, inside, { home: { object: home, fn: made }, name });
      if (name === 'constructor' && !member.isStatic) own = fn;
      else if (member.kind === 'method') home.props.set(name, { value: fn, hidden: true });
      else home.props.set(name, { ...home.props.get(name), value: undefined, hidden: true, [member.kind]: fn });
    }
    made.fields = (object) => {
      for (const { name, member } of fields) {
        object.props.set(name, {
          value: member.value ? this.value(member.value, this.withThis(inside, object)) : undefined,
        });
      }
    };
    made.build = (object, args) => {
      if (own) return this.call(own, object, args);
      if (parent) this.superCall(made, object, args);
      return undefined;
    };
    return made;
  }

  withThis(scope, self) {
    const inside = new Scope(scope, true);
    inside.names.set('this', { value: self });
    return inside;
  }

  superCall(fn, object, args) {
    if (fn.parent?.fill) fn.parent.fill(object, args);
    else if (fn.parent) this.constructInto(fn.parent, object, args);
    fn.fields?.(object);
  }

  // --- Declarations and patterns ------------------------------------------------------------------------------------

  hoist(statements, scope, outer) {
    for (const statement of statements) {
      const node = statement.type === 'ExportDeclaration' ? statement.declaration : statement;
      if (node.type === 'FunctionDeclaration') scope.names.set(node.id.name, { value: this.makeFunction(node, scope) });
      if (node.type === 'VariableDeclaration' && node.kind === 'var') this.hoistVar(node, outer);
      if (node.type === 'ForStatement' && node.init?.kind === 'var') this.hoistVar(node.init, outer);
    }
  }

  hoistVar(node, scope) {
    for (const { id } of node.declarations) {
      if (id.type === 'Identifier' && !scope.names.has(id.name)) scope.names.set(id.name, { value: undefined });
    }
  }

  bind(pattern, value, scope, kind) {
    this.step();
    switch (pattern.type) {
      case 'Identifier': {
        const known = kind === 'var' ? scope.find(pattern.name) : undefined;
        if (known && !known.fixed) known.value = value;
        else scope.names.set(pattern.name, { value, isConst: kind === 'const' });
        return;
      }
      case 'AssignmentPattern':
        return this.bind(pattern.left, value === undefined ? this.value(pattern.right, scope) : value, scope, kind);
      case 'ArrayPattern': {
        const items = this.iterate(value);
        pattern.elements.forEach((each, i) => {
          if (each?.type === 'RestElement') this.bind(each.argument, this.array(items.slice(i)), scope, kind);
          else if (each) this.bind(each, items[i], scope, kind);
        });
        return;
      }
      case 'ObjectPattern': {
        if (value === null || value === undefined) throw this.error('TypeError', `can't take ${value} apart`);
        const taken = new Set();
        for (const each of pattern.properties) {
          if (each.type === 'RestElement') {
            const rest = this.entries(value).filter(([name]) => !taken.has(name));
            this.bind(each.argument, this.object(rest), scope, kind);
            continue;
          }
          const name = each.computed ? this.key(this.value(each.key, scope)) : each.key.value;
          taken.add(name);
          this.bind(each.value, this.get(value, name), scope, kind);
        }
        return;
      }
      default: // an assignment's target
        return this.assign(pattern, value, scope);
    }
  }

  entries(value) {
    if (typeof value === 'string') return [...value].map((each, i) => [String(i), each]);
    if (value instanceof Arr) return value.items.map((each, i) => [String(i), each]);
    if (!(value instanceof Obj)) return [];
    return [...value.props].filter(([, { hidden }]) => !hidden).map(([name]) => [name, this.get(value, name)]);
  }

  assign(target, value, scope) {
    if (target.type === 'Identifier') {
      const entry = scope.find(target.name);
      if (!entry || entry.fixed) throw this.error('ReferenceError', `${target.name} is not defined`);
      if (entry.isConst) throw this.error('TypeError', `${target.name} is a constant`);
      entry.value = value;
    } else if (target.type === 'MemberExpression') {
      const { object, name } = this.member(target, scope);
      this.set(object, name, value);
    } else this.bind(target, value, scope, 'assign');
  }

  member(node, scope) {
    const object = node.object.type === 'Super' ? scope.find('this').value : this.value(node.object, scope);
    return { object, name: node.computed ? this.key(this.value(node.property, scope)) : node.property.value };
  }

  // --- Statements ---------------------------------------------------------------------------------------------------

  statements(list, scope) {
    for (const statement of list) {
      const jump = this.statement(statement, scope);
      if (jump) return jump;
    }
    return undefined;
  }

  block(list, parent) {
    const scope = new Scope(parent);
    this.hoist(list, scope, scope);
    return this.statements(list, scope);
  }

  statement(node, scope) {
    this.step();
    switch (node.type) {
      case 'ExpressionStatement':
        this.value(node.expression, scope);
        return undefined;
      case 'VariableDeclaration':
        for (const { id, init } of node.declarations) {
          if (init || node.kind !== 'var')
            this.bind(id, init ? this.named(init, id.name, scope) : undefined, scope, node.kind);
        }
        return undefined;
      case 'FunctionDeclaration':
      case 'EmptyStatement':
      case 'ExportNames':
        return undefined;
      case 'ClassDeclaration':
        scope.names.set(node.id.name, { value: this.makeClass(node, scope) });
        return undefined;
      case 'ExportDeclaration':
        if (/Declaration$/.test(node.declaration.type)) return this.statement(node.declaration, scope);
        scope.names.set('default', { value: this.value(node.declaration, scope) });
        return undefined;
      case 'ReturnStatement':
        return new Jump('return', null, node.argument ? this.value(node.argument, scope) : undefined);
      case 'IfStatement':
        if (this.value(node.test, scope)) return this.statement(node.consequent, scope);
        return node.alternate ? this.statement(node.alternate, scope) : undefined;
      case 'BlockStatement':
        return this.block(node.body, scope);
      case 'ThrowStatement':
        throw new Thrown(this.value(node.argument, scope));
      case 'BreakStatement':
        return new Jump('break', node.label?.name);
      case 'ContinueStatement':
        return new Jump('continue', node.label?.name);
      case 'LabeledStatement': {
        const jump = this.loopOr(node.body, scope, node.label.name);
        return jump?.kind === 'break' && jump.label === node.label.name ? undefined : jump;
      }
      case 'TryStatement':
        return this.tries(node, scope);
      case 'SwitchStatement':
        return this.switches(node, scope);
      default:
        return this.loopOr(node, scope);
    }
  }

  loopOr(node, scope, label) {
    const ends = (jump) => jump && !(jump.kind === 'continue' && (!jump.label || jump.label === label));
    const result = (jump) => (jump?.kind === 'break' && !jump.label ? undefined : jump);
    const each = (inside) => this.statement(node.body, inside);
    switch (node.type) {
      case 'WhileStatement':
        while (this.value(node.test, scope)) {
          const jump = each(scope);
          if (ends(jump)) return result(jump);
        }
        return undefined;
      case 'DoWhileStatement':
        do {
          const jump = each(scope);
          if (ends(jump)) return result(jump);
        } while (this.value(node.test, scope));
        return undefined;
      case 'ForStatement': {
        let inside = new Scope(scope);
        if (node.init)
          node.init.type === 'VariableDeclaration' ? this.statement(node.init, inside) : this.value(node.init, inside);
        for (;;) {
          if (node.test && !this.value(node.test, inside)) return undefined;
          const jump = each(inside);
          if (ends(jump)) return result(jump);
          const next = new Scope(scope); // each round has its own variables
          for (const [name, entry] of inside.names) next.names.set(name, { ...entry });
          inside = next;
          if (node.update) this.value(node.update, inside);
        }
      }
      case 'ForOfStatement':
      case 'ForInStatement': {
        const right = this.value(node.right, scope);
        const items = node.type === 'ForOfStatement' ? this.iterate(right) : this.entries(right).map(([name]) => name);
        for (const item of items) {
          const inside = new Scope(scope);
          const { left } = node;
          if (left.type === 'VariableDeclaration') this.bind(left.declarations[0].id, item, inside, left.kind);
          else this.assign(left, item, inside);
          const jump = each(inside);
          if (ends(jump)) return result(jump);
        }
        return undefined;
      }
      default:
        if (label !== undefined) return this.statement(node, scope);
        throw new Stopped(`${node.type} is not run here`);
    }
  }

  tries({ block, param, handler, finalizer }, scope) {
    let jump;
    try {
      jump = this.block(block.body, scope);
    } catch (error) {
      if (!(error instanceof Thrown) || !handler) {
        const last = error instanceof Thrown && finalizer ? this.block(finalizer.body, scope) : undefined;
        if (last) return last;
        throw error;
      }
      const inside = new Scope(scope);
      if (param) this.bind(param, error.value, inside, 'let');
      try {
        jump = this.block(handler.body, inside);
      } catch (second) {
        const last = second instanceof Thrown && finalizer ? this.block(finalizer.body, scope) : undefined;
        if (last) return last;
        throw second;
      }
    }
    return (finalizer && this.block(finalizer.body, scope)) ?? jump;
  }

  switches({ discriminant, cases }, scope) {
    const value = this.value(discriminant, scope);
    const inside = new Scope(scope);
    let at = cases.findIndex(({ test }) => test && this.value(test, inside) === value);
    if (at < 0) at = cases.findIndex(({ test }) => !test);
    if (at < 0) return undefined;
    for (const { body } of cases.slice(at)) {
      const jump = this.statements(body, inside);
      if (jump) return jump.kind === 'break' && !jump.label ? undefined : jump;
    }
    return undefined;
  }

  // --- Expressions --------------------------------------------------------------------------------------------------

  named(node, name, scope) {
    const value = this.value(node, scope);
    if (value instanceof Fn && value.name === '' && name) value.name = name;
    return value;
  }

  value(node, scope) {
    if (!hasOptional(node)) return this.link(node, scope);
    try {
      return this.link(node, scope);
    } catch (error) {
      if (error === SHORT_CUT) return undefined;
      throw error;
    }
  }

  // A value within a chain, whose short cut is the whole chain's.
  link(node, scope) {
    this.step();
    const evaluate = EXPRESSIONS[node.type];
    if (!evaluate) throw new Stopped(`${node.type} is not run here`);
    return evaluate.call(this, node, scope);
  }

  args(list, scope) {
    return list.flatMap((each) =>
      each.type === 'SpreadElement' ? this.iterate(this.value(each.argument, scope)) : [this.value(each, scope)],
    );
  }
}
