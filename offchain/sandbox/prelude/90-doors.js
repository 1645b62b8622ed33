// The host's doors: see host_calls.py. How a program's answer becomes bytes is in here too.

let output; // what finish() answers, once it is settled
let failure;
let answering; // the value whose promise or response is waited for

function prepare(logBytes, ...words) {
  seed(words);
  return openLog(logBytes);
}

function start(input, hasWorld, ...words) {
  seed(words);
  origin = undefined;
  streaming = hasWorld;
  told = input;
  globalThis.scriptArgs = [input];
}

let streaming = false; // whether parts of an answer can go out before the end of the run

// A handler program's answer.
function handle() {
  const agent = exported(globalThis.agent);
  if (agent === undefined)
    throw new TypeError('globalThis.agent is neither a function nor an object with a method fetch');
  globalThis.scriptOutput = agent();
}

// Of a function that takes the request's JSON, or of a `fetch` that takes a Request; undefined of anything else.
function exported(found) {
  const agent = found?.default ?? found;
  const input = globalThis.scriptArgs[0];
  if (typeof agent === 'function') return () => agent(input);
  if (typeof agent?.fetch === 'function') return () => agent.fetch(requestOf(input), {}, handlerContext());
  return undefined;
}

// A script that left a function in `module.exports`, as bundles of `@phala/wapo-env/guest` do: it is called, and what it
// gives is the output, unless that is undefined: then it has set `scriptOutput` itself.
function enter() {
  const entry = Object.hasOwn(globalThis, 'module') ? exported(globalThis.module?.exports) : undefined;
  if (entry === undefined) return;
  entering = true;
  (async () => {
    try {
      const value = await entry();
      if (value !== undefined) globalThis.scriptOutput = value;
    } catch (reason) {
      failure ??= { reason };
    }
    entering = false;
  })();
}
let entered = false;
let entering = false;

// The request's JSON as a Request. See the contract of scripts for its members.
function requestOf(input) {
  let given;
  try {
    given = JSON.parse(input);
  } catch {
    throw new TypeError('the input is no request: it is not JSON');
  }
  const { method = 'GET', url, headers, body, bodyBase64 } = given;
  const bodiless = method === 'GET' || method === 'HEAD';
  const content = bodiless ? undefined : bodyBase64 !== undefined ? Uint8Array.fromBase64(bodyBase64) : body;
  const there = `http://localhost${given.path ?? '/'}${given.query ? `?${given.query}` : ''}`;
  return new use.Request(url ?? there, { method, headers, body: content });
}

function handlerContext() {
  return { waitUntil() {}, passThroughOnException() {} };
}

// The rest of what a program's value is: a Response, or anything else as it is.
async function settled(value) {
  const found = await value;
  if (!(found instanceof use.Response)) return found;
  const headers = [...found.headers];
  if (streaming && use.isStreamed(found)) {
    await ask('emit', { status: found.status, headers });
    for await (const chunk of found.body) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('a body is a stream of Uint8Arrays');
      if (chunk.length > 0) await ask('emit', { chunk: true }, chunk);
    }
    await ask('emit', { end: true });
    return '';
  }
  const { bytes, text } = await use.contentOf(found);
  const byName = {};
  for (const [name, part] of headers) byName[name] = Object.hasOwn(byName, name) ? [byName[name], part].flat() : part;
  const body = text ?? wellFormedText(bytes);
  if (body !== null) return JSON.stringify({ status: found.status, headers: byName, body });
  return messagePack({ status: found.status, headers: byName, body: bytes });
}

// MessagePack of what an answer is made of: maps, lists, texts, bytes and small numbers.
function messagePack(value) {
  const out = [];
  const head = (small, length, ...wide) => {
    if (small !== null && length <= small[1]) return out.push(Uint8Array.of(small[0] | length));
    for (const [size, code] of wide) {
      if (length >= 256 ** size) continue;
      const bytes = new Uint8Array(1 + size);
      bytes[0] = code;
      for (let i = size, rest = length; i > 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
      return out.push(bytes);
    }
  };
  const write = (part) => {
    if (typeof part === 'number') head([0, 127], part, [2, 0xcd]);
    else if (typeof part === 'string') {
      const bytes = utf8(part);
      head([0xa0, 31], bytes.length, [1, 0xd9], [2, 0xda], [4, 0xdb]);
      out.push(bytes);
    } else if (part instanceof Uint8Array) {
      head(null, part.length, [1, 0xc4], [2, 0xc5], [4, 0xc6]);
      out.push(part);
    } else if (Array.isArray(part)) {
      head([0x90, 15], part.length, [2, 0xdc]);
      part.forEach(write);
    } else {
      const entries = Object.entries(part);
      head([0x80, 15], entries.length, [2, 0xde]);
      entries.flat(1).forEach(write);
    }
  };
  write(value);
  return joined(out);
}

function due() {
  return nextDue(pending.size > 0) ?? Infinity;
}

function tick() {
  fireTimer();
}

function finish() {
  if (failure) throw failure.reason;
  if (output !== undefined) return output.value;
  if (!entered) {
    entered = true;
    if (globalThis.agent === undefined) enter();
  }
  if (entering) return undefined;
  const found = globalThis.scriptOutput;
  const thenable = typeof found === 'object' && found !== null && (found instanceof Promise || isResponse(found));
  if (!thenable) return found;
  if (answering !== found) {
    answering = found;
    settled(found).then(
      (value) => {
        if (answering === found) output = { value };
      },
      (reason) => {
        failure = { reason };
      },
    );
  }
  return undefined;
}

// Whether a value is a Response, without making the class where no script has.
function isResponse(value) {
  return Object.prototype.toString.call(value) === '[object Response]' && value instanceof use.Response;
}

// One line for what was thrown, and where. The whole stack goes to the log.
function describe(thrown) {
  try {
    if (!Error.isError(thrown))
      return `thrown: ${typeof thrown === 'string' ? thrown : inspect(thrown)}`.slice(0, 1000);
    const line = String(thrown).slice(0, 800);
    const trace = String(thrown.stack).trimEnd();
    log(`${line}\n${trace}`.trimEnd());
    return `${line} ${trace.split('\n', 1)[0].trim().slice(0, 200)}`.trimEnd();
  } catch {
    return 'thrown: a value that throws when it is shown';
  }
}

function stack(thrown) {
  return Error.isError(thrown) ? `${thrown}\n${thrown.stack}`.trimEnd() : '';
}

function typeName(value) {
  if (value === null) return 'null';
  if (value instanceof Promise) return 'a Promise';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

// What most programs use is made before any of them runs: it costs each of them less to copy than to make.
for (const name of [
  'console',
  'TextEncoder',
  'TextDecoder',
  'URL',
  'URLSearchParams',
  'Headers',
  'Request',
  'Response',
  'AbortController',
  'crypto',
  'Wapo',
]) {
  void use[name];
}

return { prepare, start, handle, settle, due, tick, finish, describe, stack, typeName };
