// Event, CustomEvent, EventTarget, AbortController and AbortSignal of the DOM Standard, for targets without a tree.

provideTogether(['Event', 'CustomEvent', 'EventTarget', 'AbortController', 'AbortSignal'], () => {
  class Event {
    #type;
    #bubbles;
    #cancelable;
    #composed;
    #prevented = false;
    #stopped = false;
    #passive = false;
    #target = null;
    #phase = 0;

    static NONE = 0;
    static CAPTURING_PHASE = 1;
    static AT_TARGET = 2;
    static BUBBLING_PHASE = 3;

    constructor(type, options) {
      needs(arguments.length, 1, 'Event');
      this.#type = String(type);
      this.#bubbles = Boolean(options?.bubbles);
      this.#cancelable = Boolean(options?.cancelable);
      this.#composed = Boolean(options?.composed);
      Object.defineProperty(this, 'isTrusted', { value: false, enumerable: true });
    }

    get type() {
      return this.#type;
    }
    get bubbles() {
      return this.#bubbles;
    }
    get cancelable() {
      return this.#cancelable;
    }
    get composed() {
      return this.#composed;
    }
    get defaultPrevented() {
      return this.#prevented;
    }
    get returnValue() {
      return !this.#prevented;
    }
    get cancelBubble() {
      return false;
    }
    get target() {
      return this.#target;
    }
    get srcElement() {
      return this.#target;
    }
    get currentTarget() {
      return this.#phase === 0 ? null : this.#target;
    }
    get eventPhase() {
      return this.#phase;
    }
    get timeStamp() {
      return 0;
    }

    composedPath() {
      return this.#phase === 0 ? [] : [this.#target];
    }

    preventDefault() {
      if (this.#cancelable && !this.#passive) this.#prevented = true;
    }

    stopPropagation() {}

    stopImmediatePropagation() {
      this.#stopped = true;
    }

    static {
      dispatch = (event, target, listeners) => {
        if (!(event instanceof Event)) throw new TypeError('dispatchEvent takes an Event');
        if (event.#phase !== 0) throw new DOMException('The event is already being dispatched.', 'InvalidStateError');
        event.#target = target;
        event.#phase = Event.AT_TARGET;
        event.#stopped = false;
        for (const listener of [...(listeners.get(event.#type) ?? [])]) {
          if (event.#stopped) break;
          if (listener.removed) continue;
          if (listener.once) target.removeEventListener(event.#type, listener.callback, listener);
          event.#passive = listener.passive;
          try {
            if (typeof listener.callback === 'function') listener.callback.call(target, event);
            else listener.callback.handleEvent(event);
          } catch (error) {
            log(`Uncaught ${inspect(error)}`); // as in browsers: one listener's error is not the dispatcher's
          }
          event.#passive = false;
        }
        event.#phase = 0;
        return !event.#prevented;
      };
    }
  }
  var dispatch;

  class CustomEvent extends Event {
    #detail;

    constructor(type, options) {
      super(type, options);
      this.#detail = options?.detail ?? null;
    }

    get detail() {
      return this.#detail;
    }
  }

  class EventTarget {
    #listeners = new Map();

    addEventListener(type, callback, options) {
      needs(arguments.length, 2, 'addEventListener');
      if (callback === null || callback === undefined) return;
      if (typeof callback !== 'function' && typeof callback !== 'object')
        throw new TypeError('a listener is a function or an object');
      const capture = typeof options === 'boolean' ? options : Boolean(options?.capture);
      const { once = false, passive = false, signal } = Object(options);
      if (signal?.aborted) return;
      type = String(type);
      const list = this.#listeners.get(type) ?? [];
      if (list.some((listener) => listener.callback === callback && listener.capture === capture)) return;
      list.push({ callback, capture, once: Boolean(once), passive: Boolean(passive), removed: false });
      this.#listeners.set(type, list);
      signal?.addEventListener('abort', () => this.removeEventListener(type, callback, { capture }));
    }

    removeEventListener(type, callback, options) {
      needs(arguments.length, 2, 'removeEventListener');
      const capture = typeof options === 'boolean' ? options : Boolean(options?.capture);
      const list = this.#listeners.get(String(type)) ?? [];
      const at = list.findIndex((listener) => listener.callback === callback && listener.capture === capture);
      if (at >= 0) list.splice(at, 1)[0].removed = true;
    }

    dispatchEvent(event) {
      needs(arguments.length, 1, 'dispatchEvent');
      return dispatch(event, this, this.#listeners);
    }
  }

  // `target.on…`: a listener that keeps its place when it is replaced.
  function handlerAttribute(constructor, type) {
    const handlers = new WeakMap();
    Object.defineProperty(constructor.prototype, `on${type}`, {
      get() {
        return handlers.get(this)?.current ?? null;
      },
      set(value) {
        const found = handlers.get(this);
        const current = typeof value === 'function' ? value : null;
        if (found !== undefined) found.current = current;
        else if (current !== null) {
          const handler = { current };
          handlers.set(this, handler);
          this.addEventListener(type, (event) => handler.current?.call(this, event));
        }
      },
      enumerable: true,
      configurable: true,
    });
  }

  class AbortSignal extends EventTarget {
    #aborted = false;
    #reason = undefined;
    #followers = [];
    #algorithms = [];

    constructor(key) {
      illegalUnless(KEY, key);
      super();
    }

    get aborted() {
      return this.#aborted;
    }

    get reason() {
      return this.#reason;
    }

    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }

    static abort(reason = new DOMException('This operation was aborted', 'AbortError')) {
      const signal = new AbortSignal(KEY);
      signal.#aborted = true;
      signal.#reason = reason;
      return signal;
    }

    static timeout(milliseconds) {
      const delay = Number(milliseconds);
      if (!(delay >= 0) || delay > Number.MAX_SAFE_INTEGER)
        throw new TypeError('AbortSignal.timeout takes milliseconds from 0');
      const signal = new AbortSignal(KEY);
      addTimer(
        () => abort(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError')),
        delay,
        false,
      );
      return signal;
    }

    static any(signals) {
      const all = [...signals];
      const result = new AbortSignal(KEY);
      for (const signal of all)
        if (!(signal instanceof AbortSignal)) throw new TypeError('AbortSignal.any takes signals');
      const first = all.find((signal) => signal.#aborted);
      if (first) {
        result.#aborted = true;
        result.#reason = first.#reason;
      } else for (const signal of all) signal.#followers.push(result);
      return result;
    }

    static {
      abort = (signal, reason) => {
        if (signal.#aborted) return;
        const all = [signal];
        for (const each of all)
          for (const next of each.#followers) if (!next.#aborted && !all.includes(next)) all.push(next);
        for (const each of all) {
          each.#aborted = true;
          each.#reason = reason;
        }
        for (const each of all) {
          const algorithms = each.#algorithms;
          each.#algorithms = [];
          for (const algorithm of algorithms) algorithm(reason);
          each.dispatchEvent(new Event('abort'));
        }
      };
      onAbort = (signal, algorithm) => void signal.#algorithms.push(algorithm);
      offAbort = (signal, algorithm) => {
        signal.#algorithms = signal.#algorithms.filter((each) => each !== algorithm);
      };
    }
  }
  var abort;
  handlerAttribute(AbortSignal, 'abort');

  class AbortController {
    #signal = new AbortSignal(KEY);

    get signal() {
      return this.#signal;
    }

    abort(reason = new DOMException('This operation was aborted', 'AbortError')) {
      abort(this.#signal, reason);
    }
  }

  for (const name of ['NONE', 'CAPTURING_PHASE', 'AT_TARGET', 'BUBBLING_PHASE']) {
    Object.defineProperty(Event.prototype, name, { value: Event[name], enumerable: true });
  }
  const shown = [
    'type',
    'target',
    'currentTarget',
    'defaultPrevented',
    'bubbles',
    'cancelable',
    'eventPhase',
    'timeStamp',
  ];
  tag(enumerable(Event, ...shown));
  tag(enumerable(CustomEvent, 'detail'));
  tag(enumerable(EventTarget, 'addEventListener', 'removeEventListener', 'dispatchEvent'));
  tag(enumerable(AbortSignal, 'aborted', 'reason', 'throwIfAborted'));
  tag(enumerable(AbortController, 'signal', 'abort'));
  return { Event, CustomEvent, EventTarget, AbortController, AbortSignal };
});

// Algorithms that run before the abort event is fired; they can't throw. Set once the classes are made.
let onAbort;
let offAbort;
