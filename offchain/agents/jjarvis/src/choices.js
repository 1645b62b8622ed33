// What the embedded model may decide: where no word says so, whether an intent is to buy, to sell or to ask. It chooses
// from this list by likeness and says nothing else, and a number can't come of it.
import { best, embedded } from '../../parts/vectors.js';
import { BadInput } from '../../parts/reading.js';

const ACTIONS = {
  buy: [
    'I want to own some tokens',
    'Get hold of tokens',
    'Put money into this token',
    'Pick up some of these',
    'Go long',
    'Add to my position',
  ],
  sell: [
    'I want to be rid of my tokens',
    'Turn my tokens into money',
    'Take profit',
    'Part with my holdings',
    'Close my position',
    'Unload these',
  ],
  ask: [
    'What does the token cost',
    'Tell me about the price',
    'Is it a good moment',
    'Information about this market',
    'Look up the quote',
  ],
};
const NEAR = 0.3;
const APART = 0.03;

export async function chosenAction(intent) {
  const names = Object.keys(ACTIONS);
  const vectors = await embedded([words(intent), ...Object.values(ACTIONS).flat()]);
  if (vectors === undefined) throw new BadInput('intent', 'says neither buy nor sell, and this worker has no model that could tell');
  const [wanted, ...rest] = vectors;
  let at = 0;
  const scored = names
    .map((name) => ({ name, near: best(wanted, rest.slice(at, (at += ACTIONS[name].length))) }))
    .sort((one, other) => other.near - one.near);
  if (scored[0].near < NEAR || scored[0].near - scored[1].near < APART) {
    throw new BadInput('intent', 'says neither buy nor sell clearly');
  }
  return scored[0].name;
}

// Numbers and their units mean nothing to the choice.
const words = (intent) => intent.replace(/\d[\w.,%]*/g, '').replace(/\bUNIT\b/g, '').replace(/\s+/g, ' ').trim() || 'nothing';
