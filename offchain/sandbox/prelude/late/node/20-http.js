// Node's http and https, as far as they ask: on fetch.

function makeNodeHttp(protocol, require) {
  const { Readable, Writable } = require('stream');
  const EventEmitter = require('events');

  class Agent extends EventEmitter {
    constructor(options) {
      super();
      this.options = { ...options };
    }
    destroy() {}
  }
  class IncomingMessage extends Readable {}

  class ClientRequest extends Writable {
    constructor(target, init, done) {
      super();
      const {
        protocol: scheme = protocol,
        auth,
        hostname,
        host: named,
        port,
        path,
        method = 'GET',
        headers,
      } = { ...target, ...init };
      const authority = `${hostname ?? named ?? 'localhost'}${port ? `:${port}` : ''}`;
      this.method = method;
      this.path = path ?? '/';
      this.url = `${scheme}//${authority}${this.path}`;
      this.aborted = false;
      this.headers = new use.Headers();
      for (const [name, value] of Object.entries(headers ?? {})) this.setHeader(name, value);
      if (auth) this.setHeader('authorization', `Basic ${use.Buffer.from(auth).toString('base64')}`);
      this.chunks = [NO_BYTES];
      this.controller = new use.AbortController();
      if (done) this.once('response', done);
    }
    setHeader(name, value) {
      if (['host', 'connection', 'content-length', 'transfer-encoding', 'accept-encoding'].includes(name.toLowerCase()))
        return;
      this.headers.delete(name);
      for (const each of [value].flat()) this.headers.append(name, each);
    }
    getHeader(name) {
      return this.headers.get(name) ?? undefined;
    }
    removeHeader(name) {
      this.headers.delete(name);
    }
    setTimeout() {
      return this;
    }
    setNoDelay() {}
    setSocketKeepAlive() {}
    flushHeaders() {}
    abort() {
      this.aborted = true;
      this.destroy();
    }
    _destroy(error, done) {
      this.controller.abort();
      done(error);
    }
    _write(chunk, encoding, done) {
      this.chunks.push(chunk);
      done();
    }
    _final(done) {
      done();
      const body = joined(this.chunks);
      const init = { method: this.method, headers: this.headers, redirect: 'manual', signal: this.controller.signal };
      if (body.length > 0 && this.method !== 'GET' && this.method !== 'HEAD') init.body = body;
      fetch(this.url, init).then(
        (answer) => this.#answered(answer),
        (error) => {
          if (!this.destroyed) this.emit('error', Object.assign(error, { code: error.code ?? 'ECONNRESET' }));
        },
      );
    }
    #answered(answer) {
      const message = new IncomingMessage();
      message.statusCode = answer.status;
      message.statusMessage = answer.statusText;
      message.headers = {};
      message.rawHeaders = [];
      message.httpVersion = '1.1';
      for (const [name, value] of answer.headers) {
        if (name === 'content-encoding') continue; // it is decoded already
        message.headers[name] = name === 'set-cookie' ? [...(message.headers[name] ?? []), value] : value;
        message.rawHeaders.push(name, value);
      }
      const reader = answer.body?.getReader();
      message._read = () => {
        if (!reader) return message.push(null);
        reader.read().then(
          ({ value, done }) =>
            message.push(done ? null : use.Buffer.from(value.buffer, value.byteOffset, value.length)),
          (error) => message.destroy(error),
        );
      };
      this.emit('response', message);
    }
  }

  const request = (target, init, done) => {
    const given =
      typeof target === 'string' || target instanceof use.URL
        ? require('url').urlToHttpOptions(new use.URL(target))
        : target;
    return typeof init === 'function' ? new ClientRequest(given, {}, init) : new ClientRequest(given, init, done);
  };
  const get = (...values) => request(...values).end();
  const createServer = () => {
    throw new Error(
      `${protocol.slice(0, -1)}.createServer: an agent is called with each request, it listens to nobody`,
    );
  };
  const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];
  return {
    request,
    get,
    createServer,
    Agent,
    ClientRequest,
    IncomingMessage,
    globalAgent: new Agent(),
    METHODS,
    STATUS_CODES: {},
  };
}
