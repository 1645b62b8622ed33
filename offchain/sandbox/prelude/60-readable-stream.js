// ReadableStream of the Streams Standard. Algorithms work on a stream's record.
// Byte streams are read as others are: there is no reader that brings its own buffer.

provideTogether(
  ['ReadableStream', 'ReadableStreamDefaultReader', 'ReadableStreamDefaultController'],
  () => {
    const { close, fail, desired, pullIfNeeded, enqueue, finish, read, cancel } = makeReadableQueue();

    // A stream whose chunks come from functions of the prelude's own. `pull` may answer a promise.
    function make(
      { start, pull = () => {}, cancel: onCancel = () => {}, mark = 1, measure = () => 1 },
      owner = new ReadableStream(KEY),
    ) {
      const stream = recordOf(owner);
      Object.assign(stream, { state: 'readable', reader: null, queue: [], size: 0, mark, measure, error: undefined });
      Object.assign(stream, { disturbed: false, started: false, closing: false, pulling: false, again: false });
      const controller = new ReadableStreamDefaultController(KEY, stream);
      stream.pull = () => pull(controller);
      stream.cancel = onCancel;
      const started = start?.(controller);
      Promise.resolve(started).then(
        () => {
          stream.started = true;
          pullIfNeeded(stream);
        },
        (error) => fail(stream, error),
      );
      return owner;
    }

    class ReadableStreamDefaultController {
      #stream;

      constructor(key, stream) {
        illegalUnless(KEY, key);
        this.#stream = stream;
      }

      get desiredSize() {
        return desired(this.#stream);
      }

      get byobRequest() {
        return null;
      }

      close() {
        finish(this.#stream);
      }

      enqueue(chunk) {
        enqueue(this.#stream, chunk);
      }

      error(reason) {
        fail(this.#stream, reason);
      }
    }

    class ReadableStreamDefaultReader {
      #stream;
      #record;

      constructor(stream) {
        const record = recordOf(stream);
        if (record.reader !== null) throw new TypeError('ReadableStream is locked');
        const closed = Promise.withResolvers();
        quiet(closed.promise);
        this.#stream = record;
        this.#record = record.reader = { requests: [], closed };
        if (record.state === 'closed') closed.resolve();
        if (record.state === 'errored') closed.reject(record.error);
      }

      get closed() {
        return this.#record.closed.promise;
      }

      read() {
        return this.#stream ? read(this.#stream) : Promise.reject(new TypeError('the reader was released'));
      }

      cancel(reason) {
        return this.#stream ? cancel(this.#stream, reason) : Promise.reject(new TypeError('the reader was released'));
      }

      releaseLock() {
        const stream = this.#stream;
        if (stream === undefined) return;
        const error = new TypeError('the reader was released');
        for (const request of this.#record.requests.splice(0)) request.reject(error);
        if (stream.state === 'readable') this.#record.closed.reject(error);
        else {
          this.#record = { requests: [], closed: { promise: Promise.reject(error) } };
          quiet(this.#record.closed.promise);
        }
        stream.reader = null;
        this.#stream = undefined;
      }
    }

    function tee(owner) {
      const reader = owner.getReader();
      let reading = false;
      let again = false;
      const branches = [];
      const cancelled = [false, false];
      const reasons = [];
      const whole = Promise.withResolvers();
      const pull = () => {
        if (reading) {
          again = true;
          return;
        }
        reading = true;
        reader.read().then(
          ({ value, done }) => {
            reading = false;
            branches.forEach((branch, i) => {
              if (cancelled[i]) return;
              if (done) finish(recordOf(branch));
              else enqueue(recordOf(branch), value);
            });
            if (done) whole.resolve();
            else if (again) {
              again = false;
              pull();
            }
          },
          () => {
            reading = false;
          },
        );
      };
      const cancelOf = (i) => (reason) => {
        cancelled[i] = true;
        reasons[i] = reason;
        if (cancelled[1 - i]) reader.cancel(reasons).then(whole.resolve, whole.reject);
        return whole.promise;
      };
      for (const i of [0, 1]) branches.push(make({ pull, cancel: cancelOf(i) }));
      reader.closed.catch((error) => {
        for (const branch of branches) fail(recordOf(branch), error);
        if (!cancelled[0] || !cancelled[1]) whole.resolve();
      });
      return branches;
    }

    class ReadableStream {
      #record = {};

      constructor(source, strategy) {
        if (source === KEY) return;
        source = source === undefined ? {} : Object(source);
        const type = source.type === undefined ? undefined : String(source.type);
        if (type !== undefined && type !== 'bytes') throw new TypeError(`a stream of type ${type} is not known`);
        const mark = markOf(strategy, type === 'bytes' ? 0 : 1);
        const measure = strategy?.size === undefined || type === 'bytes' ? () => 1 : (chunk) => strategy.size(chunk);
        const [start, pull, onCancel] = ['start', 'pull', 'cancel'].map((name) => functionOf(source, name));
        make({ start, pull, cancel: onCancel, mark, measure }, this);
      }

      static from(items) {
        if (items === null || items === undefined) throw new TypeError('ReadableStream.from takes an iterable');
        const method = items[Symbol.asyncIterator] ?? items[Symbol.iterator];
        if (typeof method !== 'function') throw new TypeError('ReadableStream.from takes an iterable');
        const iterator = method.call(items);
        return make({
          mark: 0,
          async pull(controller) {
            const { value, done } = await iterator.next();
            if (done) controller.close();
            else controller.enqueue(await value);
          },
          cancel: async (reason) => void (await iterator.return?.(reason)),
        });
      }

      get locked() {
        return this.#record.reader !== null;
      }

      cancel(reason) {
        if (this.locked) return Promise.reject(new TypeError('ReadableStream is locked'));
        return cancel(this.#record, reason);
      }

      getReader(options) {
        if (options?.mode !== undefined) throw new TypeError(`there is no reader of mode '${options.mode}'`);
        return new ReadableStreamDefaultReader(this);
      }

      tee() {
        return tee(this);
      }

      pipeThrough(pair, options) {
        if (!pair?.readable || !pair?.writable) throw new TypeError('pipeThrough takes {readable, writable}');
        if (this.locked || pair.writable.locked) throw new TypeError("a locked stream can't be piped");
        quiet(this.pipeTo(pair.writable, options));
        return pair.readable;
      }

      async pipeTo(target, options) {
        const { preventClose, preventAbort, preventCancel, signal } = options ?? {};
        if (this.locked || target.locked) throw new TypeError("a locked stream can't be piped");
        const reader = this.getReader();
        const writer = target.getWriter();
        let stop;
        const stopped = new Promise((_, reject) => {
          stop = () => reject({ aborted: signal.reason });
        });
        quiet(stopped);
        if (signal?.aborted) stop();
        else if (signal) onAbort(signal, stop);
        const lost = writer.closed.then(
          () => Promise.reject({ closed: new TypeError('the stream that is piped to was closed') }),
          (error) => Promise.reject({ written: error }),
        );
        quiet(lost);
        let last = Promise.resolve();
        try {
          for (;;) {
            await Promise.race([writer.ready.catch(() => lost), stopped, lost]);
            const { value, done } = await Promise.race([
              reader.read().catch((error) => Promise.reject({ read: error })),
              stopped,
              lost,
            ]);
            if (done) break;
            last = writer.write(value);
            quiet(last);
          }
          await last.catch((error) => Promise.reject({ written: error }));
          if (!preventClose) await writer.close();
        } catch (ended) {
          if ('read' in ended) {
            await last.catch(() => {});
            if (!preventAbort) await writer.abort(ended.read).catch(() => {});
            throw ended.read;
          }
          if ('aborted' in ended) {
            const ends = [];
            if (!preventAbort) ends.push(writer.abort(ended.aborted));
            if (!preventCancel) ends.push(reader.cancel(ended.aborted));
            await Promise.allSettled(ends);
            throw ended.aborted;
          }
          const error = ended.written ?? ended.closed ?? ended;
          if (!preventCancel) await reader.cancel(error).catch(() => {});
          throw error;
        } finally {
          if (signal) offAbort(signal, stop);
          reader.releaseLock();
          writer.releaseLock();
        }
      }

      values(options) {
        const reader = this.getReader();
        const preventCancel = Boolean(options?.preventCancel);
        let ended = false;
        return {
          async next() {
            if (ended) return { value: undefined, done: true };
            try {
              const result = await reader.read();
              if (result.done) {
                ended = true;
                reader.releaseLock();
              }
              return result;
            } catch (error) {
              ended = true;
              reader.releaseLock();
              throw error;
            }
          },
          async return(value) {
            if (!ended) {
              ended = true;
              const cancelled = preventCancel ? undefined : reader.cancel(value);
              reader.releaseLock();
              await cancelled;
            }
            return { value, done: true };
          },
          __proto__: AsyncIteratorPrototype,
        };
      }

      static {
        recordOf = (stream) => stream.#record;
      }
    }
    var recordOf;
    const AsyncIteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})()).__proto__);
    Object.defineProperty(ReadableStream.prototype, Symbol.asyncIterator, {
      value: ReadableStream.prototype.values,
      writable: true,
      configurable: true,
    });

    for (const constructor of [ReadableStream, ReadableStreamDefaultReader, ReadableStreamDefaultController])
      tag(constructor);
    const makeReadable = (options) => make(options);
    const isDisturbed = (owner) => recordOf(owner).disturbed;
    return { ReadableStream, ReadableStreamDefaultReader, ReadableStreamDefaultController, makeReadable, isDisturbed };
  },
  ['makeReadable', 'isDisturbed'],
);
