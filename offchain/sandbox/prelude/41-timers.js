// Timers. They fire in the order of their due times; between them the run's clock moves by asks to sleep, so where
// nothing else is awaited a timer costs no time at all.

const timers = new Map(); // by id, in order of making: {due, callback, values, every}
let lastTimer = 0;

// `keeps`: whether the run waits for it. A time limit on something else must not keep a run alive.
function addTimer(callback, delay, keeps, values = [], every = false) {
  const milliseconds = delay >= 1 && delay <= 0x7fffffff ? Math.trunc(delay) : 1;
  const id = ++lastTimer;
  runOrigin();
  timers.set(id, { due: Date.now() + milliseconds, callback, values, keeps, every: every ? milliseconds : 0 });
  return id;
}

// When the run should be woken, or undefined. Where all timers are limits on something else, only what else is awaited
// makes the run go on: `awaited` says whether anything is.
function nextDue(awaited) {
  let due;
  let kept = awaited;
  for (const timer of timers.values()) {
    if (due === undefined || timer.due < due) due = timer.due;
    kept ||= timer.keeps;
  }
  return kept ? due : undefined;
}

// Fires the first timer that is due; each is a task of its own, with the jobs it leaves done before the next.
function fireTimer() {
  const now = Date.now();
  let first;
  let firstId;
  for (const [id, timer] of timers) {
    if (timer.due <= now && (first === undefined || timer.due < first.due)) [firstId, first] = [id, timer];
  }
  if (first === undefined) return false;
  if (first.every > 0) first.due = now + first.every;
  else timers.delete(firstId);
  first.callback.apply(globalThis, first.values);
  return true;
}

function callable(callback, name) {
  if (typeof callback === 'function') return callback;
  throw new TypeError(`${name} takes a function`); // no strings: code from strings has eval
}

// What Node's timers are: an object that turns into its id, for scripts that call `unref` on it.
class Timeout {
  #id;

  constructor(id) {
    this.#id = id;
  }

  ref() {
    const timer = timers.get(this.#id);
    if (timer) timer.keeps = true;
    return this;
  }

  unref() {
    const timer = timers.get(this.#id);
    if (timer) timer.keeps = false;
    return this;
  }

  hasRef() {
    return timers.get(this.#id)?.keeps ?? false;
  }

  [Symbol.toPrimitive]() {
    return this.#id;
  }
}

define('setTimeout', function setTimeout(callback, delay, ...values) {
  return new Timeout(addTimer(callable(callback, 'setTimeout'), Number(delay), true, values));
});
define('setInterval', function setInterval(callback, delay, ...values) {
  return new Timeout(addTimer(callable(callback, 'setInterval'), Number(delay), true, values, true));
});
define('setImmediate', function setImmediate(callback, ...values) {
  const id = addTimer(callable(callback, 'setImmediate'), 1, true, values);
  timers.get(id).due = Date.now();
  return new Timeout(id);
});
function clear(timer) {
  if (timer !== undefined && timer !== null) timers.delete(Number(timer));
}
for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate']) {
  define(name, { [name]: (timer) => clear(timer) }[name]);
}
