// Headers of the Fetch Standard.

provide('Headers', () => {
  const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

  function nameOf(value) {
    const name = String(value);
    if (!TOKEN.test(name)) throw new TypeError(`Header name must be a valid HTTP token ["${name}"]`);
    return name.toLowerCase();
  }

  function valueOf(given) {
    const value = String(given).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
    if (/[\0\n\r]|[^\0-\xff]/.test(value))
      throw new TypeError(`a header's value has characters that it can't have: ${JSON.stringify(value)}`);
    return value;
  }

  class Headers {
    #values = new Map(); // lists by name

    constructor(init) {
      if (init === undefined) return;
      if (init === null || (typeof init !== 'object' && typeof init !== 'function'))
        throw new TypeError('Headers takes an object');
      if (init instanceof Headers) {
        for (const [name, list] of init.#values) this.#values.set(name, [...list]);
      } else if (init[Symbol.iterator] !== undefined && init[Symbol.iterator] !== null) {
        for (const pair of init) {
          if (pair === null || typeof pair !== 'object' || typeof pair[Symbol.iterator] !== 'function')
            throw new TypeError('each header is a sequence');
          const parts = [...pair];
          if (parts.length !== 2) throw new TypeError('each header is a name and a value');
          this.append(parts[0], parts[1]);
        }
      } else {
        for (const key of Reflect.ownKeys(init)) {
          if (Object.getOwnPropertyDescriptor(init, key)?.enumerable) this.append(key, init[key]);
        }
      }
    }

    append(name, value) {
      needs(arguments.length, 2, 'Headers.append');
      [name, value] = [nameOf(name), valueOf(value)];
      const list = this.#values.get(name);
      if (list === undefined) this.#values.set(name, [value]);
      else list.push(value);
    }

    delete(name) {
      needs(arguments.length, 1, 'Headers.delete');
      this.#values.delete(nameOf(name));
    }

    get(name) {
      needs(arguments.length, 1, 'Headers.get');
      return this.#values.get(nameOf(name))?.join(', ') ?? null;
    }

    getSetCookie() {
      return [...(this.#values.get('set-cookie') ?? [])];
    }

    has(name) {
      needs(arguments.length, 1, 'Headers.has');
      return this.#values.has(nameOf(name));
    }

    set(name, value) {
      needs(arguments.length, 2, 'Headers.set');
      this.#values.set(nameOf(name), [valueOf(value)]);
    }

    static {
      sorted = (headers) => {
        const pairs = [];
        for (const name of [...headers.#values.keys()].sort()) {
          const list = headers.#values.get(name);
          if (name === 'set-cookie') for (const value of list) pairs.push([name, value]);
          else pairs.push([name, list.join(', ')]);
        }
        return pairs;
      };
    }
  }
  var sorted;
  pairIterators(Headers, 'Headers', sorted);
  return tag(enumerable(Headers, 'append', 'delete', 'get', 'getSetCookie', 'has', 'set'));
});
