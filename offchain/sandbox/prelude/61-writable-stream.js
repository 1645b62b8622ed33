// WritableStream of the Streams Standard.

provideTogether(
  ['WritableStream', 'WritableStreamDefaultWriter', 'WritableStreamDefaultController'],
  () => {
    const CLOSE = Symbol('close');

    function pressure(stream) {
      return stream.mark - stream.size <= 0;
    }

    function desired(stream) {
      return stream.state === 'errored' || stream.state === 'erroring'
        ? null
        : stream.state === 'closed'
          ? 0
          : stream.mark - stream.size;
    }

    function updatePressure(stream) {
      const now = pressure(stream);
      if (stream.state !== 'writable' || stream.closing || now === stream.pressure) return;
      stream.pressure = now;
      const writer = stream.writer;
      if (writer === null) return;
      if (now) writer.ready = Promise.withResolvers();
      else writer.ready.resolve();
    }

    function startErroring(stream, error) {
      if (stream.state !== 'writable') return;
      stream.state = 'erroring';
      stream.error = error;
      stream.writer && rejectReady(stream.writer, error);
      if (!stream.busy && stream.started) finishErroring(stream);
    }

    function rejectReady(writer, error) {
      if (!writer.settled) writer.ready.reject(error);
      const ready = Promise.withResolvers();
      ready.reject(error);
      quiet(ready.promise);
      quiet(writer.ready.promise);
      writer.ready = ready;
    }

    function finishErroring(stream) {
      stream.state = 'errored';
      stream.controller.abort();
      for (const { promise } of stream.queue.splice(0)) promise.reject(stream.error);
      stream.size = 0;
      const rejectAll = () => {
        stream.closeRequest?.reject(stream.error);
        stream.closeRequest = null;
        stream.writer?.closed.reject(stream.error);
      };
      const abort = stream.aborting;
      stream.aborting = null;
      if (abort === null) return rejectAll();
      if (abort.wasErroring) {
        abort.promise.reject(stream.error);
        return rejectAll();
      }
      attempt(() => stream.sink.abort?.(abort.reason)).then(
        () => {
          abort.promise.resolve();
          rejectAll();
        },
        (error) => {
          abort.promise.reject(error);
          rejectAll();
        },
      );
    }

    function advance(stream) {
      if (!stream.started || stream.busy) return;
      if (stream.state === 'erroring') return finishErroring(stream);
      if (stream.state !== 'writable' || stream.queue.length === 0) return;
      const { chunk, size, promise } = stream.queue[0];
      stream.busy = true;
      if (chunk === CLOSE) {
        stream.queue.shift();
        attempt(() => stream.sink.close?.()).then(
          () => {
            stream.busy = false;
            promise.resolve();
            stream.closeRequest = null;
            if (stream.state === 'erroring') {
              stream.error = undefined;
              stream.aborting?.promise.resolve();
              stream.aborting = null;
            }
            stream.state = 'closed';
            stream.writer?.closed.resolve();
          },
          (error) => {
            stream.busy = false;
            promise.reject(error);
            stream.closeRequest = null;
            stream.aborting?.promise.reject(error);
            stream.aborting = null;
            fail(stream, error);
          },
        );
        return;
      }
      attempt(() => stream.sink.write?.(chunk, stream.controller)).then(
        () => {
          stream.busy = false;
          promise.resolve();
          if (stream.state === 'writable') {
            stream.queue.shift();
            stream.size = Math.max(0, stream.size - size);
            updatePressure(stream);
          } else {
            stream.queue.shift();
            stream.size = Math.max(0, stream.size - size);
          }
          advance(stream);
        },
        (error) => {
          stream.busy = false;
          stream.queue.shift();
          promise.reject(error);
          fail(stream, error);
        },
      );
    }

    function fail(stream, error) {
      if (stream.state === 'writable') startErroring(stream, error);
      else if (stream.state === 'erroring') finishErroring(stream);
    }

    function write(stream, chunk) {
      let size;
      try {
        size = Number(stream.measure(chunk));
        if (!(size >= 0) || size === Infinity) throw new RangeError(`a chunk's size is ${size}`);
      } catch (error) {
        fail(stream, error);
        return Promise.reject(error);
      }
      if (stream.state === 'errored' || stream.state === 'erroring') return Promise.reject(stream.error);
      if (stream.closing || stream.state === 'closed')
        return Promise.reject(new TypeError('the stream is closing or closed'));
      const promise = Promise.withResolvers();
      quiet(promise.promise);
      stream.queue.push({ chunk, size, promise });
      stream.size += size;
      updatePressure(stream);
      advance(stream);
      return promise.promise;
    }

    function close(stream) {
      if (stream.closing || stream.state === 'closed')
        return Promise.reject(new TypeError('the stream is closing or closed'));
      if (stream.state === 'errored') return Promise.reject(new TypeError('the stream has failed'));
      stream.closing = true;
      const promise = (stream.closeRequest = Promise.withResolvers());
      quiet(promise.promise);
      if (stream.writer && stream.pressure && stream.state === 'writable') stream.writer.ready.resolve();
      stream.queue.push({ chunk: CLOSE, size: 0, promise });
      advance(stream);
      return promise.promise;
    }

    function abort(stream, reason) {
      if (stream.state === 'closed' || stream.state === 'errored') return Promise.resolve();
      stream.controller.abort(reason);
      if (stream.state === 'closed' || stream.state === 'errored') return Promise.resolve();
      if (stream.aborting !== null) return stream.aborting.promise.promise;
      const wasErroring = stream.state === 'erroring';
      const promise = Promise.withResolvers();
      stream.aborting = { promise, reason: wasErroring ? undefined : reason, wasErroring };
      if (!wasErroring) startErroring(stream, reason);
      return promise.promise;
    }

    class WritableStreamDefaultController {
      #stream;
      #abort = new use.AbortController();

      constructor(key, stream) {
        illegalUnless(KEY, key);
        this.#stream = stream;
        stream.controller = { abort: (reason) => this.#abort.abort(reason), error: (reason) => this.error(reason) };
      }

      get signal() {
        return this.#abort.signal;
      }

      error(reason) {
        startErroring(this.#stream, reason);
      }
    }

    class WritableStreamDefaultWriter {
      #stream;
      #record;

      constructor(stream) {
        const record = recordOf(stream);
        if (record.writer !== null) throw new TypeError('WritableStream is locked');
        const [ready, closed] = [Promise.withResolvers(), Promise.withResolvers()];
        quiet(ready.promise);
        quiet(closed.promise);
        this.#stream = record;
        this.#record = record.writer = { ready, closed };
        if (record.state === 'errored' || record.state === 'erroring') ready.reject(record.error);
        else if (record.state === 'closed' || record.closing || !record.pressure) ready.resolve();
        if (record.state === 'closed') closed.resolve();
        if (record.state === 'errored') closed.reject(record.error);
      }

      get ready() {
        return this.#record.ready.promise;
      }

      get closed() {
        return this.#record.closed.promise;
      }

      get desiredSize() {
        if (this.#stream === undefined) throw new TypeError('the writer was released');
        return desired(this.#stream);
      }

      #held(algorithm) {
        return this.#stream ? algorithm(this.#stream) : Promise.reject(new TypeError('the writer was released'));
      }

      write(chunk) {
        return this.#held((stream) => write(stream, chunk));
      }

      close() {
        return this.#held(close);
      }

      abort(reason) {
        return this.#held((stream) => abort(stream, reason));
      }

      releaseLock() {
        if (this.#stream === undefined) return;
        const error = new TypeError('the writer was released');
        for (const name of ['ready', 'closed']) {
          this.#record[name].reject(error);
          const rejected = Promise.withResolvers();
          quiet(rejected.promise);
          rejected.reject(error);
          this.#record[name] = rejected;
        }
        this.#stream.writer = null;
        this.#stream = undefined;
      }
    }

    class WritableStream {
      #record = {};

      constructor(sink, strategy) {
        sink = sink === undefined ? {} : Object(sink);
        if (sink.type !== undefined) throw new RangeError('a sink has no type');
        const stream = this.#record;
        const mark = markOf(strategy, 1);
        const measure = strategy?.size === undefined ? () => 1 : (chunk) => strategy.size(chunk);
        const parts = {
          write: functionOf(sink, 'write'),
          close: functionOf(sink, 'close'),
          abort: functionOf(sink, 'abort'),
        };
        Object.assign(stream, {
          state: 'writable',
          writer: null,
          queue: [],
          size: 0,
          mark,
          measure,
          sink: parts,
          error: undefined,
        });
        Object.assign(stream, {
          started: false,
          busy: false,
          closing: false,
          closeRequest: null,
          aborting: null,
          pressure: mark <= 0,
        });
        const controller = new WritableStreamDefaultController(KEY, stream);
        if (parts.write)
          parts.write = (
            (inner) => (chunk) =>
              inner(chunk, controller)
          )(parts.write);
        const started = functionOf(sink, 'start')?.(controller);
        Promise.resolve(started).then(
          () => {
            stream.started = true;
            advance(stream);
          },
          (error) => {
            stream.started = true;
            fail(stream, error);
          },
        );
      }

      get locked() {
        return this.#record.writer !== null;
      }

      getWriter() {
        return new WritableStreamDefaultWriter(this);
      }

      abort(reason) {
        return this.locked ? Promise.reject(new TypeError('WritableStream is locked')) : abort(this.#record, reason);
      }

      close() {
        return this.locked ? Promise.reject(new TypeError('WritableStream is locked')) : close(this.#record);
      }

      static {
        recordOf = (stream) => stream.#record;
      }
    }
    var recordOf;
    for (const constructor of [WritableStream, WritableStreamDefaultWriter, WritableStreamDefaultController])
      tag(constructor);
    return {
      WritableStream,
      WritableStreamDefaultWriter,
      WritableStreamDefaultController,
      errorWritable: (owner, error) => fail(recordOf(owner), error),
    };
  },
  ['errorWritable'],
);
