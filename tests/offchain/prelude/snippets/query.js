// URLSearchParams.

return [...new URLSearchParams('?a=1&b=%20+%2B&&c&=d&=&a=%zz%e9')]

return [...new URLSearchParams('??a==b=c')]

return [...new URLSearchParams({b: 1, a: [2, 3], é: null})]

return [...new URLSearchParams([['a', 1], new Set(['b', 2])])]

return [...new URLSearchParams([['a']])]

return [...new URLSearchParams(new Map([['a', 'b']]))]

return [...new URLSearchParams(new URLSearchParams('x=y'))]

return [...new URLSearchParams([1])]

return [...new URLSearchParams('a=\ud800&%F0%9F%98%80=%ff')]

return String(new URLSearchParams({'a b': "*-._~!'()é&=+%\0"}))

const q = new URLSearchParams('a=1&b=2&a=3&A=0');
q.append('c', 'x');
q.delete('a', '3');
q.set('b', 'y');
q.sort();
return [String(q), q.size, q.has('a', '1'), q.has('a', '9'), q.get('z'), q.getAll('a'), [...q.keys()], [...q.values()]]

const u = new URL('http://a/?x=1'); u.searchParams.append('é', ' '); u.searchParams.delete('x');
return [u.href, u.search]

const q = new URLSearchParams('a=1&b=2');
const seen = [];
q.forEach((v, k, all) => seen.push(k + v + (all === q)));
return seen

const q = new URLSearchParams('a=1&b=2');
const seen = [];
for (const [k] of q) { q.delete(k); seen.push(k) } return seen

return [URL.canParse('a:b'), URL.canParse('x'), URL.canParse('x', 'http://a'), JSON.stringify(new URL('http://a'))]

return [String(new URLSearchParams('a=1')[Symbol.iterator]), Object.prototype.toString.call(new URLSearchParams().entries())].at(-1)
