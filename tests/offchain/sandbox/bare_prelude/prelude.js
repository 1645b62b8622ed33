// The least that the host asks of a prelude, and `host` itself in the scripts' hands.
const pending = new Map();
const timers = [];

globalThis.host = host;
globalThis.ask = (op, head = {}, body) =>
  new Promise((resolve, reject) => {
    pending.set(host.ask(op, JSON.stringify(head), body), { resolve, reject });
  });
globalThis.after = (ms, callback) => {
  timers.push({ due: Date.now() + ms, callback });
  timers.sort((one, other) => one.due - other.due);
};
globalThis.text = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
globalThis.calls = [];

function keep(value) {
  if (value instanceof Promise) value.then(keep, (reason) => (globalThis.failure = { reason }));
  else globalThis.scriptOutput = value;
}

return {
  prepare(logBytes, ...seed) {
    calls.push(['prepare', Date.now(), ...seed]);
    return new ArrayBuffer(logBytes + 8);
  },
  start(input, hasWorld, ...seed) {
    calls.push(['start', Date.now(), hasWorld, ...seed]);
    globalThis.scriptArgs = [input];
  },
  handle: () => keep(globalThis.agent(globalThis.scriptArgs[0])),
  settle(id, ok, head, body) {
    const { resolve, reject } = pending.get(id);
    if (ok) resolve({ head: JSON.parse(head), body: body.length < 1000 ? text(body) : body.length });
    else reject(new Error(JSON.parse(head).error));
  },
  due: () => timers[0]?.due ?? Infinity,
  tick: () => timers.shift().callback(),
  finish() {
    if (globalThis.failure) throw failure.reason;
    return globalThis.scriptOutput;
  },
  describe: String,
  stack: (thrown) => `${thrown}\n${thrown?.stack}`,
  typeName: (value) => typeof value,
};
