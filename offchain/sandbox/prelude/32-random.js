// Math.random: sfc32, seeded for each run; the engine's own would repeat the snapshot's.

let randomA, randomB, randomC, randomCounter;
let drawn; // how often the run has asked for random bytes

function seed(words) {
  [randomA, randomB, randomC, randomCounter] = words;
  drawn = 0;
}

function next32() {
  const sum = (((randomA + randomB) | 0) + randomCounter) | 0;
  randomCounter = (randomCounter + 1) | 0;
  randomA = randomB ^ (randomB >>> 9);
  randomB = (randomC + (randomC << 3)) | 0;
  randomC = (((randomC << 21) | (randomC >>> 11)) + sum) | 0;
  return sum >>> 0;
}

Math.random = function random() {
  return ((next32() >>> 5) * 0x4000000 + (next32() >>> 6)) / 0x20000000000000;
};

// Bytes for keys: each call's are a hash of the run's seed and of how many calls were before it.
function randomBytes(length) {
  return host.call('random', String(drawn++), String(length));
}
