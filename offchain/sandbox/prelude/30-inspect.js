// How values look in the log: as in Node, on one line where it is short.

const inspect = (() => {
  const LINE = 76;
  const MOST = 100;
  const NAME = /^[A-Za-z_$][\w$]*$/;

  function quoted(text) {
    const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') ? '`' : "'";
    let body = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
    if (mark === "'" && text.includes("'")) body = body.replaceAll("'", "\\'");
    return mark + body + mark;
  }

  function primitive(value) {
    switch (typeof value) {
      case 'string':
        return quoted(value);
      case 'bigint':
        return `${value}n`;
      case 'number':
        return Object.is(value, -0) ? '-0' : String(value);
      default:
        return String(value);
    }
  }

  function constructorName(value) {
    for (let at = value; at !== null; at = Object.getPrototypeOf(at)) {
      const found = Object.getOwnPropertyDescriptor(at, 'constructor');
      if (typeof found?.value === 'function' && found.value.name !== '') return found.value.name;
    }
    return null;
  }

  function named(key) {
    return typeof key === 'symbol' ? `[${String(key)}]` : NAME.test(key) ? key : quoted(key);
  }

  function laid(prefix, open, entries, close, indent) {
    const head = prefix === '' ? open : `${prefix} ${open}`;
    if (entries.length === 0) return head + close;
    let length = head.length + indent;
    for (const entry of entries) length += entry.length + 2;
    if (length <= LINE && !entries.some((entry) => entry.includes('\n')))
      return `${head} ${entries.join(', ')} ${close}`;
    const space = ' '.repeat(indent + 2);
    return `${head}\n${space}${entries.join(`,\n${space}`)}\n${' '.repeat(indent)}${close}`;
  }

  // `circles` numbers the objects that are found inside themselves.
  function show(value, depth, seen, circles, indent) {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return primitive(value);
    if (seen.includes(value)) {
      if (!circles.has(value)) circles.set(value, circles.size + 1);
      return `[Circular *${circles.get(value)}]`;
    }
    const shown = showObject(value, depth, seen, circles, indent);
    return circles.has(value) ? `<ref *${circles.get(value)}> ${shown}` : shown;
  }

  function showObject(value, depth, seen, circles, indent) {
    const name = constructorName(value);
    const plain = Object.getOwnPropertyNames(value);
    let keys = Object.keys(value);
    let prefix = name ?? '[Object: null prototype]';
    let [open, close] = '{}';
    const entries = [];
    const inner = (part) => show(part, depth - 1, [...seen, value], circles, indent + 2);

    if (typeof value === 'function') {
      const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : (name ?? 'Function');
      prefix =
        kind === 'class'
          ? `[class ${value.name || '(anonymous)'}]`
          : value.name
            ? `[${kind}: ${value.name}]`
            : `[${kind} (anonymous)]`;
      if (keys.length === 0) return prefix;
    } else if (Error.isError(value)) {
      const stack = typeof value.stack === 'string' ? value.stack.trimEnd() : '';
      prefix = `${value}${stack === '' ? '' : `\n${stack}`}`;
      keys = keys.filter((key) => key !== 'stack' && key !== 'message');
      if (plain.includes('cause')) keys.push('cause');
      if (plain.includes('errors')) keys.push('errors');
      if (keys.length === 0) return prefix;
    } else if (value instanceof Date) {
      prefix = Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
      if (keys.length === 0) return prefix;
    } else if (value instanceof RegExp) {
      prefix = String(value);
      if (keys.length === 0) return prefix;
    } else if (value instanceof Number || value instanceof String || value instanceof Boolean) {
      return `[${name}: ${primitive(value.valueOf())}]`;
    } else if (value instanceof Promise) {
      prefix = 'Promise';
    }
    if (depth < 0) return Array.isArray(value) ? '[Array]' : `[${name ?? 'Object: null prototype'}]`;

    if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
      [open, close] = '[]';
      prefix = Array.isArray(value) && name === 'Array' ? '' : `${name}(${value.length})`;
      for (let i = 0; i < Math.min(value.length, MOST); i++) entries.push(i in value ? inner(value[i]) : '<empty>');
      if (value.length > MOST) entries.push(`... ${value.length - MOST} more`);
      keys = keys.filter((key) => !/^\d+$/.test(key));
    } else if (value instanceof Map || value instanceof Set) {
      prefix = `${name}(${value.size})`;
      let left = MOST;
      for (const [key, part] of value.entries()) {
        if (left-- === 0) break;
        entries.push(value instanceof Map ? `${inner(key)} => ${inner(part)}` : inner(part));
      }
      if (value.size > MOST) entries.push(`... ${value.size - MOST} more`);
    } else if (isBuffer(value)) {
      entries.push(`byteLength: ${value.byteLength}`);
    } else if (prefix === 'Object') prefix = '';

    for (const key of keys.slice(0, MOST)) {
      const { get, set, value: part } = Object.getOwnPropertyDescriptor(value, key);
      const shown = get ? (set ? '[Getter/Setter]' : '[Getter]') : set ? '[Setter]' : inner(part);
      entries.push(`${named(key)}: ${shown}`);
    }
    if (keys.length > MOST) entries.push(`... ${keys.length - MOST} more`);
    for (const key of Object.getOwnPropertySymbols(value)) {
      const found = Object.getOwnPropertyDescriptor(value, key);
      if (found.enumerable) entries.push(`${named(key)}: ${inner(found.value)}`);
    }
    return laid(prefix, open, entries, close, indent);
  }

  return (value, depth = 4) => {
    try {
      return show(value, depth, [], new Map(), 0);
    } catch {
      return '[a value that throws when it is shown]';
    }
  };
})();

// What console's methods make of their arguments: %s and its kin in the first, the rest after it.
function formatted(values) {
  let rest = values;
  let text = '';
  if (typeof values[0] === 'string' && values.length > 1) {
    rest = values.slice(1);
    text = values[0].replace(/%[sdifjoOc%]/g, (found) => {
      if (found === '%%') return '%';
      if (rest.length === 0) return found;
      const value = rest.shift();
      switch (found[1]) {
        case 's':
          return typeof value === 'string' ? value : typeof value === 'object' ? inspect(value, 0) : inspect(value);
        case 'd':
          return typeof value === 'bigint' ? `${value}n` : typeof value === 'object' ? 'NaN' : String(Number(value));
        case 'i':
          return typeof value === 'bigint'
            ? `${value}n`
            : typeof value === 'object'
              ? 'NaN'
              : String(parseInt(value, 10));
        case 'f':
          return String(typeof value === 'symbol' ? NaN : parseFloat(value));
        case 'j':
          return JSON.stringify(value) ?? 'undefined';
        case 'c':
          return '';
        default:
          return inspect(value);
      }
    });
    if (rest.length > 0) text += ' ';
  }
  return text + rest.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' ');
}
