// MessageChannel, within the script; and WebSocket, whose place says why there is none.

provideTogether(['MessageChannel', 'MessagePort', 'MessageEvent'], () => {
  class MessageEvent extends use.Event {
    #data;

    constructor(type, options) {
      super(type, options);
      this.#data = options?.data ?? null;
    }

    get data() {
      return this.#data;
    }
  }

  class MessagePort extends use.EventTarget {
    #other = null;
    #handler = null;

    constructor(key) {
      illegalUnless(KEY, key);
      super();
    }

    get onmessage() {
      return this.#handler;
    }

    set onmessage(handler) {
      if (this.#handler === null) this.addEventListener('message', (event) => this.#handler?.(event));
      this.#handler = handler;
    }

    postMessage(value, options) {
      const other = this.#other;
      const data = structuredClone(value, Array.isArray(options) ? { transfer: options } : options);
      if (other !== null) setImmediate(() => other.dispatchEvent(new MessageEvent('message', { data })));
    }

    start() {}

    close() {
      if (this.#other !== null) this.#other.#other = null;
      this.#other = null;
    }

    static {
      entangled = () => {
        const [one, other] = [new MessagePort(KEY), new MessagePort(KEY)];
        [one.#other, other.#other] = [other, one];
        return [one, other];
      };
    }
  }
  var entangled;

  class MessageChannel {
    constructor() {
      [this.port1, this.port2] = entangled();
    }
  }
  return { MessageChannel: tag(MessageChannel), MessagePort: tag(MessagePort), MessageEvent: tag(MessageEvent) };
});

provide('WebSocket', () => {
  class WebSocket {
    static CONNECTING = 0;
    static OPEN = 1;
    static CLOSING = 2;
    static CLOSED = 3;

    constructor() {
      throw new DOMException(
        'WebSocket: agents reach the outside by HTTP requests alone, use fetch',
        'NotSupportedError',
      );
    }
  }
  return tag(WebSocket);
});
