// Headers.

return [...new Headers({'X-B': ' 1 ', a: 'é', A: '2'})]

return [...new Headers([['b', '1'], ['a', '2'], ['B', '3']])]

const h = new Headers();
h.append('Set-Cookie', 'a=1');
h.append('set-cookie', 'b=2');
h.append('x', 'y');
return [[...h], h.getSetCookie(), h.get('set-cookie')]

const h = new Headers({a: '1'});
h.set('A', '2');
h.append('a', '3');
h.delete('B');
return [h.get('a'), h.has('A'), h.get('z'), [...h.keys()]]

new Headers({'a b': '1'})

new Headers({a: '€'})

new Headers({a: '1\n2'})

new Headers([['a']])

new Headers(null)

new Headers('a')

return [...new Headers(new Headers({a: 'b'}))]

return Object.prototype.toString.call(new Headers())
