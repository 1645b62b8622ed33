// The state of a ReadableStream and what happens to it, for streams without bytes of their own: a queue, and who waits.

const makeReadableQueue = () => {
  function close(stream) {
    stream.state = 'closed';
    const reader = stream.reader;
    if (reader === null) return;
    for (const request of reader.requests.splice(0)) request.resolve({ value: undefined, done: true });
    reader.closed.resolve();
  }

  function fail(stream, error) {
    if (stream.state !== 'readable') return;
    stream.state = 'errored';
    stream.error = error;
    clear(stream);
    const reader = stream.reader;
    if (reader === null) return;
    for (const request of reader.requests.splice(0)) request.reject(error);
    quiet(reader.closed.promise);
    reader.closed.reject(error);
  }

  function clear(stream) {
    stream.queue = [];
    stream.size = 0;
    stream.pull = stream.cancel = undefined;
  }

  function desired(stream) {
    return stream.state === 'errored' ? null : stream.state === 'closed' ? 0 : stream.mark - stream.size;
  }

  function open(stream) {
    return stream.state === 'readable' && !stream.closing;
  }

  function wantsPull(stream) {
    return open(stream) && stream.started && ((stream.reader?.requests.length ?? 0) > 0 || desired(stream) > 0);
  }

  function pullIfNeeded(stream) {
    if (!wantsPull(stream)) return;
    if (stream.pulling) {
      stream.again = true;
      return;
    }
    stream.pulling = true;
    attempt(stream.pull).then(
      () => {
        stream.pulling = false;
        if (!stream.again) return;
        stream.again = false;
        pullIfNeeded(stream);
      },
      (error) => fail(stream, error),
    );
  }

  function enqueue(stream, chunk) {
    if (!open(stream)) throw new TypeError('the stream takes no more chunks: it is closed or has failed');
    if (stream.reader?.requests.length > 0) stream.reader.requests.shift().resolve({ value: chunk, done: false });
    else {
      let size;
      try {
        size = Number(stream.measure(chunk));
        if (!(size >= 0) || size === Infinity) throw new RangeError(`a chunk's size is ${size}`);
      } catch (error) {
        fail(stream, error);
        throw error;
      }
      stream.queue.push({ chunk, size });
      stream.size += size;
    }
    pullIfNeeded(stream);
  }

  function finish(stream) {
    if (!open(stream)) throw new TypeError('the stream is closed already, or has failed');
    stream.closing = true;
    if (stream.queue.length === 0) {
      clear(stream);
      close(stream);
    }
  }

  function read(stream) {
    stream.disturbed = true;
    if (stream.state === 'closed') return Promise.resolve({ value: undefined, done: true });
    if (stream.state === 'errored') return Promise.reject(stream.error);
    if (stream.queue.length > 0) {
      const { chunk, size } = stream.queue.shift();
      stream.size = Math.max(0, stream.size - size);
      if (stream.closing && stream.queue.length === 0) {
        clear(stream);
        close(stream);
      } else pullIfNeeded(stream);
      return Promise.resolve({ value: chunk, done: false });
    }
    const request = Promise.withResolvers();
    stream.reader.requests.push(request);
    pullIfNeeded(stream);
    return request.promise;
  }

  function cancel(stream, reason) {
    stream.disturbed = true;
    if (stream.state === 'closed') return Promise.resolve();
    if (stream.state === 'errored') return Promise.reject(stream.error);
    const algorithm = stream.cancel;
    close(stream);
    clear(stream);
    return attempt(() => algorithm(reason)).then(() => undefined);
  }

  return { close, fail, desired, pullIfNeeded, enqueue, finish, read, cancel };
};
