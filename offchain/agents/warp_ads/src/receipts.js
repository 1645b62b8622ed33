// Receipts of this agent's answers, as `GET /receipts/ID` of a gateway gives them: what a worker signed, checked.
import { BadInput, list, object, string } from '../../parts/reading.js';

const TAG = new TextEncoder().encode('fathom/receipt');
const VERSION = 1;

const hex = (value, field, size) => {
  if (typeof value !== 'string' || !new RegExp(`^0x[0-9a-f]{${size * 2}}$`).test(value)) {
    throw new BadInput(field, `must be ${size} bytes in hex`);
  }
  return Uint8Array.fromHex(value.slice(2));
};

function little(value, size, field) {
  let rest;
  try {
    rest = BigInt(value);
  } catch {
    throw new BadInput(field, 'must be a number');
  }
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++, rest >>= 8n) bytes[i] = Number(rest & 255n);
  if (rest !== 0n) throw new BadInput(field, `has more than ${size} bytes`);
  return bytes;
}

function compact(length) {
  if (length < 1 << 6) return Uint8Array.of(length << 2);
  if (length < 1 << 14) return little((length << 2) | 1, 2);
  return little(length * 4 + 2, 4);
}

const sized = (bytes) => Wapo.concatU8a([compact(bytes.length), bytes]);
const text = (value, field) => sized(new TextEncoder().encode(typeof value === 'string' ? value : string(value, field)));

function headers(value, field) {
  const pairs = list(value, field, 128).map(([name, said]) => Wapo.concatU8a([text(name, field), text(said, field)]));
  return Wapo.concatU8a([compact(pairs.length), ...pairs]);
}

function body(value, field) {
  try {
    return Uint8Array.fromBase64(value);
  } catch {
    throw new BadInput(field, 'must be base64');
  }
}

const hashOf = (parts) => `0x${Wapo.hash('blake2b256', Wapo.concatU8a(parts)).toHex()}`;

// {worker, code, path, method, answer}: what a receipt of `agent` on the chain of `genesis` shows, once the hashes of
// request and response and the signature hold. Whether the worker is one, and the code the agent's, is for the caller.
export async function opened(file, field, genesis, agent) {
  object(file, field);
  const request = object(file.request, `${field}.request`);
  const response = object(file.response, `${field}.response`);
  const asked = hashOf([
    text(request.method, `${field}.request.method`),
    text(request.path, `${field}.request.path`),
    text(request.query ?? '', `${field}.request.query`),
    headers(request.headers, `${field}.request.headers`),
    sized(body(request.body, `${field}.request.body`)),
  ]);
  const said = body(response.body, `${field}.response.body`);
  const shown = [little(response.status, 2, `${field}.response.status`), headers(response.headers, field), sized(said)];
  if (file.request_hash !== asked) throw new BadInput(`${field}.request`, 'is not what the receipt is of');
  if (file.response_hash !== hashOf(shown)) throw new BadInput(`${field}.response`, 'is not what the receipt is of');
  if (String(file.agent) !== String(agent)) throw new BadInput(`${field}.agent`, 'is another agent');
  const block = object(file.block, `${field}.block`);
  const signed = Wapo.concatU8a([
    TAG,
    Uint8Array.of(VERSION),
    genesis,
    little(file.agent, 8, `${field}.agent`),
    ...['code', 'request_hash', 'response_hash', 'transcript_root'].map((name) => hex(file[name], `${field}.${name}`, 32)),
    little(file.gas, 8, `${field}.gas`),
    hex(file.runtime_id, `${field}.runtime_id`, 32),
    little(file.sequence, 8, `${field}.sequence`),
    little(block.number, 4, `${field}.block.number`),
    hex(block.hash, `${field}.block.hash`, 32),
    little(file.charge, 16, `${field}.charge`),
  ]);
  const worker = hex(file.worker, `${field}.worker`, 32);
  const key = await crypto.subtle.importKey('raw', worker, 'Ed25519', false, ['verify']);
  const holds = await crypto.subtle.verify('Ed25519', key, hex(file.signature, `${field}.signature`, 64), signed);
  if (!holds) throw new BadInput(`${field}.signature`, "is not the worker's over this");
  const answer = JSON.parse(new TextDecoder().decode(said));
  return { worker, code: file.code, method: request.method, path: request.path, status: response.status, answer };
}
