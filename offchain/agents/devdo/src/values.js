// Values of interpreted JavaScript. Primitives are the host's own; an object is an `Obj` with a Map of properties, so that no
// property of a host object can ever be reached: there is no way from a snippet to what runs it.

export class Obj {
  constructor(proto = null, kind = 'Object') {
    this.proto = proto;
    this.kind = kind;
    this.props = new Map();
    this.frozen = false;
  }

  has(name) {
    for (let at = this; at; at = at.proto) if (at.props.has(name)) return true;
    return false;
  }
}

export class Arr extends Obj {
  constructor(items, proto) {
    super(proto, 'Array');
    this.items = items;
  }
}

/** A function: `code(thisValue, args, newTarget)`. */
export class Fn extends Obj {
  constructor(name, code, proto, isClass = false) {
    super(proto, 'Function');
    this.code = code;
    this.isClass = isClass;
    this.name = name;
  }
}

/** What a snippet has thrown. */
export class Thrown extends Error {
  constructor(value) {
    super('thrown');
    this.value = value;
  }
}

/** The run can't go on: it uses what isn't interpreted here, or too much of everything. */
export class Stopped extends Error {}

export const MOST_ITEMS = 100_000;
export const MOST_CHARACTERS = 1_000_000;

export const bounded = (text) => {
  if (text.length > MOST_CHARACTERS) throw new Stopped(`a text has more than ${MOST_CHARACTERS} characters`);
  return text;
};

const DEEPEST = 50;

/** A plain host value (of JSON) as an interpreted one. */
export function fromPlain(value, protos) {
  if (Array.isArray(value))
    return new Arr(
      value.map((each) => fromPlain(each, protos)),
      protos.Array,
    );
  if (value === null || typeof value !== 'object') return value;
  const object = new Obj(protos.Object);
  for (const [name, each] of Object.entries(value)) object.props.set(name, { value: fromPlain(each, protos) });
  return object;
}

/** An interpreted value as a plain one, with words for what JSON lacks: `{"$": "undefined"}`, NaN, functions, Map, Set. */
export function toPlain(value, depth = 0) {
  if (depth > DEEPEST) throw new Stopped('a value is too deep, or holds itself');
  if (value === undefined) return { $: 'undefined' };
  if (typeof value === 'bigint') return { $: `${value}n` };
  if (typeof value === 'number' && !Number.isFinite(value)) return { $: String(value) };
  if (!(value instanceof Obj)) return value;
  if (value instanceof Arr) return value.items.map((each) => toPlain(each, depth + 1));
  if (value instanceof Fn) return { $: 'function' };
  if (value.map)
    return { $: 'Map', entries: [...value.map].map((pair) => pair.map((each) => toPlain(each, depth + 1))) };
  if (value.set) return { $: 'Set', values: [...value.set].map((each) => toPlain(each, depth + 1)) };
  const plain = Object.create(null);
  for (const [name, property] of value.props)
    if ('value' in property && !property.hidden) plain[name] = toPlain(property.value, depth + 1);
  if (value.kind === 'Error') return { $: 'Error', message: value.props.get('message')?.value ?? '' };
  return plain;
}
