// Streams.

const all = []; for await (const x of ReadableStream.from([1, Promise.resolve(2)])) all.push(x); return all

const s = new ReadableStream({start(c) { c.enqueue(1);
c.enqueue(2);
c.close() }});
const r = s.getReader();
return [s.locked, await r.read(), await r.read(), await r.read(), await r.closed]

const s = new ReadableStream({pull(c) { c.error(new RangeError('x')) }}); return s.getReader().read()

let n = 0;
const s = new ReadableStream({pull(c) { c.enqueue(++n) }}, {highWaterMark: 3});
await new Promise(r => setTimeout(r, 5));
return n

let why; const s = new ReadableStream({cancel(r) { why = r }}); await s.cancel('stop'); return why

const s = new ReadableStream(); s.getReader(); s.getReader()

const s = new ReadableStream({start(c) { c.enqueue('a');
c.close() }});
const r = s.getReader(); r.releaseLock();
return r.read()

const [a, b] = ReadableStream.from('abc').tee();
const read = async s => { const all = [];
for await (const x of s) all.push(x);
return all };
return [await read(a), await read(b)]

const s = ReadableStream.from([1, 2, 3]); for await (const x of s) { if (x === 2) break } return s.locked

const seen = [];
await ReadableStream.from([1, 2]).pipeTo(new WritableStream({write(x) { seen.push(x) }, close() { seen.push('end') }}));
return seen

const seen = []; await ReadableStream.from([1, 2]).pipeTo(new WritableStream({write() { throw new TypeError('w') }}))

const bad = new ReadableStream({start(c) { c.error(new RangeError('r')) }});
let why;
try { await bad.pipeTo(new WritableStream({abort(e) { why = e.name }})) } catch (e) { return [e.name, why] }

const c = new AbortController();
const p = new ReadableStream().pipeTo(new WritableStream(), {signal: c.signal});
c.abort();
return p

const t = new TransformStream({transform(x, c) { c.enqueue(x);
c.enqueue(x * 10) }, flush(c) { c.enqueue('end') }});
const all = [];
for await (const x of ReadableStream.from([1, 2]).pipeThrough(t)) all.push(x);
return all

const t = new TransformStream({transform(x, c) { c.terminate() }});
const all = [];
try { for await (const x of ReadableStream.from([1, 2]).pipeThrough(t)) all.push(x) } catch (e) { all.push(e.name) } return all

const t = new TransformStream({transform() { throw new RangeError('t') }});
const all = [];
try { for await (const x of ReadableStream.from([1]).pipeThrough(t)) all.push(x) } catch (e) { all.push(e.name) } return all

const t = new TransformStream();
const w = t.writable.getWriter();
w.write('x');
w.close();
const r = t.readable.getReader();
return [await r.read(), await r.read()]

const all = [];
for await (const x of ReadableStream.from(['h\ud83d', '\ude00']).pipeThrough(new TextEncoderStream())) all.push(...x);
return all

const all = [];
for await (const x of ReadableStream.from([new Uint8Array([0xe2, 0x82]), new Uint8Array([0xac])]).pipeThrough(new TextDecoderStream())) all.push(x);
return all.join('')

const w = new WritableStream({}, {highWaterMark: 2}).getWriter();
const sizes = [w.desiredSize];
w.write(1); sizes.push(w.desiredSize);
w.write(2); sizes.push(w.desiredSize);
await w.ready; sizes.push(w.desiredSize > 0);
return sizes

let why;
const s = new WritableStream({abort(r) { why = r }});
await s.abort('no');
return [why, await s.getWriter().closed.catch(e => e)]

const w = new WritableStream({close() { throw new RangeError('c') }}).getWriter(); return w.close()

return [new CountQueuingStrategy({highWaterMark: 3}).highWaterMark, new ByteLengthQueuingStrategy({highWaterMark: 9}).size(new Uint8Array(4))]

const s = new ReadableStream({start(c) { c.enqueue(new Uint8Array(3));
c.enqueue(new Uint8Array(4)) }}, new ByteLengthQueuingStrategy({highWaterMark: 5}));
return (await s.getReader().read()).value.length

return Object.prototype.toString.call(new TransformStream())
