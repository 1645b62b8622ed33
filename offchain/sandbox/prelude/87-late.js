// What few scripts use is no part of the snapshot that each run starts from: the host has it compiled, in `late`, each a
// function of what it shares with the parts here.

// A number of 0 or more in digits alone, where it may be short or long.
function plainNumberText(number) {
  const text = String(number);
  const [, first, rest = '', power] = /^(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text) ?? [];
  if (first === undefined) return text;
  if (power > 0) return (first + rest).padEnd(Number(power) + 1, '0');
  return `0.${'0'.repeat(-power - 1)}${first}${rest}`;
}

const shared = {
  ...{ host, use, binaryOf, copyOf, formatted, inspect, isBuffer, joined, NO_BYTES, textOf, usv, utf8, writeUtf8 },
  plainNumberText,
};
for (const [name, part] of [
  ['Buffer', 'buffer'],
  ['require', 'node'],
]) {
  provide(name, () => host.load(part)(shared));
}

let localised;
const locale = () => (localised ??= host.load('intl')(shared));
provide('Intl', () => locale().Intl);
for (const [prototype, names] of [
  [Date.prototype, { toLocaleString: 'ofDate', toLocaleDateString: 'ofDay', toLocaleTimeString: 'ofTime' }],
  [Number.prototype, { toLocaleString: 'ofNumber' }],
  [BigInt.prototype, { toLocaleString: 'ofNumber' }],
]) {
  const { valueOf } = prototype;
  for (const [name, formatter] of Object.entries(names)) {
    const shown = {
      [name](locales, options) {
        const value = valueOf.call(this);
        return prototype === Date.prototype && Number.isNaN(value)
          ? 'Invalid Date'
          : locale()[formatter](value, options);
      },
    };
    Object.defineProperty(prototype, name, { value: shown[name], writable: true, configurable: true });
  }
}
