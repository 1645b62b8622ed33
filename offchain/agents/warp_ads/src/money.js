// Amounts in the chain's smallest units: decimal strings in JSON, BigInt here.
import { BadInput } from '../../parts/reading.js';

export function amount(value, field, min) {
  if (typeof value !== 'string' || !/^(0|[1-9][0-9]{0,38})$/.test(value)) {
    throw new BadInput(field, 'must be a whole number of smallest units, as a string');
  }
  const found = BigInt(value);
  if (found < min) throw new BadInput(field, `must be at least ${min}`);
  return found;
}
