// Node's EventEmitter, its streams, and requests by http: what packages built for Node stand on. A stream here has no
// high-water mark: what is written is taken at once, and what is read is handed on in a job of its own.

const { host, use, copyOf, formatted, inspect, isBuffer, joined, NO_BYTES, usv } = shared;

const makeNodeEvents = () => {
  function EventEmitter() {}

  const listenersOf = (emitter) => {
    if (!Object.hasOwn(emitter, '_events')) {
      Object.defineProperty(emitter, '_events', { value: new Map(), writable: true, configurable: true });
    }
    return emitter._events;
  };
  const add = (emitter, name, listener, { once = false, first = false } = {}) => {
    if (typeof listener !== 'function') throw new TypeError('The "listener" argument must be of type function');
    const all = listenersOf(emitter);
    const list = all.get(name) ?? [];
    all.set(name, first ? [{ listener, once }, ...list] : [...list, { listener, once }]);
    if (name !== 'newListener') emitter.emit('newListener', name, listener);
    return emitter;
  };

  Object.assign(EventEmitter.prototype, {
    on(name, listener) {
      return add(this, name, listener);
    },
    once(name, listener) {
      return add(this, name, listener, { once: true });
    },
    prependListener(name, listener) {
      return add(this, name, listener, { first: true });
    },
    prependOnceListener(name, listener) {
      return add(this, name, listener, { once: true, first: true });
    },
    off(name, listener) {
      const all = listenersOf(this);
      const list = all.get(name) ?? [];
      const at = list.findLastIndex((each) => each.listener === listener);
      if (at >= 0) all.set(name, list.toSpliced(at, 1));
      return this;
    },
    removeAllListeners(name) {
      if (name === undefined) listenersOf(this).clear();
      else listenersOf(this).delete(name);
      return this;
    },
    emit(name, ...values) {
      const list = listenersOf(this).get(name) ?? [];
      if (list.length === 0 && name === 'error') throw values[0] ?? new Error('Unhandled error.');
      for (const { listener, once } of list) {
        if (once) this.off(name, listener);
        listener.apply(this, values);
      }
      return list.length > 0;
    },
    listeners(name) {
      return (listenersOf(this).get(name) ?? []).map(({ listener }) => listener);
    },
    listenerCount(name) {
      return this.listeners(name).length;
    },
    eventNames() {
      return [...listenersOf(this)].filter(([, list]) => list.length > 0).map(([name]) => name);
    },
    setMaxListeners() {
      return this;
    },
    getMaxListeners: () => 10,
  });
  const prototype = EventEmitter.prototype;
  prototype.addListener = prototype.on;
  prototype.removeListener = prototype.off;
  prototype.rawListeners = prototype.listeners;
  const once = (emitter, name) =>
    new Promise((resolve, reject) => {
      const failed = (error) => (emitter.off(name, done), reject(error));
      const done = (...values) => (emitter.off('error', failed), resolve(values));
      emitter.once(name, done);
      if (name !== 'error') emitter.once('error', failed);
    });
  return Object.assign(EventEmitter, { EventEmitter, once, defaultMaxListeners: 10, setMaxListeners() {} });
};

