// TransformStream of the Streams Standard, and the transform streams of the Encoding Standard.

provideTogether(
  ['TransformStream', 'TransformStreamDefaultController', 'TextEncoderStream', 'TextDecoderStream'],
  () => {
    class TransformStreamDefaultController {
      #parts;

      constructor(key, parts) {
        illegalUnless(KEY, key);
        this.#parts = parts;
      }

      get desiredSize() {
        return this.#parts.readable().desiredSize;
      }

      enqueue(chunk) {
        this.#parts.enqueue(chunk);
      }

      error(reason) {
        this.#parts.error(reason);
      }

      terminate() {
        this.#parts.terminate();
      }
    }

    class TransformStream {
      #readable;
      #writable;

      constructor(transformer, writableStrategy, readableStrategy) {
        transformer = transformer === undefined ? {} : Object(transformer);
        const transform = functionOf(transformer, 'transform') ?? ((chunk, controller) => controller.enqueue(chunk));
        const [flush, cancel] = [functionOf(transformer, 'flush'), functionOf(transformer, 'cancel')];
        const started = Promise.withResolvers();
        let out;
        let wanted = Promise.withResolvers(); // resolves once the readable side wants more
        let backpressure = true;
        const relieve = () => {
          backpressure = false;
          wanted.resolve();
        };
        const error = (reason) => {
          out.error(reason);
          use.errorWritable(this.#writable, reason);
          relieve();
        };
        const controller = new TransformStreamDefaultController(KEY, {
          readable: () => out,
          enqueue: (chunk) => {
            // A pull, maybe at once, undoes it.
            if (!backpressure) [backpressure, wanted] = [true, Promise.withResolvers()];
            out.enqueue(chunk);
          },
          error,
          terminate: () => {
            out.close();
            use.errorWritable(this.#writable, new TypeError('the stream was terminated'));
            relieve();
          },
        });
        const measure = readableStrategy?.size === undefined ? () => 1 : (chunk) => readableStrategy.size(chunk);
        this.#readable = use.makeReadable({
          start: (made) => {
            out = made;
            return started.promise;
          },
          pull: relieve,
          cancel: async (reason) => {
            use.errorWritable(this.#writable, reason);
            relieve();
            await cancel?.(reason);
          },
          mark: markOf(readableStrategy, 0),
          measure,
        });
        this.#writable = new use.WritableStream(
          {
            start: () => started.promise,
            write: async (chunk) => {
              while (backpressure) await wanted.promise;
              try {
                await transform(chunk, controller);
              } catch (thrown) {
                error(thrown);
                throw thrown;
              }
            },
            close: async () => {
              try {
                await flush?.(controller);
              } catch (thrown) {
                error(thrown);
                throw thrown;
              }
              if (out.desiredSize !== null) {
                try {
                  out.close();
                } catch {} // terminated, or closed by flush
              }
            },
            abort: async (reason) => {
              try {
                await cancel?.(reason);
              } finally {
                out.error(reason);
              }
            },
          },
          writableStrategy,
        );
        const start = functionOf(transformer, 'start');
        started.resolve(start?.(controller));
      }

      get readable() {
        return this.#readable;
      }

      get writable() {
        return this.#writable;
      }
    }

    class TextEncoderStream {
      #lead = '';
      #stream = new TransformStream({
        transform: (chunk, controller) => {
          let text = this.#lead + String(chunk);
          this.#lead = /[\ud800-\udbff]$/.test(text) ? text.at(-1) : '';
          if (this.#lead !== '') text = text.slice(0, -1);
          if (text !== '') controller.enqueue(utf8(text));
        },
        flush: (controller) => {
          if (this.#lead !== '') controller.enqueue(utf8(this.#lead));
        },
      });

      get encoding() {
        return 'utf-8';
      }
      get readable() {
        return this.#stream.readable;
      }
      get writable() {
        return this.#stream.writable;
      }
    }

    class TextDecoderStream {
      #decoder;
      #stream = new TransformStream({
        transform: (chunk, controller) => {
          const text = this.#decoder.decode(chunk, { stream: true });
          if (text !== '') controller.enqueue(text);
        },
        flush: (controller) => {
          const text = this.#decoder.decode();
          if (text !== '') controller.enqueue(text);
        },
      });

      constructor(label, options) {
        this.#decoder = new use.TextDecoder(label, options);
      }

      get encoding() {
        return this.#decoder.encoding;
      }
      get fatal() {
        return this.#decoder.fatal;
      }
      get ignoreBOM() {
        return this.#decoder.ignoreBOM;
      }
      get readable() {
        return this.#stream.readable;
      }
      get writable() {
        return this.#stream.writable;
      }
    }

    for (const constructor of [TransformStream, TransformStreamDefaultController, TextEncoderStream, TextDecoderStream])
      tag(constructor);
    return { TransformStream, TransformStreamDefaultController, TextEncoderStream, TextDecoderStream };
  },
);
