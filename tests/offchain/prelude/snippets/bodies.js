// Request, Response, Blob, File, FormData, and of fetch what needs no network.

const r = new Response('é');
return [r.status, r.ok, r.statusText, r.type, r.url, r.redirected, r.bodyUsed, [...r.headers], await r.text(), r.bodyUsed]

const r = Response.json({a: [1]}, {status: 201, headers: {x: 'y'}}); return [r.status, [...r.headers], await r.json()]

const r = Response.redirect('http://a/b c', 307); return [r.status, [...r.headers], r.body]

const r = Response.error(); return [r.status, r.type, r.ok]

new Response('', {status: 99})

new Response('x', {status: 204})

new Response('', {statusText: 'a\nb'})

const r = new Response('x'); await r.text(); return r.text()

const r = new Response('x'); await r.text(); r.clone()

const r = new Response('x'); r.body.getReader(); return r.text()

const r = new Response('abc'); const c = r.clone(); return [await r.text(), await c.text()]

const r = new Response(new ReadableStream({start(c) { c.enqueue(new Uint8Array([97]));
c.enqueue(new Uint8Array([98]));
c.close() }}));
const c = r.clone();
return [await r.text(), await c.arrayBuffer()]

const r = new Response(new ReadableStream({start(c) { c.enqueue('text'); c.close() }})); return r.text()

const all = []; for await (const chunk of new Response('stream').body) all.push(...chunk); return all

return new Response(new Uint8Array([1, 2, 3]).subarray(1)).arrayBuffer()

return new Response('\ufeffbom').text()

return new Response('{').json()

const r = new Response(new URLSearchParams({a: 'b c'})); return [r.headers.get('content-type'), await r.text()]

const r = new Response(new Blob(['x'], {type: 'Text/Plain'}));
return [r.headers.get('content-type'), (await r.blob()).type]

const f = new FormData();
f.append('a', '1\n2');
f.append('f', new Blob(['x'], {type: 't/p'}), 'n"é.txt');
const g = await new Response(f).formData();
const file = g.get('f');
return [g.get('a'), file.name, file.type, await file.text(), [...g.keys()]]

return [...await new Response('a=1&b=%20', {headers: {'content-type': 'application/x-www-form-urlencoded'}}).formData()]

return new Response('x').formData()

const r = new Request('http://EXAMPLE/a b', {method: 'post', body: 'x', headers: {A: 'b'}});
return [r.url, r.method, [...r.headers], r.redirect, r.credentials, r.mode, await r.text()]

const r = new Request('http://a/', {method: 'patch'});
return [r.method, r.body, r.signal instanceof AbortSignal, r.signal.aborted]

new Request('/relative')

new Request('http://u:p@a/')

new Request('http://a/', {method: 'TRACE'})

new Request('http://a/', {method: 'a b'})

new Request('http://a/', {body: 'x'})

new Request('http://a/', {redirect: 'never'})

const a = new Request('http://a/', {method: 'PUT', body: 'x', headers: {b: 'c'}});
const b = new Request(a, {headers: {d: 'e'}});
return [a.bodyUsed, b.method, [...b.headers], await b.text()]

const a = new Request('http://a/', {method: 'POST', body: 'x'});
const b = a.clone();
return [await a.text(), await b.text()]

const r = await fetch('data:text/html;charset=utf-8,%3Cp%3E');
return [r.status, r.headers.get('content-type'), await r.text()]

const r = await fetch('data:;base64,AAH/'); return [r.headers.get('content-type'), await r.arrayBuffer()]

return fetch('http://a/', {signal: AbortSignal.abort()})

return fetch('nope://a/')

const b = new Blob(['ab', new Uint8Array([99]), new Blob(['d'])], {type: 'A/B'});
return [b.size, b.type, await b.text(), await b.slice(1, -1, 'x').text(), b.slice(1).type]

const f = new File(['a'], 'n', {lastModified: 5}); return [f.name, f.lastModified, f.size, f instanceof Blob]

new Blob('text')

const f = new FormData();
f.append('a', 1);
f.append('a', 2);
f.set('b', 3);
f.set('a', 4);
f.delete('zz');
return [...f]

return [Object.prototype.toString.call(new Response()), Object.getOwnPropertyNames(new Response()).length, 'text' in Response.prototype]
