// The SCALE codec that `Wapo.SCALE` and `pink.SCALE` share. A registry is text, one type after the other:
//
//   #u8  u8  str  bool    a primitive; the mark is for older texts
//   @T                    a number in compact form
//   [T]  [T;n]            a sequence, an array; of u8: Uint8Array, and "0x…" or text is taken for one
//   (T,T)  {name:T}       a tuple, an object
//   <Name:T:index,Name>   one of several, {Name: value}; index counts from 0 where it is left out
//
// T is the number of a type in the text, the name that `Name = T` gave it, or a type written out.

const makeScale = () => {
  const INTEGERS = { u8: 1, u16: 2, u32: 4, u64: 8, u128: 16, i8: 1, i16: 2, i32: 4, i64: 8, i128: 16 };
  const MOST_DEPTH = 64;

  function syntax(text, at, what) {
    throw new SyntaxError(`${what} at "${text.slice(at, at + 20)}"`);
  }

  function parser(text) {
    let at = 0;
    const peek = () => {
      while (/\s/.test(text[at] ?? '')) at++;
      return text[at];
    };
    const take = (mark) => (peek() === mark ? (at++, true) : false);
    const need = (mark) => take(mark) || syntax(text, at, `'${mark}' is missing`);
    const match = (pattern) => {
      peek();
      pattern.lastIndex = at;
      const found = pattern.exec(text);
      if (found === null) return undefined;
      at = pattern.lastIndex;
      return found[0];
    };
    const name = () => match(/[A-Za-z_]\w*/y) ?? syntax(text, at, 'a name is missing');
    const number = () => match(/\d+/y);
    const list = (end, item) => {
      const items = [];
      while (!take(end)) {
        items.push(item());
        if (!take(',')) {
          need(end);
          break;
        }
      }
      return items;
    };

    function type() {
      if (take('#')) return { kind: 'primitive', of: name() };
      if (take('@')) return { kind: 'compact', of: type() };
      if (take('[')) {
        const of = type();
        const size = take(';') ? Number(number() ?? syntax(text, at, 'a length is missing')) : undefined;
        need(']');
        return size === undefined ? { kind: 'sequence', of } : { kind: 'array', of, size };
      }
      if (take('(')) return { kind: 'tuple', of: list(')', type) };
      if (take('{')) return { kind: 'struct', of: list('}', () => [name(), (need(':'), type())]) };
      if (take('<')) {
        let next = 0;
        const variant = () => {
          const label = name();
          let of;
          let index = next;
          if (take(':')) {
            if (peek() !== ':' && peek() !== ',' && peek() !== '>') of = type();
            if (take(':')) index = Number(number() ?? syntax(text, at, 'an index is missing'));
          }
          next = index + 1;
          return { label, of, index };
        };
        return { kind: 'enum', of: list('>', variant) };
      }
      const id = number();
      return id === undefined ? { kind: 'named', of: name() } : { kind: 'numbered', of: Number(id) };
    }

    return {
      type,
      done: () => peek() === undefined,
      // `Name =`, if that comes next.
      label: () => match(/[A-Za-z_]\w*(?=\s*=)/y),
      need,
      end: () => peek() === undefined || syntax(text, at, 'a type goes on'),
    };
  }

  class TypeRegistry {
    types = [];
    names = new Map();
  }

  function parseTypes(text) {
    const parse = parser(String(text));
    const registry = new TypeRegistry();
    while (!parse.done()) {
      const label = parse.label();
      if (label !== undefined) {
        parse.need('=');
        registry.names.set(label, registry.types.length);
      }
      registry.types.push(parse.type());
    }
    return registry;
  }

  function registryOf(given) {
    if (given === undefined) return new TypeRegistry();
    return given instanceof TypeRegistry ? given : parseTypes(given);
  }

  function typeOf(given, registry) {
    if (Array.isArray(given)) return { kind: 'tuple', of: given.map((each) => typeOf(each, registry)) };
    if (typeof given === 'number') return { kind: 'numbered', of: given };
    const parse = parser(String(given));
    const type = parse.type();
    parse.end();
    return type;
  }

  // The type that a name or number stands for.
  function resolved(type, registry) {
    for (let hops = 0; hops < MOST_DEPTH; hops++) {
      if (type.kind === 'numbered') {
        const found = registry.types[type.of];
        if (found === undefined) throw new TypeError(`there is no type ${type.of}`);
        type = found;
      } else if (type.kind === 'named' && registry.names.has(type.of))
        type = registry.types[registry.names.get(type.of)];
      else if (type.kind === 'named') return { kind: 'primitive', of: type.of };
      else return type;
    }
    throw new TypeError('a type is defined by itself');
  }

  const isBytes = (type, registry) => {
    const of = resolved(type, registry);
    return of.kind === 'primitive' && of.of === 'u8';
  };

  function asBytes(value) {
    if (typeof value === 'string')
      return /^0x([0-9a-f]{2})*$/i.test(value) ? Uint8Array.fromHex(value.slice(2)) : utf8(value);
    return viewOf(value) ?? Uint8Array.from(value, (byte) => Number(integer(byte, 'u8')));
  }

  function integer(value, name) {
    const signed = name[0] === 'i';
    const bits = INTEGERS[name] * 8;
    if (typeof value !== 'bigint' && !Number.isSafeInteger(value))
      throw new TypeError(`${inspect(value)} is no ${name}`);
    const big = BigInt(value);
    if ((signed ? BigInt.asIntN : BigInt.asUintN)(bits, big) !== big)
      throw new RangeError(`${big} is out of the range of ${name}`);
    return big;
  }

  function littleEndian(value, size) {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++, value >>= 8n) bytes[i] = Number(value & 0xffn);
    return bytes;
  }

  function compact(value) {
    const big = integer(value, 'u128');
    if (big < 1n << 6n) return Uint8Array.of(Number(big) << 2);
    if (big < 1n << 14n) return littleEndian((big << 2n) | 1n, 2);
    if (big < 1n << 30n) return littleEndian((big << 2n) | 2n, 4);
    const size = Math.max(4, Math.ceil(big.toString(16).length / 2));
    return joined([Uint8Array.of(((size - 4) << 2) | 3), littleEndian(big, size)]);
  }

  function write(value, given, registry, out, depth) {
    if (depth > MOST_DEPTH) throw new RangeError('a type is nested too deep');
    const type = resolved(given, registry);
    const inner = (part, of) => write(part, of, registry, out, depth + 1);
    switch (type.kind) {
      case 'primitive': {
        if (type.of === 'bool') out.push(Uint8Array.of(value ? 1 : 0));
        else if (type.of === 'str') {
          const bytes = utf8(usv(value));
          out.push(compact(bytes.length), bytes);
        } else if (Object.hasOwn(INTEGERS, type.of))
          out.push(littleEndian(BigInt.asUintN(INTEGERS[type.of] * 8, integer(value, type.of)), INTEGERS[type.of]));
        else throw new TypeError(`${type.of} is no type`);
        break;
      }
      case 'compact':
        out.push(compact(value));
        break;
      case 'sequence':
      case 'array': {
        const bytes = isBytes(type.of, registry);
        const items = bytes ? asBytes(value) : Array.from(value);
        if (type.kind === 'sequence') out.push(compact(items.length));
        else if (items.length !== type.size) throw new RangeError(`an array of ${type.size} has ${items.length} items`);
        if (bytes) out.push(items.slice());
        else for (const item of items) inner(item, type.of);
        break;
      }
      case 'tuple': {
        const items = value === null || value === undefined ? [] : Array.from(value);
        if (items.length !== type.of.length)
          throw new RangeError(`a tuple of ${type.of.length} has ${items.length} items`);
        type.of.forEach((of, i) => inner(items[i], of));
        break;
      }
      case 'struct':
        for (const [name, of] of type.of) {
          if (value?.[name] === undefined && resolved(of, registry).of?.length !== 0)
            throw new TypeError(`the field ${name} is missing`);
          inner(value[name], of);
        }
        break;
      case 'enum': {
        const label =
          typeof value === 'string' ? value : value?.tag !== undefined ? value.tag : Object.keys(Object(value))[0];
        const found = type.of.find((variant) => variant.label === label);
        if (found === undefined)
          throw new TypeError(`${label} is none of ${type.of.map((variant) => variant.label).join(', ')}`);
        out.push(Uint8Array.of(found.index));
        if (found.of !== undefined) inner(value.tag !== undefined ? value.value : value[label], found.of);
      }
    }
  }

  function read(from, given, registry, depth) {
    if (depth > MOST_DEPTH) throw new RangeError('a type is nested too deep');
    const type = resolved(given, registry);
    const inner = (of) => read(from, of, registry, depth + 1);
    const take = (length) => {
      if (from.at + length > from.bytes.length) throw new RangeError('the bytes end too early');
      from.at += length;
      return from.bytes.slice(from.at - length, from.at);
    };
    const number = (size) => take(size).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
    const readCompact = () => {
      const mode = from.bytes[from.at] & 3;
      if (mode < 3) return number(1 << mode) >> 2n;
      return number(Number(number(1) >> 2n) + 4);
    };
    switch (type.kind) {
      case 'primitive': {
        if (type.of === 'bool') return take(1)[0] !== 0;
        if (type.of === 'str') return textOf(take(Number(readCompact())));
        const size = INTEGERS[type.of];
        if (size === undefined) throw new TypeError(`${type.of} is no type`);
        const value = type.of[0] === 'i' ? BigInt.asIntN(size * 8, number(size)) : number(size);
        return size > 4 ? value : Number(value);
      }
      case 'compact': {
        const of = resolved(type.of, registry);
        const value = readCompact();
        return INTEGERS[of.of] <= 4 ? Number(value) : value;
      }
      case 'sequence':
      case 'array': {
        const length = type.kind === 'array' ? type.size : Number(readCompact());
        if (isBytes(type.of, registry)) return take(length);
        const items = [];
        for (let i = 0; i < length; i++) items.push(inner(type.of));
        return items;
      }
      case 'tuple':
        return type.of.map(inner);
      case 'struct':
        return Object.fromEntries(type.of.map(([name, of]) => [name, inner(of)]));
      default: {
        const index = take(1)[0];
        const found = type.of.find((variant) => variant.index === index);
        if (found === undefined) throw new RangeError(`no variant has the index ${index}`);
        return { [found.label]: found.of === undefined ? null : inner(found.of) };
      }
    }
  }

  function codec(given, types) {
    const registry = registryOf(types);
    const type = typeOf(given, registry);
    return {
      encode(value) {
        const out = [NO_BYTES];
        write(value, type, registry, out, 0);
        return joined(out);
      },
      decode(bytes) {
        const view = typeof bytes === 'string' ? asBytes(bytes) : viewOf(bytes);
        if (view === null) throw new TypeError('decode takes bytes');
        return read({ bytes: view, at: 0 }, type, registry, 0);
      },
    };
  }

  const encode = (value, type, types) => codec(type, types).encode(value);
  const decode = (bytes, type, types) => codec(type, types).decode(bytes);
  return { parseTypes, codec, encode, decode, encodeAll: encode, decodeAll: decode };
};
