// fetch of the Fetch Standard, on what the host brings from outside.

// Answers to asks, by id.
const pending = new Map();

function begin(op, head, body) {
  runOrigin();
  return host.ask(op, JSON.stringify(head), body);
}

// A promise of {head, body}; rejects with the error that the world answered.
async function ask(op, head, body) {
  return answerTo(begin(op, head, body));
}

function answerTo(id) {
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject });
  });
}

function settle(id, ok, head, body) {
  const asked = pending.get(id);
  if (asked === undefined) return;
  pending.delete(id);
  if (ok) asked.resolve({ head: JSON.parse(head), body });
  else asked.reject(new Error(JSON.parse(head).error));
}

// A failure of fetch as Node shows it, with the reason in its message too.
function fetchFailed(error) {
  return new TypeError(`fetch failed: ${error.message}`, { cause: error });
}

// The stream of a body that is read part by part.
function incoming(stream, signal) {
  let open = true;
  return use.makeReadable({
    start(controller) {
      if (signal) {
        onAbort(signal, (reason) => {
          if (!open) return;
          open = false;
          quiet(ask('cancel', { stream }));
          controller.error(reason);
        });
      }
    },
    async pull(controller) {
      let answer;
      try {
        answer = await ask('read', { stream });
      } catch (error) {
        if (open) controller.error(new TypeError(`terminated: ${error.message}`, { cause: error }));
        open = false;
        return;
      }
      if (!open) return;
      if (answer.body.length > 0) controller.enqueue(answer.body);
      if (answer.head.done) {
        open = false;
        controller.close();
      }
    },
    async cancel() {
      open = false;
      await ask('cancel', { stream });
    },
    mark: 0,
  });
}

// `data:` URLs carry their answer with them.
function dataResponse(url) {
  const found = /^data:([^,]*?)(;\s*base64)?\s*,([^]*)$/i.exec(url.replace(/#.*$/s, ''));
  if (found === null) throw new TypeError('fetch failed: the data URL has no comma');
  let bytes = bytesOfBinary(unescape(found[3]));
  if (found[2]) {
    try {
      bytes = bytesOfBinary(atob(binaryOf(bytes)));
    } catch {
      throw new TypeError('fetch failed: the data URL is not base64');
    }
  }
  const type = found[1].startsWith(';') ? `text/plain${found[1]}` : found[1] || 'text/plain;charset=US-ASCII';
  return use.receive(200, 'OK', [['content-type', type]], { bytes }, { type: 'basic', url });
}

define('fetch', async function fetch(input, init = undefined) {
  needs(arguments.length, 1, 'fetch');
  const request = new use.Request(input, init);
  const signal = use.signalOf(request);
  signal?.throwIfAborted();
  const url = use.parseUrl(request.url);
  if (url.scheme === 'data') return dataResponse(url.href);
  if (url.scheme !== 'http' && url.scheme !== 'https')
    throw new TypeError(`fetch failed: unknown scheme ${url.scheme}`);
  const content = await use.contentOf(request);
  const body = content.bytes ?? utf8(content.text);
  signal?.throwIfAborted();
  const headers = [...request.headers];
  if (!request.headers.has('accept')) headers.push(['accept', '*/*']);
  const asked = Promise.withResolvers();
  let id;
  try {
    id = begin('fetch', { method: request.method, url: url.bare, headers, redirect: request.redirect }, body);
  } catch (error) {
    throw fetchFailed(error);
  }
  const stop = (reason) => {
    quiet(ask('cancel', { fetch: id }));
    asked.reject(reason);
  };
  if (signal) onAbort(signal, stop);
  answerTo(id).then(asked.resolve, (error) => asked.reject(fetchFailed(error)));
  let answer;
  try {
    answer = await asked.promise;
  } finally {
    if (signal) offAbort(signal, stop);
  }
  const { head } = answer;
  const bodiless = request.method === 'HEAD' || [101, 103, 204, 205, 304].includes(head.status);
  const whole = bodiless
    ? null
    : head.stream === null
      ? { bytes: answer.body }
      : { stream: incoming(head.stream, signal) };
  return use.receive(head.status, head.status_text, head.headers, whole, {
    type: 'basic',
    url: use.parseUrl(head.url)?.bare ?? head.url,
    redirected: head.redirected,
  });
});
