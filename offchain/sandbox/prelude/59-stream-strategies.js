// Queuing strategies of the Streams Standard, and what all streams share.

provideTogether(['CountQueuingStrategy', 'ByteLengthQueuingStrategy'], () => {
  class CountQueuingStrategy {
    #mark;
    constructor({ highWaterMark }) {
      this.#mark = Number(highWaterMark);
    }
    get highWaterMark() {
      return this.#mark;
    }
    get size() {
      return size;
    }
  }
  function size() {
    return 1;
  }

  class ByteLengthQueuingStrategy {
    #mark;
    constructor({ highWaterMark }) {
      this.#mark = Number(highWaterMark);
    }
    get highWaterMark() {
      return this.#mark;
    }
    get size() {
      return byteLength;
    }
  }
  const byteLength = { size: (chunk) => chunk.byteLength }.size;

  return { CountQueuingStrategy: tag(CountQueuingStrategy), ByteLengthQueuingStrategy: tag(ByteLengthQueuingStrategy) };
});

function quiet(promise) {
  promise.then(undefined, () => {});
}

function attempt(algorithm) {
  try {
    return Promise.resolve(algorithm());
  } catch (error) {
    return Promise.reject(error);
  }
}

function markOf(strategy, usual) {
  if (strategy?.highWaterMark === undefined) return usual;
  const mark = Number(strategy.highWaterMark);
  if (!(mark >= 0)) throw new RangeError(`highWaterMark is ${mark}`);
  return mark;
}

function functionOf(source, name) {
  const found = source[name];
  if (found === undefined) return undefined;
  if (typeof found !== 'function') throw new TypeError(`${name} is no function`);
  return (...values) => found.apply(source, values);
}
