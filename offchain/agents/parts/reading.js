// Reading what a caller sent: every refusal names the field.

export class BadInput extends Error {
  constructor(field, problem) {
    super(problem);
    this.field = field;
  }
}

export function object(value, field) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new BadInput(field, 'must be an object');
  }
  return value;
}

export function number(value, field, min, max = Infinity) {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new BadInput(field, 'must be a number');
  if (value < min || value > max) {
    throw new BadInput(field, max === Infinity ? `must be at least ${min}` : `must be from ${min} to ${max}`);
  }
  return value;
}

export function whole(value, field, min, max) {
  if (!Number.isInteger(value)) throw new BadInput(field, 'must be a whole number');
  return number(value, field, min, max);
}

export function string(value, field, max = Infinity) {
  if (typeof value !== 'string' || value === '') throw new BadInput(field, 'must be a string that is not empty');
  if (value.length > max) throw new BadInput(field, `has ${value.length} characters: at most ${max} are taken`);
  return value;
}

export function list(value, field, max) {
  if (!Array.isArray(value)) throw new BadInput(field, 'must be a list');
  if (value.length > max) throw new BadInput(field, `has ${value.length} entries: at most ${max} are taken`);
  return value;
}

export function strings(value, field, max, length) {
  return list(value, field, max).map((each, i) => string(each, `${field}[${i}]`, length));
}

// A Map, so that names such as "constructor" mean nothing special.
export function shares(value, field) {
  const entries = Object.entries(object(value, field));
  return new Map(entries.map(([name, share]) => [name, number(share, `${field}.${name}`, 0, 1)]));
}

export function known(value, field, names) {
  const unknown = Object.keys(object(value, field)).filter((name) => !names.includes(name));
  if (unknown.length) throw new BadInput(`${field}.${unknown[0]}`, `is none of ${names.join(', ')}`);
  return value;
}

export function json(text, field = 'input') {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadInput(field, `must be JSON: ${error.message}`);
  }
}

// What a refusal is as JSON; anything else that was thrown goes on.
export function refusal(error) {
  if (!(error instanceof BadInput)) throw error;
  return { error: 'bad-input', field: error.field, message: `${error.field} ${error.message}` };
}
