// What can be done with interpreted values: made, read, written, called, compared. `Machine` adds statements and scopes.

import { Arr, bounded, Fn, MOST_ITEMS, Obj, Stopped, Thrown } from './values.js';

const DEEPEST = 120;

export class Operations {
  step() {
    if (--this.left < 0) throw new Stopped('it takes too many steps: is there an endless loop?');
  }

  error(kind, message) {
    const made = new Obj(this.protos[kind] ?? this.protos.Error, 'Error');
    made.props.set('message', { value: message });
    return new Thrown(made);
  }

  array(items) {
    if (items.length > MOST_ITEMS) throw new Stopped(`a list has more than ${MOST_ITEMS} entries`);
    return new Arr(items, this.protos.Array);
  }

  object(entries = []) {
    const made = new Obj(this.protos.Object);
    for (const [name, value] of entries) made.props.set(name, { value });
    return made;
  }

  call(fn, self, args) {
    if (!(fn instanceof Fn)) throw this.error('TypeError', 'not a function');
    if (++this.depth > DEEPEST) {
      this.depth--;
      throw this.error('RangeError', 'too many calls within calls');
    }
    this.step();
    try {
      return fn.code(self, args);
    } finally {
      this.depth--;
    }
  }

  construct(fn, args) {
    if (!(fn instanceof Fn) || fn.arrow) throw this.error('TypeError', 'not a constructor');
    if (fn.make) return fn.make(args, fn);
    const made = new Obj(this.prototypeOf(fn));
    return this.constructInto(fn, made, args);
  }

  constructInto(fn, made, args) {
    if (fn.parent === undefined) fn.fields?.(made);
    const value = fn.build ? fn.build(made, args) : this.call(fn, made, args);
    return value instanceof Obj ? value : made;
  }

  prototypeOf(fn) {
    let found = fn.props.get('prototype')?.value;
    if (found === undefined) {
      found = new Obj(this.protos.Object);
      found.props.set('constructor', { value: fn, hidden: true });
      fn.props.set('prototype', { value: found, hidden: true });
    }
    return found;
  }

  key(value) {
    return typeof value === 'string' ? value : this.text(value);
  }

  get(target, name) {
    if (target === null || target === undefined) {
      throw this.error('TypeError', `can't read ${JSON.stringify(String(name))} of ${target}`);
    }
    if (typeof target === 'string') {
      if (name === 'length') return target.length;
      if (/^\d+$/.test(name)) return target[name];
    }
    if (target instanceof Arr) {
      if (name === 'length') return target.items.length;
      if (/^\d+$/.test(name)) return target.items[name];
    }
    if (target instanceof Fn && name === 'prototype') return this.prototypeOf(target);
    if (target instanceof Fn && name === 'name') return target.name;
    if (target.map && name === 'size') return target.map.size;
    if (target.set && name === 'size') return target.set.size;
    for (let at = this.protoFor(target); at; at = at.proto) {
      const property = at.props.get(name);
      if (property) return property.get ? this.call(property.get, target, []) : property.value;
    }
    return undefined;
  }

  protoFor(target) {
    if (target instanceof Obj) return target;
    return this.protos[{ string: 'String', number: 'Number', boolean: 'Boolean', bigint: 'Number' }[typeof target]];
  }

  set(target, name, value) {
    if (!(target instanceof Obj))
      throw this.error('TypeError', `can't set ${JSON.stringify(String(name))} of ${typeof target}`);
    if (target.frozen) throw this.error('TypeError', `can't set ${JSON.stringify(name)} of a frozen object`);
    if (target instanceof Arr && /^\d+$/.test(name)) {
      if (Number(name) > MOST_ITEMS) throw new Stopped(`a list has more than ${MOST_ITEMS} entries`);
      while (target.items.length < Number(name)) target.items.push(undefined);
      target.items[name] = value;
      return;
    }
    if (target instanceof Arr && name === 'length')
      return void (target.items.length = Math.min(Number(value) >>> 0, MOST_ITEMS));
    for (let at = target; at; at = at.proto) {
      const property = at.props.get(name);
      if (property?.set) return void this.call(property.set, target, [value]);
      if (property?.get) throw this.error('TypeError', `${name} can only be read`);
      if (property) break;
    }
    if (target.props.size > MOST_ITEMS) throw new Stopped('an object has too many properties');
    target.props.set(name, { value });
  }

  text(value) {
    if (!(value instanceof Obj)) return String(value);
    if (value instanceof Arr)
      return value.items.map((each) => (each === null || each === undefined ? '' : this.text(each))).join(',');
    const own = this.get(value, 'toString');
    const found = own instanceof Fn ? this.call(own, value, []) : '[object Object]';
    return found instanceof Obj ? '[object Object]' : String(found);
  }

  plain(value) {
    if (!(value instanceof Obj)) return value;
    const own = this.get(value, 'valueOf');
    const found = own instanceof Fn ? this.call(own, value, []) : value;
    return found instanceof Obj ? this.text(value) : found;
  }

  iterate(value) {
    if (typeof value === 'string') return [...value];
    if (value instanceof Arr) return [...value.items];
    if (value?.map) return [...value.map].map((pair) => this.array(pair));
    if (value?.set) return [...value.set];
    throw this.error('TypeError', 'it is not iterable');
  }

  binary(operator, a, b) {
    if (operator === '===') return a === b;
    if (operator === '!==') return a !== b;
    if (operator === 'instanceof') {
      const prototype = b instanceof Fn ? this.prototypeOf(b) : undefined;
      for (let at = a instanceof Obj ? a.proto : null; at; at = at.proto) if (at === prototype) return true;
      return false;
    }
    if (operator === 'in') return b instanceof Obj && (b instanceof Arr ? a in b.items : b.has(this.key(a)));
    if (operator === '==' || operator === '!=') {
      const both = a instanceof Obj && b instanceof Obj;
      const empty = (value) => value === null || value === undefined;
      const same = both || empty(a) || empty(b) ? a === b || (empty(a) && empty(b)) : this.plain(a) == this.plain(b);
      return same === (operator === '==');
    }
    const [x, y] = [this.plain(a), this.plain(b)];
    try {
      switch (operator) {
        case '+':
          return typeof x === 'string' || typeof y === 'string' ? bounded(String(x) + String(y)) : x + y;
        case '-':
          return x - y;
        case '*':
          return x * y;
        case '/':
          return x / y;
        case '%':
          return x % y;
        case '**':
          if (typeof y === 'bigint' && y > 1000n) throw new Stopped('a power is too large');
          return x ** y;
        case '<':
          return x < y;
        case '>':
          return x > y;
        case '<=':
          return x <= y;
        case '>=':
          return x >= y;
        case '&':
          return x & y;
        case '|':
          return x | y;
        case '^':
          return x ^ y;
        case '<<':
          if (typeof y === 'bigint' && y > 10_000n) throw new Stopped('a shift is too large');
          return x << y;
        case '>>':
          return x >> y;
        case '>>>':
          return x >>> y;
        default:
          throw new Stopped(`${operator} is not run here`);
      }
    } catch (error) {
      if (error instanceof Stopped || error instanceof Thrown) throw error;
      throw this.error('TypeError', 'these can not be mixed');
    }
  }
}