// `use.nodeStream` is what `require('stream')` gives.
const makeNodeStreams = (EventEmitter) => {
  const inherits = (constructor, parent) => {
    Object.setPrototypeOf(constructor.prototype, parent.prototype);
    Object.setPrototypeOf(constructor, parent);
  };
  const bytesOf = (chunk, encoding) => (typeof chunk === 'string' ? use.Buffer.from(chunk, encoding) : chunk);

  function Stream(options) {
    EventEmitter.call(this, options);
  }
  inherits(Stream, EventEmitter);
  Object.assign(Stream.prototype, {
    pipe(target, options) {
      this.on('data', (chunk) => target.write(chunk));
      if (options?.end !== false) this.on('end', () => target.end());
      target.emit('pipe', this);
      return target;
    },
    destroy(error) {
      if (this.destroyed) return this;
      this.destroyed = true;
      const close = (failure) =>
        queueMicrotask(() => {
          if (failure) this.emit('error', failure);
          this.emit('close');
        });
      this._destroy(error ?? null, (failure) => close(failure ?? error));
      return this;
    },
    _destroy(error, done) {
      done(error);
    },
  });

  const readable = (stream, options = {}) => {
    Object.assign(stream, {
      readable: true,
      readableEnded: false,
      readableFlowing: null,
      readableObjectMode: Boolean(options.objectMode ?? options.readableObjectMode),
      destroyed: false,
    });
    hidden(stream, '_queue', []);
    hidden(stream, '_encoding', options.encoding ?? null);
    hidden(stream, '_asked', false);
    if (options.read) stream._read = options.read;
    if (options.destroy) stream._destroy = options.destroy;
  };
  const hidden = (target, name, value) => Object.defineProperty(target, name, { value, writable: true });
  const END = Symbol('end');

  function Readable(options) {
    if (!(this instanceof Readable)) return new Readable(options);
    Stream.call(this, options);
    readable(this, options);
  }
  inherits(Readable, Stream);
  const flow = (stream) => {
    if (stream._flowing) return;
    hidden(stream, '_flowing', true);
    queueMicrotask(() => {
      stream._flowing = false;
      while (stream.readableFlowing && !stream.destroyed && stream._queue.length > 0) {
        const chunk = stream._queue.shift();
        stream._asked = false;
        if (chunk === END) return ended(stream);
        stream.emit('data', chunk);
      }
      ask(stream);
    });
  };
  const ask = (stream) => {
    if (stream._asked || stream.destroyed || stream.readableEnded || stream._queue.length > 0) return;
    stream._asked = true;
    try {
      stream._read(16384);
    } catch (error) {
      stream.destroy(error);
    }
  };
  const ended = (stream) => {
    stream.readableEnded = true;
    stream.readable = false;
    stream.emit('end');
    if (!('writableEnded' in stream) || stream.writableFinished) stream.destroy();
  };
  const readableMethods = {
    _read() {},
    push(chunk, encoding) {
      if (chunk === null) this._queue.push(END);
      else {
        const content = this.readableObjectMode ? chunk : bytesOf(chunk, encoding);
        const text =
          this._decoder && !this.readableObjectMode ? this._decoder.decode(content, { stream: true }) : content;
        if (this.readableObjectMode || text.length > 0) this._queue.push(text);
      }
      this._asked = false;
      if (this.readableFlowing) flow(this);
      else queueMicrotask(() => this.emit('readable'));
      return true;
    },
    unshift(chunk) {
      this._queue.unshift(chunk);
    },
    read() {
      ask(this);
      if (this._queue[0] === END) {
        this._queue.shift();
        queueMicrotask(() => ended(this));
        return null;
      }
      const chunk = this._queue.shift() ?? null;
      if (chunk !== null) this._asked = false;
      return chunk;
    },
    on(name, listener) {
      EventEmitter.prototype.on.call(this, name, listener);
      if (name === 'data' && this.readableFlowing !== false) this.resume();
      if (name === 'readable') {
        this.readableFlowing = false;
        queueMicrotask(() => (this._queue.length > 0 ? this.emit('readable') : ask(this)));
      }
      return this;
    },
    resume() {
      this.readableFlowing = true;
      flow(this);
      return this;
    },
    pause() {
      this.readableFlowing = false;
      return this;
    },
    isPaused() {
      return this.readableFlowing === false;
    },
    setEncoding(encoding) {
      hidden(this, '_decoder', new use.TextDecoder(encoding === 'utf8' ? 'utf-8' : encoding));
      return this;
    },
    unpipe() {
      this.removeAllListeners('data');
      return this;
    },
    async *[Symbol.asyncIterator]() {
      const chunks = [];
      let wake;
      let failed;
      const woken = () => wake?.();
      this.on('data', (chunk) => (chunks.push(chunk), woken()));
      this.once('end', () => (chunks.push(END), woken()));
      this.once('error', (error) => ((failed = { error }), woken()));
      this.once('close', () => (chunks.push(END), woken()));
      try {
        for (;;) {
          if (chunks.length === 0 && !failed) await new Promise((resolve) => (wake = resolve));
          if (chunks.length === 0 || chunks[0] === END) {
            if (failed) throw failed.error;
            return;
          }
          yield chunks.shift();
        }
      } finally {
        this.destroy();
      }
    },
  };
  Object.assign(Readable.prototype, readableMethods);
  Readable.prototype.addListener = readableMethods.on;
  Readable.from = (items, options) => {
    const stream = new Readable({ objectMode: true, ...options });
    const all = typeof items === 'string' || items instanceof Uint8Array ? [items] : items;
    const iterator = all[Symbol.asyncIterator]?.() ?? all[Symbol.iterator]();
    stream._read = () => {
      Promise.resolve(iterator.next()).then(
        ({ value, done }) => stream.push(done ? null : value),
        (error) => stream.destroy(error),
      );
    };
    return stream;
  };
  Readable.fromWeb = (web) => Readable.from(web, { objectMode: false });
  Readable.toWeb = (stream) => use.ReadableStream.from(stream);

  const writable = (stream, options = {}) => {
    Object.assign(stream, { writable: true, writableEnded: false, writableFinished: false, destroyed: false });
    hidden(stream, '_writing', Promise.resolve());
    for (const name of ['write', 'final', 'destroy']) if (options[name]) stream[`_${name}`] = options[name];
    hidden(
      stream,
      '_raw',
      Boolean(options.objectMode ?? options.writableObjectMode) || options.decodeStrings === false,
    );
  };
  function Writable(options) {
    if (!(this instanceof Writable)) return new Writable(options);
    Stream.call(this, options);
    writable(this, options);
  }
  inherits(Writable, Stream);
  const writableMethods = {
    _write(chunk, encoding, done) {
      done();
    },
    _final(done) {
      done();
    },
    cork() {},
    uncork() {},
    setDefaultEncoding() {
      return this;
    },
    write(chunk, encoding, done) {
      if (typeof encoding === 'function') [encoding, done] = [undefined, encoding];
      if (this.writableEnded) throw new Error('write after end');
      const content = this._raw ? chunk : bytesOf(chunk, encoding);
      this._writing = this._writing
        .then(
          () =>
            new Promise((resolve, reject) => this._write(content, encoding ?? 'buffer', settleWith(resolve, reject))),
        )
        .then(() => done?.());
      this._writing.catch((error) => this.destroy(error));
      return true;
    },
    end(chunk, encoding, done) {
      if (typeof chunk === 'function') [chunk, done] = [undefined, chunk];
      else if (typeof encoding === 'function') [encoding, done] = [undefined, encoding];
      if (chunk !== undefined && chunk !== null) this.write(chunk, encoding);
      if (done) this.once('finish', done);
      if (this.writableEnded) return this;
      this.writableEnded = true;
      this.writable = false;
      this._writing
        .then(() => new Promise((resolve, reject) => this._final(settleWith(resolve, reject))))
        .then(() => {
          this.writableFinished = true;
          this.emit('finish');
        })
        .catch((error) => this.destroy(error));
      return this;
    },
  };
  const settleWith = (resolve, reject) => (error, value) => (error ? reject(error) : resolve(value));
  Object.assign(Writable.prototype, writableMethods);

  function Duplex(options) {
    if (!(this instanceof Duplex)) return new Duplex(options);
    Stream.call(this, options);
    readable(this, options);
    writable(this, options);
  }
  inherits(Duplex, Readable);
  Object.assign(Duplex.prototype, writableMethods);

  function Transform(options) {
    if (!(this instanceof Transform)) return new Transform(options);
    Duplex.call(this, options);
    for (const name of ['transform', 'flush']) if (options?.[name]) this[`_${name}`] = options[name];
  }
  inherits(Transform, Duplex);
  Object.assign(Transform.prototype, {
    _write(chunk, encoding, done) {
      this._transform(chunk, encoding, (error, value) => {
        if (value !== undefined && value !== null) this.push(value);
        done(error);
      });
    },
    _final(done) {
      this._flush((error, value) => {
        if (value !== undefined && value !== null) this.push(value);
        this.push(null);
        done(error);
      });
    },
    _flush(done) {
      done();
    },
  });
  function PassThrough(options) {
    if (!(this instanceof PassThrough)) return new PassThrough(options);
    Transform.call(this, options);
  }
  inherits(PassThrough, Transform);
  PassThrough.prototype._transform = (chunk, encoding, done) => done(null, chunk);

  const finished = (stream, options, done = options) => {
    let told = false;
    const tell = (error) => {
      if (!told) done(error);
      told = true;
    };
    stream.once('error', tell);
    for (const name of ['end', 'finish', 'close']) stream.once(name, () => tell());
  };
  const pipeline = (...parts) => {
    const done = typeof parts.at(-1) === 'function' ? parts.pop() : () => {};
    const streams = parts.flat();
    let told = false;
    const tell = (error) => {
      if (!told) done(error);
      told = true;
    };
    for (const stream of streams) stream.once('error', tell);
    streams.at(-1).once('finish', () => tell());
    return streams.reduce((from, to) => from.pipe(to));
  };
  const promises = {
    finished: (stream) => new Promise((resolve, reject) => finished(stream, settleWith(resolve, reject))),
    pipeline: (...parts) => new Promise((resolve, reject) => pipeline(...parts, settleWith(resolve, reject))),
  };
  return Object.assign(Stream, {
    ...{ Stream, Readable, Writable, Duplex, Transform, PassThrough, finished, pipeline, promises, inherits },
  });
};
