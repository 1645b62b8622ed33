// Which globals there are.

return ['TextEncoder', 'URL', 'URLSearchParams', 'Headers', 'Request', 'Response', 'FormData', 'Blob', 'fetch', 'ReadableStream', 'WritableStream',
'TransformStream', 'AbortController', 'AbortSignal', 'Event', 'EventTarget', 'structuredClone', 'atob', 'btoa', 'setTimeout', 'setInterval', 'queueMicrotask',
'console', 'performance', 'crypto', 'process', 'global', 'DOMException'].map(name => [name, typeof globalThis[name], Object.keys(globalThis).includes(name) && name !== 'global' ? 1 : 0].slice(0, 2))

return typeof performance.now() + (performance.timeOrigin > 0) + (performance.now() >= 0)

return Object.keys(console).filter(name => ['log', 'info', 'debug', 'warn', 'error', 'trace', 'table', 'dir', 'assert', 'count', 'countReset', 'group', 'groupEnd', 'groupCollapsed', 'time', 'timeEnd', 'timeLog', 'dirxml'].includes(name)).sort()

return [Response.name, Response.length, URL.length, TextDecoder.name, Object.keys(URL.prototype).sort().join()].join()
