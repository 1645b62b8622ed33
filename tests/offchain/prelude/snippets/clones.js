// structuredClone.

return structuredClone({a: [1, , 3], b: undefined, c: null, d: -0, e: NaN, f: 10n})

return structuredClone(new Map([[{a: 1}, new Set(['x'])]]))

return structuredClone([new Date(5), /a+/giu, new Number(1), Object('s'), true])

return structuredClone(new TypeError('t', {cause: 'c'}))

return structuredClone(Object.assign(new Error('own'), {name: 'Mine', extra: 1}))

return structuredClone(new Float64Array([1.5, NaN]))

return structuredClone(new BigInt64Array(2))

return structuredClone(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))

return structuredClone(new class Foo { a = 1; get b() { return 2 } })

return structuredClone(Object.create({inherited: 1}, {own: {value: 2, enumerable: true}, hidden: {value: 3}}))

return structuredClone({get a() { return 5 }})

return structuredClone({f() {}})

return structuredClone(Symbol('x'))

return structuredClone([() => 1])

return structuredClone(new WeakMap())

return structuredClone(Promise.resolve())

const a = {}; a.self = a; const b = structuredClone(a); return [b === a, b.self === b]

const shared = {x: 1}; const [a, b] = structuredClone([shared, shared]); return a === b

const buffer = new Uint8Array([1, 2]).buffer;
const copy = structuredClone({buffer, view: new Uint8Array(buffer)}, {transfer: [buffer]});
return [buffer.byteLength, copy.view, copy.view.buffer === copy.buffer]

const e = structuredClone(new RangeError('r')); return [e instanceof RangeError, Object.keys(e), e.message]

structuredClone()

const view = new Uint16Array([1, 2, 3]);
const c = structuredClone([view, view.buffer]);
return [c[0].buffer === c[1], c[0].length]

const b = structuredClone(new Blob(['x'])); return b.text()
