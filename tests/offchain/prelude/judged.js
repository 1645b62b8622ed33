// How values are compared between engines, and what snippets may use.

const { subtle } = globalThis.crypto;
const hex = (text) => Uint8Array.from(text.match(/../g), (byte) => parseInt(byte, 16));
const text = (characters) => new TextEncoder().encode(characters);

const plain = (value) => {
  if (value === undefined) return { undefined: true };
  if (typeof value === 'bigint') return { bigint: String(value) };
  if (typeof value === 'number' && !(JSON.stringify(value) !== 'null' && !Object.is(value, -0)))
    return { number: Object.is(value, -0) ? '-0' : String(value) };
  if (value instanceof ArrayBuffer) return { buffer: [...new Uint8Array(value)] };
  if (ArrayBuffer.isView(value)) return { [Object.prototype.toString.call(value)]: Array.from(value, plain) };
  if (value instanceof Map) return { map: [...value].map(plain) };
  if (value instanceof Set) return { set: [...value].map(plain) };
  if (value instanceof Date) return { date: value.getTime() };
  if (value instanceof RegExp) return { regexp: String(value) };
  if (value instanceof Error) return { error: value.name, message: value.message };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'function') return { function: value.name };
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
  return value;
};
const judge = async (snippet) => {
  try {
    return plain(await snippet());
  } catch (error) {
    return { threw: error?.name ?? String(error) };
  }
};
const answers = (async () => {
  const all = [];
  for (const snippet of snippets) all.push(await judge(snippet));
  return JSON.stringify(all);
})();
