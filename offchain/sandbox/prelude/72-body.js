// Request and Response of the Fetch Standard. A body is text, bytes or a stream; which, is decided as late as can be.

provideTogether(
  ['Request', 'Response'],
  () => {
    const NULL_STATUS = [101, 103, 204, 205, 304];
    const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'];

    // {text | bytes | stream, type}; `type` is the content type that goes with it.
    function extract(init) {
      if (typeof init === 'object' || typeof init === 'function') {
        if (init instanceof use.ReadableStream) {
          if (init.locked || use.isDisturbed(init))
            throw new TypeError('Response body object should not be disturbed or locked');
          return { stream: init, type: null };
        }
        if (init instanceof use.Blob) return { bytes: use.bytesOfBlob(init), type: init.type || null };
        const view = viewOf(init);
        if (view !== null) return { bytes: view.slice(), type: null };
        if (init instanceof use.FormData) return use.writeForm(init);
        if (init instanceof use.URLSearchParams)
          return { text: String(init), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
        // Not in the standard, but in Node, and SDKs count on it.
        if (typeof init[Symbol.asyncIterator] === 'function')
          return { stream: use.ReadableStream.from(init), type: null };
      }
      return { text: usv(init), type: 'text/plain;charset=UTF-8' };
    }

    class Body {
      #body = null;
      #used = false;
      #headers;

      constructor(body, headers) {
        this.#body = body;
        this.#headers = headers;
        if (body !== null && body.type && !headers.has('content-type')) headers.set('content-type', body.type);
      }

      get headers() {
        return this.#headers;
      }

      get body() {
        if (this.#body === null) return null;
        if (this.#body.stream === undefined) {
          const bytes = this.#body.bytes ?? utf8(this.#body.text);
          this.#body = { stream: streamOf(this.#used ? NO_BYTES : bytes), simple: true };
          if (this.#used) this.#body.stream.getReader().read();
        }
        return this.#body.stream;
      }

      get bodyUsed() {
        return this.#used || (this.#body?.stream !== undefined && use.isDisturbed(this.#body.stream));
      }

      async #take() {
        if (this.bodyUsed || this.#body?.stream?.locked)
          throw new TypeError('Body is unusable: Body has already been read');
        const body = this.#body;
        if (body === null) return { bytes: NO_BYTES };
        this.#used = true;
        if (body.stream === undefined) return body;
        const chunks = [NO_BYTES];
        const reader = body.stream.getReader();
        for (;;) {
          const { value, done } = await reader.read();
          if (done) return { bytes: joined(chunks) };
          if (!(value instanceof Uint8Array)) throw new TypeError('a body is a stream of Uint8Arrays');
          chunks.push(value);
        }
      }

      async arrayBuffer() {
        return (await this.bytes()).buffer;
      }

      async bytes() {
        const { bytes, text } = await this.#take();
        return bytes === undefined ? utf8(text) : bytes.slice();
      }

      async text() {
        const { bytes, text } = await this.#take();
        return bytes === undefined ? (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text) : textOf(bytes);
      }

      async json() {
        return JSON.parse(await this.text());
      }

      async blob() {
        const type = this.#headers.get('content-type') ?? '';
        return new use.Blob(KEY, [await this.bytes(), type.toLowerCase()]);
      }

      async formData() {
        return use.readForm(await this.bytes(), this.#headers.get('content-type') ?? '');
      }

      static {
        copyBody = (owner) => {
          if (owner.bodyUsed || owner.#body?.stream?.locked) throw new TypeError('Body has already been consumed.');
          const body = owner.#body;
          if (body?.stream === undefined) return body === null ? null : { ...body, type: null };
          const [one, other] = body.stream.tee();
          owner.#body = { stream: one };
          return { stream: other, type: null };
        };
        moveBody = (owner) => {
          if (owner.bodyUsed || owner.#body?.stream?.locked) throw new TypeError('Body has already been consumed.');
          const body = owner.#body;
          if (body === null) return null;
          owner.#used = true;
          return { ...body, type: null }; // its type is among the headers already
        };
        contentOf = (owner) => owner.#take();
        hasBody = (owner) => owner.#body !== null;
        isStreamed = (owner) => owner.#body?.stream !== undefined && !owner.#body.simple;
      }
    }
    var copyBody, moveBody, contentOf, hasBody, isStreamed;

    class Request extends Body {
      #url;
      #method;
      #redirect;
      #signal;
      #rest;

      constructor(input, init = {}) {
        needs(arguments.length, 1, 'Request');
        init = init === null ? {} : Object(init);
        const from = input instanceof Request ? input : null;
        const url = from?.url ?? Request.#parsed(input);
        const given = init.method === undefined ? (from?.method ?? 'GET') : String(init.method);
        if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(given))
          throw new TypeError(`'${given}' is not a valid HTTP method.`);
        const upper = given.toUpperCase();
        if (['CONNECT', 'TRACE', 'TRACK'].includes(upper))
          throw new TypeError(`'${given}' HTTP method is unsupported.`);
        const method = METHODS.includes(upper) ? upper : given;
        const headers = new use.Headers(init.headers ?? from?.headers);
        const own = init.body !== undefined && init.body !== null;
        if ((own || (from !== null && hasBody(from))) && (method === 'GET' || method === 'HEAD')) {
          throw new TypeError('Request with GET/HEAD method cannot have body.');
        }
        super(own ? extract(init.body) : from === null ? null : moveBody(from), headers);
        this.#url = url;
        this.#method = method;
        const choice = (name, usual, choices) => {
          const value = init[name] === undefined ? (from?.[name] ?? usual) : String(init[name]);
          if (!choices.includes(value)) throw new TypeError(`${name} can't be '${value}'`);
          return value;
        };
        this.#redirect = choice('redirect', 'follow', ['follow', 'manual', 'error']);
        this.#rest = {
          mode: choice('mode', 'cors', ['cors', 'no-cors', 'same-origin', 'navigate']),
          credentials: choice('credentials', 'same-origin', ['omit', 'same-origin', 'include']),
          cache: choice('cache', 'default', [
            'default',
            'no-store',
            'reload',
            'no-cache',
            'force-cache',
            'only-if-cached',
          ]),
          integrity: String(init.integrity ?? from?.integrity ?? ''),
          keepalive: Boolean(init.keepalive ?? from?.keepalive),
          duplex: 'half',
        };
        const signal = init.signal === undefined ? from?.signal : init.signal;
        if (signal !== undefined && signal !== null && !(signal instanceof use.AbortSignal)) {
          throw new TypeError('signal is no AbortSignal');
        }
        this.#signal = signal ?? null;
      }

      static #parsed(input) {
        const text = usv(input);
        const url = use.parseUrl(text);
        if (url === null) throw new TypeError(`Failed to parse URL from ${text}`);
        if (url.credentials)
          throw new TypeError(`Request cannot be constructed from a URL that includes credentials: ${text}`);
        return url.href;
      }

      get url() {
        return this.#url;
      }
      get method() {
        return this.#method;
      }
      get redirect() {
        return this.#redirect;
      }
      get signal() {
        return (this.#signal ??= new use.AbortController().signal);
      }
      get mode() {
        return this.#rest.mode;
      }
      get credentials() {
        return this.#rest.credentials;
      }
      get cache() {
        return this.#rest.cache;
      }
      get integrity() {
        return this.#rest.integrity;
      }
      get keepalive() {
        return this.#rest.keepalive;
      }
      get duplex() {
        return this.#rest.duplex;
      }
      get referrer() {
        return 'about:client';
      }
      get referrerPolicy() {
        return '';
      }
      get destination() {
        return '';
      }

      clone() {
        const body = copyBody(this);
        const { url, method, headers, redirect, mode, credentials, cache, integrity, keepalive } = this;
        const signal = this.#signal ?? undefined;
        const copy = new Request(url, {
          method,
          headers,
          redirect,
          mode,
          credentials,
          cache,
          integrity,
          keepalive,
          signal,
        });
        if (body !== null) return withBody(copy, body);
        return copy;
      }

      static {
        withBody = (request, body) =>
          new Request(request, { body: body.stream ?? body.bytes ?? body.text, headers: request.headers });
        signalOf = (request) => request.#signal;
      }
    }
    var withBody, signalOf;

    class Response extends Body {
      #status;
      #statusText;
      #meta = { type: 'default', url: '', redirected: false };

      constructor(body = null, init = {}) {
        init = init === null ? {} : Object(init);
        const inner = body === KEY;
        const status = init.status === undefined ? 200 : Math.trunc(Number(init.status)) || 0;
        if (!inner && (status < 200 || status > 599)) {
          throw new RangeError(`init["status"] must be in the range of 200 to 599, inclusive.`);
        }
        const statusText = init.statusText === undefined ? '' : String(init.statusText);
        if (/[^\t\x20-\x7e\x80-\xff]/.test(statusText)) throw new TypeError('Invalid statusText');
        const content = inner ? init.content : body === null || body === undefined ? null : extract(body);
        if (!inner && content !== null && NULL_STATUS.includes(status)) {
          throw new TypeError(`Response constructor: Invalid response status code ${status}`);
        }
        super(content, new use.Headers(init.headers));
        this.#status = status;
        this.#statusText = statusText;
        if (inner) Object.assign(this.#meta, init.meta);
      }

      static error() {
        return new Response(KEY, { status: 0, content: null, meta: { type: 'error' } });
      }

      static json(data, init = {}) {
        const text = JSON.stringify(data);
        if (text === undefined) throw new TypeError('Value is not JSON serializable');
        const headers = new use.Headers(init?.headers);
        if (!headers.has('content-type')) headers.set('content-type', 'application/json');
        return new Response(text, { ...init, headers });
      }

      static redirect(url, status = 302) {
        const parsed = use.parseUrl(usv(url));
        if (parsed === null) throw new TypeError(`Failed to parse URL from ${url}`);
        if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`Invalid status code ${status}`);
        return new Response(null, { status, headers: { location: parsed.href } });
      }

      get status() {
        return this.#status;
      }
      get statusText() {
        return this.#statusText;
      }
      get ok() {
        return this.#status >= 200 && this.#status <= 299;
      }
      get type() {
        return this.#meta.type;
      }
      get url() {
        return this.#meta.url;
      }
      get redirected() {
        return this.#meta.redirected;
      }

      clone() {
        const content = copyBody(this);
        return new Response(KEY, {
          status: this.#status,
          statusText: this.#statusText,
          headers: this.headers,
          content,
          meta: this.#meta,
        });
      }
    }

    const shared = ['body', 'bodyUsed', 'headers', 'arrayBuffer', 'bytes', 'text', 'json', 'blob', 'formData'];
    for (const constructor of [Request, Response]) {
      // The standard mixes the body in; there is no class above.
      for (const name of shared) {
        Object.defineProperty(constructor.prototype, name, {
          ...Object.getOwnPropertyDescriptor(Body.prototype, name),
          enumerable: true,
        });
      }
      Object.setPrototypeOf(constructor.prototype, Object.prototype);
      tag(constructor);
    }
    enumerable(
      Request,
      'url',
      'method',
      'redirect',
      'signal',
      'mode',
      'credentials',
      'cache',
      'integrity',
      'keepalive',
      'duplex',
      'referrer',
      'referrerPolicy',
      'destination',
      'clone',
    );
    enumerable(Response, 'status', 'statusText', 'ok', 'type', 'url', 'redirected', 'clone');

    const receive = (status, statusText, headers, content, meta) =>
      new Response(KEY, { status, statusText, headers, content, meta });
    return { Request, Response, contentOf, isStreamed, signalOf, receive };
  },
  ['contentOf', 'isStreamed', 'signalOf', 'receive'],
);
