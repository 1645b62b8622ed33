// console, whose lines go to the run's log: records of a u32 length and UTF-8 bytes, in a buffer that the host reads
// even after a trap.

const LOG_HEADER = 8; // u32 bytes used, u32 "something was cut off"
let logHeader;
let logBytes;

function log(text) {
  if (logBytes === undefined) return; // a program that is evaluated ahead of its runs has no log yet
  const start = LOG_HEADER + logHeader.getUint32(0, true);
  if (start + 4 > logBytes.length) return logHeader.setUint32(4, 1, true);
  const { read, at } = writeUtf8(text, logBytes, start + 4);
  if (read < text.length) logHeader.setUint32(4, 1, true);
  logHeader.setUint32(start, at - start - 4, true);
  logHeader.setUint32(0, at - LOG_HEADER, true);
}

function openLog(capacity) {
  const buffer = new ArrayBuffer(LOG_HEADER + capacity);
  logHeader = new DataView(buffer);
  logBytes = new Uint8Array(buffer);
  return buffer;
}

provide('console', () => {
  const counts = new Map();
  const timers = new Map();
  let indent = '';

  function print(...values) {
    const text = formatted(values);
    log(indent === '' ? text : indent + text.replaceAll('\n', `\n${indent}`));
  }

  function elapsed(label, rest, what) {
    const since = timers.get(label);
    if (since === undefined) return print(`${what}: there is no timer '${label}'`);
    print(`${label}: ${Date.now() - since}ms`, ...rest);
  }

  function table(data, columns) {
    if (data === null || typeof data !== 'object') return print(data);
    const rows = [];
    const heads = new Set();
    let plain = false;
    const entries = data instanceof Map ? [...data] : data instanceof Set ? [...data].entries() : Object.entries(data);
    for (const [key, value] of entries) {
      const cells = new Map();
      if (value !== null && typeof value === 'object') {
        for (const [name, cell] of Object.entries(value)) {
          if (columns && !columns.includes(name)) continue;
          heads.add(name);
          cells.set(name, inspect(cell, 0));
        }
      } else {
        plain = true;
        cells.set(table, inspect(value, 0));
      }
      rows.push([String(key), cells]);
    }
    const names = [...heads];
    const lines = [['(index)', ...names, ...(plain ? ['Values'] : [])]];
    for (const [key, cells] of rows) {
      lines.push([key, ...names.map((name) => cells.get(name) ?? ''), ...(plain ? [cells.get(table) ?? ''] : [])]);
    }
    const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
    const shown = lines.map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join(' | ')
        .trimEnd(),
    );
    shown.splice(1, 0, widths.map((width) => '-'.repeat(width)).join(' | '));
    print(shown.join('\n'));
  }

  const methods = {
    log: print,
    debug: print,
    info: print,
    warn: print,
    error: print,
    dirxml: print,
    dir: (value, options) => print(inspect(value, options?.depth ?? 4)),
    trace(...values) {
      print(
        [
          'Trace' + (values.length > 0 ? `: ${formatted(values)}` : ''),
          ...new Error().stack.trimEnd().split('\n').slice(1),
        ].join('\n'),
      );
    },
    assert(condition, ...values) {
      if (condition) return;
      if (typeof values[0] === 'string') values[0] = `Assertion failed: ${values[0]}`;
      else values.unshift('Assertion failed');
      print(...values);
    },
    table,
    count(label = 'default') {
      counts.set(String(label), (counts.get(String(label)) ?? 0) + 1);
      print(`${label}: ${counts.get(String(label))}`);
    },
    countReset: (label = 'default') => void counts.delete(String(label)),
    group(...values) {
      if (values.length > 0) print(...values);
      indent += '  ';
    },
    groupEnd() {
      indent = indent.slice(2);
    },
    time: (label = 'default') => void timers.set(String(label), Date.now()),
    timeLog: (label = 'default', ...rest) => elapsed(String(label), rest, 'timeLog'),
    timeEnd(label = 'default') {
      elapsed(String(label), [], 'timeEnd');
      timers.delete(String(label));
    },
    clear() {},
  };
  methods.groupCollapsed = methods.group;
  const console = {};
  for (const name in methods) {
    // Under its own name and without a prototype, as a method is.
    console[name] = { [name]: (...values) => methods[name](...values) }[name];
  }
  Object.defineProperty(console, Symbol.toStringTag, { value: 'console', configurable: true });
  return console;
});
