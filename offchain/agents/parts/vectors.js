// Embeddings: made by the worker's model, kept as bytes, compared by their angle.

// Texts to unit vectors, or undefined where the worker has no model that embeds.
export async function embedded(texts) {
  if (!texts.length) return [];
  try {
    const found = await ai.embed(texts, { encoding_format: 'base64' }); // a tenth of the gas that lists of numbers take
    return found.map((text) => unit(Array.from(new Float32Array(Uint8Array.fromBase64(text).buffer))));
  } catch (error) {
    console.log(`no embeddings: ${error.message}`);
    return undefined;
  }
}

export function unit(vector) {
  const length = Math.sqrt(dot(vector, vector));
  return length > 0 ? vector.map((value) => value / length) : vector;
}

export function dot(one, other) {
  let sum = 0;
  const size = Math.min(one.length, other.length);
  for (let i = 0; i < size; i++) sum += one[i] * other[i];
  return sum;
}

// A unit vector in one byte a dimension: what is compared by angles changes in the third decimal.
export function packed(vector) {
  const largest = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Uint8Array.from(vector, (value) => Math.round((value / largest) * 127) & 255).toBase64();
}

export function unpacked(text) {
  return unit(Array.from(new Int8Array(Uint8Array.fromBase64(text).buffer)));
}

export const best = (vector, others) => others.reduce((most, other) => Math.max(most, dot(vector, other)), 0);
