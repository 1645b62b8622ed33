// Modules of Node that bundles `require`.

const { createHash, createHmac, randomBytes, createSecretKey, timingSafeEqual } = require('crypto'); return [createHash('sha256').update('a').update(Buffer.from('é')).digest('hex'), createHash('sha512').update('6162', 'hex').digest('base64'), createHmac('sha1', 'k').update('x').digest().length, createHmac('sha256', createSecretKey(Buffer.from('k'))).update('x').digest('base64url'), randomBytes(5).length, timingSafeEqual(Buffer.from('a'), Buffer.from('a'))]

const path = require('node:path'); return [path.join('/a', '..', 'b', './c/'), path.join(''), path.resolve('/a/b', '../c', 'd'), path.basename('/a/b.txt', '.txt'), path.dirname('/a/b/c'), path.dirname('a'), path.dirname('/a'), path.extname('a/b.tar.gz'), path.extname('.x'), path.extname('a/b'), path.normalize('a//b/../../..'), path.normalize('/../x/'), path.isAbsolute('/a')]

const url = require('url'); const u = url.parse('https://u:p@h.example:8443/p/a?x=1&y=2#f'); return [u.protocol, u.host, u.hostname, u.port, u.path, u.query, u.hash, u.auth, url.format({ protocol: 'https', hostname: 'h', port: 1, pathname: '/x', query: { a: 1 } }), url.resolve('https://h/a/b', '../c'), url.parse('/rel?q=1').pathname, url.parse('https://h/?a=1&a=2', true).query.a]

const EventEmitter = require('events'); const seen = []; class E extends EventEmitter {} const e = new E(); e.once('x', (v) => seen.push('once' + v)); e.on('x', (v) => seen.push('on' + v)); e.prependListener('x', (v) => seen.push('first' + v)); const off = () => seen.push('never'); e.on('x', off); e.off('x', off); seen.push(e.emit('x', 1), e.emit('x', 2), e.emit('y'), e.listenerCount('x')); try { e.emit('error', new Error('E')) } catch (error) { seen.push(error.message) } return seen

const { Readable, Transform, PassThrough, pipeline, Writable } = require('stream'); const parts = []; const upper = new Transform({ transform(chunk, encoding, done) { done(null, String(chunk).toUpperCase()) } }); const sink = new Writable({ write(chunk, encoding, done) { parts.push(String(chunk)); done() }, final(done) { parts.push('end'); done() } }); await new Promise((resolve, reject) => pipeline(Readable.from(['a', 'b']), upper, new PassThrough(), sink, (error) => error ? reject(error) : resolve())); return parts.join('')

const { Readable } = require('stream'); const r = new Readable({ read() {} }); r.push('ab'); r.push(Buffer.from('c')); r.push(null); let text = ''; for await (const chunk of r) text += chunk; const failing = new Readable({ read() { this.destroy(new Error('broken')) } }); try { for await (const chunk of failing) text += chunk } catch (error) { text += error.message } return text

const util = require('util'); function Old() {} util.inherits(Old, require('events')); return [await util.promisify((a, done) => done(null, a + 1))(1), util.format('%s is %d', 'x', 2), util.types.isUint8Array(Buffer.alloc(1)), util.types.isDate(new Date()), new Old() instanceof require('events'), typeof util.inspect({}), util.isDeepStrictEqual({ a: [1] }, { a: [1] })]

const { AsyncLocalStorage } = require('async_hooks'); const als = new AsyncLocalStorage(); return [als.getStore(), als.run(1, () => als.getStore()), await als.run(2, async () => { await null; return als.getStore() }), als.getStore()]

const { StringDecoder } = require('string_decoder'); const d = new StringDecoder('utf8'); const qs = require('querystring'); return [d.write(Buffer.from([0xe2, 0x82])) + d.write(Buffer.from([0xac])) + d.end(), { ...qs.parse('a=1&b=2&b=%C3%A9') }, qs.stringify({ a: [1, 'é'], b: '' }), require('os').EOL]

try { require('nothing-of-the-kind') } catch (error) { return [error.code, typeof require('buffer').Buffer, require('node:buffer') === require('buffer')] }

const { port1, port2 } = new MessageChannel(); const heard = new Promise((resolve) => { port2.onmessage = ({ data }) => resolve(data) }); port1.postMessage({ a: new Date(0) }); const got = await heard; port1.close(); port2.close(); return got
