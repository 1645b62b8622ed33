// What an interpreted snippet finds: the language's own objects, as far as snippets need them, on interpreted values.

import { Arr, bounded, Fn, fromPlain, MOST_ITEMS, Obj, Stopped, Thrown, toPlain } from './values.js';

const MOST_LINES = 200;
const PURE_STRING =
  'at charAt charCodeAt codePointAt concat endsWith includes indexOf lastIndexOf slice startsWith substring substr toLowerCase toUpperCase trim trimEnd trimStart isWellFormed'.split(
    ' ',
  );
const PURE_MATH =
  'abs acos acosh asin asinh atan atan2 atanh cbrt ceil clz32 cos cosh exp expm1 floor fround hypot imul log log10 log1p log2 max min pow round sign sin sinh sqrt tan tanh trunc'.split(
    ' ',
  );

/** The globals of a machine, by name; fills in its prototypes. */
export function globals(machine) {
  const { protos } = machine;
  const root = new Obj(null);
  protos.Object = root;
  protos.Function = new Obj(root);
  const fn = (name, code) => new Fn(name, code, protos.Function);
  const method = (proto, name, code) => proto.props.set(name, { value: fn(name, code), hidden: true });
  const methods = (proto, all) =>
    Object.entries(all).forEach(([name, code]) => method(proto, name, (self, args) => code(self, ...args)));
  const run = (callback, ...args) => machine.call(callback, undefined, args);
  const list = (items) => machine.array(items);
  const text = (value) => machine.text(value);
  const number = (value) => Number(machine.plain(value));
  const fail = (kind, message) => {
    throw machine.error(kind, message);
  };

  function type(name, { make, call, proto = new Obj(root), statics = {} }) {
    protos[name] = proto;
    const made = fn(name, (_, args) => (call ?? (() => fail('TypeError', `${name} is called with \`new\``)))(...args));
    made.make =
      make &&
      ((args, target) => {
        const object = make(...args);
        if (target !== made && object instanceof Obj) object.proto = machine.prototypeOf(target);
        return object;
      });
    made.props.set('prototype', { value: proto, hidden: true });
    proto.props.set('constructor', { value: made, hidden: true });
    methods(made, statics);
    return made;
  }

  // --- Object, Function, errors -------------------------------------------------------------------------------------

  methods(root, {
    hasOwnProperty: (self, name) => own(self, text(name)),
    toString: (self) => (self instanceof Fn ? `function ${self.name}() {}` : '[object Object]'),
    valueOf: (self) => self,
    toLocaleString: (self) => text(self),
  });
  const own = (self, name) =>
    (self instanceof Arr && (name === 'length' || name in self.items)) || Boolean(self?.props?.has(name));
  const each = (value) => machine.entries(value);
  const ObjectType = type('Object', {
    proto: root,
    make: (value) => (value instanceof Obj ? value : machine.object()),
    call: (value) => (value instanceof Obj ? value : machine.object()),
    statics: {
      keys: (_, value) => list(each(value).map(([name]) => name)),
      values: (_, value) => list(each(value).map(([, found]) => found)),
      entries: (_, value) => list(each(value).map((pair) => list(pair))),
      fromEntries: (_, pairs) =>
        machine.object(machine.iterate(pairs).map((pair) => [text(pair.items[0]), pair.items[1]])),
      assign(_, target, ...sources) {
        for (const source of sources) for (const [name, value] of each(source)) machine.set(target, name, value);
        return target;
      },
      freeze(_, value) {
        if (value instanceof Obj) value.frozen = true;
        return value;
      },
      isFrozen: (_, value) => !(value instanceof Obj) || value.frozen,
      create(_, proto) {
        return new Obj(proto);
      },
      getPrototypeOf: (_, value) => value?.proto ?? null,
      hasOwn: (_, value, name) => own(value, text(name)),
      is: (_, one, other) => Object.is(one, other),
    },
  });
  methods(protos.Function, {
    call: (self, given, ...args) => machine.call(self, given, args),
    apply: (self, given, args) => machine.call(self, given, args ? machine.iterate(args) : []),
    bind: (self, given, ...bound) => fn(self.name, (_, args) => machine.call(self, given, [...bound, ...args])),
  });
  const errors = {};
  for (const name of ['Error', 'TypeError', 'RangeError', 'SyntaxError', 'ReferenceError', 'EvalError', 'URIError']) {
    const proto = new Obj(name === 'Error' ? root : protos.Error);
    const fill = (object, [message]) => {
      object.kind = 'Error';
      if (message !== undefined) object.props.set('message', { value: text(message), hidden: true });
    };
    const make = (...args) => {
      const object = new Obj(proto, 'Error');
      fill(object, args);
      return object;
    };
    errors[name] = type(name, { proto, make, call: make });
    errors[name].fill = fill;
    proto.props.set('name', { value: name, hidden: true });
    proto.props.set('message', { value: '', hidden: true });
  }
  methods(protos.Error, {
    toString: (self) => [machine.get(self, 'name'), machine.get(self, 'message')].filter(Boolean).join(': '),
  });

  // --- Numbers, strings, regular expressions ------------------------------------------------------------------------

  const NumberType = type('Number', { call: (value = 0) => Number(machine.plain(value)) });
  methods(protos.Number, {
    toFixed: (self, digits = 0) => guarded(() => self.toFixed(digits)),
    toPrecision: (self, digits) => guarded(() => self.toPrecision(digits)),
    toString: (self, base = 10) => guarded(() => self.toString(base)),
    valueOf: (self) => self,
    toLocaleString: (self) => String(self),
  });
  for (const name of ['isInteger', 'isSafeInteger', 'isFinite', 'isNaN'])
    methods(NumberType, { [name]: (_, value) => Number[name](value) });
  for (const name of [
    'MAX_SAFE_INTEGER',
    'MIN_SAFE_INTEGER',
    'EPSILON',
    'MAX_VALUE',
    'MIN_VALUE',
    'POSITIVE_INFINITY',
    'NEGATIVE_INFINITY',
  ]) {
    NumberType.props.set(name, { value: Number[name], hidden: true });
  }
  const parsing = {
    parseInt: (_, value, base) => parseInt(text(value), base),
    parseFloat: (_, value) => parseFloat(text(value)),
  };
  methods(NumberType, parsing);
  const BooleanType = type('Boolean', { call: (value) => Boolean(value) });
  methods(protos.Boolean, { toString: (self) => String(self), valueOf: (self) => self });
  const BigIntType = type('BigInt', { call: (value) => guarded(() => BigInt(machine.plain(value))) });

  function guarded(compute) {
    try {
      return compute();
    } catch (error) {
      if (error instanceof Thrown || error instanceof Stopped) throw error;
      return fail(
        error instanceof RangeError ? 'RangeError' : error instanceof SyntaxError ? 'SyntaxError' : 'TypeError',
        String(error.message),
      );
    }
  }

  const StringType = type('String', {
    call: (value = '') => text(value),
    statics: {
      fromCharCode: (_, ...codes) => String.fromCharCode(...codes.map(number)),
      fromCodePoint: (_, ...codes) => guarded(() => String.fromCodePoint(...codes.map(number))),
    },
  });
  for (const name of PURE_STRING)
    methods(protos.String, {
      [name]: (self, ...args) => bounded(text(self)[name](...args.map((each) => machine.plain(each)))),
    });
  const charge = (subject) => {
    for (let i = 0; i <= subject.length >> 6; i++) machine.step(); // a search takes longer than a step
  };
  const pattern = (value) => (value?.regexp ? value.regexp : text(value));
  const matched = (found) => {
    if (!found) return null;
    const made = list([...found]);
    made.props.set('index', { value: found.index, hidden: true });
    made.props.set('groups', {
      value: found.groups ? machine.object(Object.entries(found.groups)) : undefined,
      hidden: true,
    });
    return made;
  };
  const replacing = (name) => (self, from, to) => {
    charge(self);
    const by =
      to instanceof Fn
        ? (...found) => text(run(to, ...found.map((each) => (typeof each === 'object' ? undefined : each))))
        : text(to);
    return bounded(self[name](pattern(from), by));
  };
  methods(protos.String, {
    length: (self) => self.length,
    split(self, by, most) {
      charge(self);
      return list(by === undefined ? [self] : self.split(pattern(by), most));
    },
    repeat: (self, times) =>
      self.length * number(times) > 1e6 ? fail('RangeError', 'too long') : guarded(() => self.repeat(number(times))),
    padStart: (self, length, fill) => bounded(self.padStart(Math.min(number(length), 1e6), fill)),
    padEnd: (self, length, fill) => bounded(self.padEnd(Math.min(number(length), 1e6), fill)),
    replace: replacing('replace'),
    replaceAll: (self, from, to) => guarded(() => replacing('replaceAll')(self, from, to)),
    match(self, by) {
      charge(self);
      const found = self.match(by?.regexp ?? new RegExp(text(by)));
      return found && by?.regexp?.global ? list([...found]) : matched(found);
    },
    matchAll: (self, by) => list(guarded(() => [...self.matchAll(by.regexp)]).map(matched)),
    search: (self, by) => self.search(by?.regexp ?? new RegExp(text(by))),
    localeCompare: (self, other) => (self < text(other) ? -1 : self > text(other) ? 1 : 0),
    normalize: (self, form) => guarded(() => bounded(self.normalize(form))),
    toString: (self) => self,
    valueOf: (self) => self,
  });

  machine.makeRegExp = (source, flags) => {
    const made = new Obj(protos.RegExp, 'RegExp');
    made.regexp = guarded(() => new RegExp(source, flags));
    made.props.set('source', { value: source, hidden: true });
    made.props.set('flags', { value: flags, hidden: true });
    return made;
  };
  const RegExpType = type('RegExp', {
    make: (source, flags = '') =>
      source?.regexp
        ? machine.makeRegExp(source.regexp.source, source.regexp.flags)
        : machine.makeRegExp(text(source), text(flags)),
    call: (source, flags = '') => machine.makeRegExp(text(source), text(flags)),
  });
  methods(protos.RegExp, {
    test: (self, value) => (charge(text(value)), self.regexp.test(text(value))),
    exec: (self, value) => (charge(text(value)), matched(self.regexp.exec(text(value)))),
    toString: (self) => String(self.regexp),
  });

  // --- Lists --------------------------------------------------------------------------------------------------------

  const ArrayType = type('Array', {
    proto: new Obj(root),
    make: (...items) => newArray(items),
    call: (...items) => newArray(items),
    statics: {
      isArray: (_, value) => value instanceof Arr,
      of: (_, ...items) => list(items),
      from(_, value, by) {
        const items =
          value instanceof Obj && !(value instanceof Arr) && !value.map && !value.set
            ? Array.from({ length: Math.min(number(machine.get(value, 'length') ?? 0), MOST_ITEMS + 1) }, (_, i) =>
                machine.get(value, String(i)),
              )
            : machine.iterate(value);
        return list(by ? items.map((each, i) => run(by, each, i)) : items);
      },
    },
  });
  function newArray(items) {
    if (items.length !== 1 || typeof items[0] !== 'number') return list(items);
    if (items[0] > MOST_ITEMS) throw new Stopped('a list is too long');
    return guarded(() => list(new Array(items[0]).fill(undefined)));
  }
  const items = (self) => (self instanceof Arr ? self.items : fail('TypeError', 'it is no list'));
  const changed = (self, change) => {
    if (self.frozen) fail('TypeError', 'the list is frozen');
    const found = change(items(self));
    if (self.items.length > MOST_ITEMS) throw new Stopped(`a list has more than ${MOST_ITEMS} entries`);
    return found;
  };
  const ordered = (by) => (one, other) => {
    machine.step();
    if (one === undefined || other === undefined) return one === other ? 0 : one === undefined ? 1 : -1;
    if (by) return number(run(by, one, other)) || 0;
    const [a, b] = [text(one), text(other)];
    return a < b ? -1 : a > b ? 1 : 0;
  };
  const flat = (all, depth) =>
    all.flatMap((each) => (each instanceof Arr && depth > 0 ? flat(each.items, depth - 1) : [each]));
  const looped = (name) => (self, by) => items(self)[name]((each, i) => run(by, each, i, self));
  for (const name of ['some', 'every', 'findIndex', 'find', 'findLast', 'findLastIndex', 'forEach'])
    methods(protos.Array, { [name]: looped(name) });
  for (const name of ['includes', 'indexOf', 'lastIndexOf', 'at'])
    methods(protos.Array, {
      [name]: (self, ...args) => (charge({ length: items(self).length }), items(self)[name](...args)),
    });
  methods(protos.Array, {
    push: (self, ...more) => changed(self, (all) => all.push(...more)),
    pop: (self) => changed(self, (all) => all.pop()),
    shift: (self) => changed(self, (all) => all.shift()),
    unshift: (self, ...more) => changed(self, (all) => all.unshift(...more)),
    splice: (self, ...args) => list(changed(self, (all) => all.splice(...args))),
    reverse: (self) => (changed(self, (all) => all.reverse()), self),
    sort: (self, by) => (changed(self, (all) => all.sort(ordered(by))), self),
    fill: (self, ...args) => (changed(self, (all) => all.fill(...args)), self),
    toSorted: (self, by) => list([...items(self)].sort(ordered(by))),
    toReversed: (self) => list([...items(self)].reverse()),
    with: (self, at, value) => list(guarded(() => items(self).with(at, value))),
    slice: (self, ...args) => list(items(self).slice(...args)),
    concat: (self, ...more) => list([...items(self), ...flat(more, 1)]),
    join: (self, by = ',') =>
      bounded(
        items(self)
          .map((each) => (each === null || each === undefined ? '' : text(each)))
          .join(text(by)),
      ),
    map: (self, by) => list(items(self).map((each, i) => run(by, each, i, self))),
    filter: (self, by) => list(items(self).filter((each, i) => run(by, each, i, self))),
    flatMap: (self, by) =>
      list(
        flat(
          items(self).map((each, i) => run(by, each, i, self)),
          1,
        ),
      ),
    flat: (self, depth = 1) => list(flat(items(self), Math.min(depth, 50))),
    reduce: (self, by, ...first) => reduced(items(self), by, first, false, self),
    reduceRight: (self, by, ...first) => reduced(items(self), by, first, true, self),
    keys: (self) => list(items(self).map((_, i) => i)),
    values: (self) => list([...items(self)]),
    entries: (self) => list(items(self).map((each, i) => list([i, each]))),
    toString: (self) => text(self),
  });
  function reduced(all, by, first, backwards, self) {
    const places = all.map((_, i) => i);
    if (backwards) places.reverse();
    if (first.length === 0 && places.length === 0) fail('TypeError', 'reduce of an empty list without a first value');
    let value = first.length ? first[0] : all[places.shift()];
    for (const i of places) value = run(by, value, all[i], i, self);
    return value;
  }

  // --- Map, Set, JSON, Math, console --------------------------------------------------------------------------------

  const MapType = type('Map', {
    make(pairs) {
      const made = new Obj(protos.Map, 'Map');
      made.map = new Map((pairs ? machine.iterate(pairs) : []).map((pair) => [pair.items[0], pair.items[1]]));
      return made;
    },
  });
  const grows = (self, add) => {
    add();
    if ((self.map ?? self.set).size > MOST_ITEMS) throw new Stopped('it has too many entries');
    return self;
  };
  methods(protos.Map, {
    get: (self, key) => self.map.get(key),
    set: (self, key, value) => grows(self, () => self.map.set(key, value)),
    has: (self, key) => self.map.has(key),
    delete: (self, key) => self.map.delete(key),
    clear: (self) => self.map.clear(),
    forEach: (self, by) => self.map.forEach((value, key) => run(by, value, key, self)),
    keys: (self) => list([...self.map.keys()]),
    values: (self) => list([...self.map.values()]),
    entries: (self) => list([...self.map].map((pair) => list(pair))),
  });
  const SetType = type('Set', {
    make(values) {
      const made = new Obj(protos.Set, 'Set');
      made.set = new Set(values ? machine.iterate(values) : []);
      return made;
    },
  });
  methods(protos.Set, {
    add: (self, value) => grows(self, () => self.set.add(value)),
    has: (self, value) => self.set.has(value),
    delete: (self, value) => self.set.delete(value),
    clear: (self) => self.set.clear(),
    forEach: (self, by) => self.set.forEach((value) => run(by, value, value, self)),
    values: (self) => list([...self.set]),
    keys: (self) => list([...self.set]),
  });

  const bare = (entries) => {
    const made = new Obj(root);
    methods(made, entries);
    return made;
  };
  const jsonable = (value, depth = 0) => {
    if (depth > 50) fail('TypeError', 'it is too deep, or holds itself');
    if (typeof value === 'bigint') fail('TypeError', 'a BigInt is no JSON');
    if (!(value instanceof Obj)) return value;
    const own = machine.get(value, 'toJSON');
    if (own instanceof Fn) return jsonable(machine.call(own, value, []), depth + 1);
    if (value instanceof Fn) return undefined;
    if (value instanceof Arr) return value.items.map((each) => jsonable(each, depth + 1) ?? null);
    const made = {};
    for (const [name, found] of machine.entries(value))
      Object.defineProperty(made, name, { value: jsonable(found, depth + 1), enumerable: true });
    return made;
  };
  const JSONObject = bare({
    stringify: (_, value, _replacer, indent) => {
      const found = JSON.stringify(jsonable(value), null, indent);
      return found === undefined ? undefined : bounded(found);
    },
    parse: (_, value) => guarded(() => fromPlain(JSON.parse(text(value)), protos)),
  });
  const MathObject = bare({});
  for (const name of PURE_MATH) methods(MathObject, { [name]: (_, ...args) => Math[name](...args.map(number)) });
  for (const name of ['PI', 'E', 'LN2', 'LN10', 'LOG2E', 'LOG10E', 'SQRT2', 'SQRT1_2'])
    MathObject.props.set(name, { value: Math[name], hidden: true });
  const logs = (_, ...values) => {
    if (machine.lines.length >= MOST_LINES) return;
    const shown = (value) => (value instanceof Obj ? JSON.stringify(toPlain(value)) : String(value));
    machine.lines.push(values.map(shown).join(' ').slice(0, 2000));
  };
  const consoleObject = bare({ log: logs, info: logs, warn: logs, error: logs, debug: logs });
  const coded = (name) => fn(name, (_, [value]) => guarded(() => globalThis[name](text(value))));

  return {
    ...{
      undefined: undefined,
      NaN,
      Infinity,
      Object: ObjectType,
      ...errors,
      Number: NumberType,
      Boolean: BooleanType,
      BigInt: BigIntType,
    },
    ...{
      String: StringType,
      RegExp: RegExpType,
      Array: ArrayType,
      Map: MapType,
      Set: SetType,
      JSON: JSONObject,
      Math: MathObject,
      console: consoleObject,
    },
    parseInt: fn('parseInt', (_, args) => parsing.parseInt(_, ...args)),
    parseFloat: fn('parseFloat', (_, args) => parsing.parseFloat(_, ...args)),
    isNaN: fn('isNaN', (_, [value]) => Number.isNaN(number(value))),
    isFinite: fn('isFinite', (_, [value]) => Number.isFinite(number(value))),
    structuredClone: fn('structuredClone', (_, [value]) => fromPlain(toPlain(value), protos)),
    ...Object.fromEntries(
      ['encodeURIComponent', 'decodeURIComponent', 'encodeURI', 'decodeURI'].map((name) => [name, coded(name)]),
    ),
  };
}
