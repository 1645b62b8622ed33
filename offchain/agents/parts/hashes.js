// Names made of content.

// The same text for the same value, however its fields came to be in order.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const fields = Object.keys(value).sort();
  return `{${fields.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}

// 32 hex digits of BLAKE2b-256.
export const contentId = (value) => Wapo.hash('blake2b256', canonical(value)).toHex().slice(0, 32);
