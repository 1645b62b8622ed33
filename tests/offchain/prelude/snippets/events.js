// Events, abort signals and timers.

const seen = [];
const t = new EventTarget();
t.addEventListener('x', e => seen.push(e.type, e.target === t, e.eventPhase), {once: true});
t.dispatchEvent(new Event('x'));
t.dispatchEvent(new Event('x'));
return seen

const t = new EventTarget();
t.addEventListener('x', e => e.preventDefault());
return [t.dispatchEvent(new Event('x', {cancelable: true})), t.dispatchEvent(new Event('x'))]

const seen = [];
const t = new EventTarget();
const f = {handleEvent(e) { seen.push(e.detail) }};
t.addEventListener('x', f);
t.addEventListener('x', f);
t.dispatchEvent(new CustomEvent('x', {detail: 3}));
t.removeEventListener('x', f);
t.dispatchEvent(new CustomEvent('x'));
return seen

const seen = [];
const t = new EventTarget();
t.addEventListener('x', e => { seen.push(1); e.stopImmediatePropagation() });
t.addEventListener('x', () => seen.push(2));
t.dispatchEvent(new Event('x'));
return seen

new EventTarget().dispatchEvent({type: 'x'})

const c = new AbortController();
const seen = [];
c.signal.onabort = () => seen.push('on');
c.signal.addEventListener('abort', e => seen.push(e.type));
c.abort();
c.abort();
return [seen, c.signal.aborted, c.signal.reason.name, c.signal.reason.code]

const c = new AbortController(); c.abort('why'); c.signal.throwIfAborted()

const c = new AbortController();
const any = AbortSignal.any([c.signal, new AbortController().signal]);
c.abort(7);
return [any.aborted, any.reason]

return AbortSignal.abort('r').reason

const s = AbortSignal.timeout(5);
setTimeout(() => {}, 20);
await new Promise(r => s.addEventListener('abort', r));
return [s.aborted, s.reason.name]

new AbortSignal()

const c = new AbortController();
const t = new EventTarget();
let n = 0;
t.addEventListener('x', () => n++, {signal: c.signal});
t.dispatchEvent(new Event('x'));
c.abort();
t.dispatchEvent(new Event('x'));
return n

const seen = [];
let left = 2;
setTimeout(() => seen.push('t2'), 150);
setTimeout((...a) => seen.push(...a), 5, 'a', 'b');
const i = setInterval(() => { seen.push('i'); if (--left === 0) clearInterval(i) }, 30);
const z = setTimeout(() => seen.push('never'), 1); clearTimeout(z); queueMicrotask(() => seen.push('m'));
await new Promise(r => setTimeout(r, 200));
return seen

const seen = []; setImmediate(() => seen.push('i')); Promise.resolve().then(() => seen.push('p'));
await new Promise(r => setTimeout(r, 5));
return seen

setTimeout('1')

const t = setTimeout(() => {}, 1); clearTimeout(+t); return typeof t.unref
