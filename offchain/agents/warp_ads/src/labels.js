// Labels: a closed list, each with sentences that stand for it. Each sentence of a text gives it the label that it is
// nearest to, if it is near at all; so what an advertiser puts beside a sentence never takes the sentence's label away.
import { best, embedded } from '../../parts/vectors.js';

export const PROTOTYPES = {
  gambling: [
    'online casino with slot machines, roulette and poker',
    'bet on sports and football odds',
    'lottery tickets with a jackpot to win',
  ],
  alcohol: ['beer, wine and spirits', 'whisky, gin and vodka to drink', 'a bar with cocktails, a brewery, a wine tasting'],
  adult: ['sex, pornography and erotic content', 'casual dating and hookups for adults', 'escorts and live sex cams'],
  finance: [
    'loans, credit and mortgages',
    'invest in stocks, funds and savings accounts',
    'buy cryptocurrency tokens and earn profit',
  ],
  health: [
    'medicine and supplements that treat pain and illness',
    'lose weight with pills',
    'doctors, therapists and medical treatment',
  ],
  politics: [
    'vote for a candidate in the election',
    'a political party and its campaign',
    'a referendum, a petition against a law, the government',
  ],
  weapons: ['guns, rifles and ammunition', 'knives, crossbows and other weapons', 'firearm accessories, scopes and holsters'],
  technology: [
    'computers, phones, headphones and gadgets',
    'software, cloud hosting and programming',
    'internet, network devices and artificial intelligence',
  ],
  food: ['food and recipes to cook at home', 'a restaurant, meals and snacks delivered', 'coffee, cheese, bread and chocolate'],
  travel: ['hotels, flights and holidays', 'a trip to another country by train or ship', 'a holiday home, hiking and camping'],
  education: [
    'courses and lessons to learn a skill',
    'a university degree or vocational training',
    'tutors who help children with school',
  ],
  games: ['video games and consoles', 'a board game or puzzle to play', 'a fantasy game with quests and friends'],
};
export const LABELS = Object.keys(PROTOTYPES);
const NEAR = 0.22; // the least likeness that counts: chosen on examples that README.md's figures are not of
const NEAREST = 3;
const MAX_SENTENCES = 8;

// For each text {labels, nearest}: its labels with the likeness that each rests on, best first, and the NEAREST that come
// closest, whether or not they are near. Undefined without a model.
export async function labelled(texts) {
  const sentences = texts.map(split);
  const examples = LABELS.map((label) => PROTOTYPES[label]);
  const vectors = await embedded([...examples.flat(), ...sentences.flat()]);
  if (vectors === undefined) return undefined;
  const taken = (count) => vectors.splice(0, count);
  const prototypes = examples.map((each) => taken(each.length));
  return sentences.map((each) => judged(taken(each.length), prototypes));
}

function judged(sentences, prototypes) {
  const found = new Map();
  const highest = LABELS.map(() => -1);
  for (const vector of sentences) {
    const scores = prototypes.map((each) => best(vector, each));
    scores.forEach((score, i) => (highest[i] = Math.max(highest[i], score)));
    const most = Math.max(...scores);
    const label = LABELS[scores.indexOf(most)];
    if (most >= NEAR) found.set(label, Math.max(most, found.get(label) ?? 0));
  }
  const labels = [...found]
    .map(([label, likeness]) => ({ label, likeness: Math.round(likeness * 1000) / 1000, by: 'embedding' }))
    .sort((one, other) => other.likeness - one.likeness || (one.label < other.label ? -1 : 1));
  const order = LABELS.map((label, i) => [label, highest[i]]).sort((one, other) => other[1] - one[1]);
  return { labels, nearest: order.slice(0, NEAREST).map(([label]) => label) };
}

// Sentences of a text, and the whole: a thought may need two.
function split(text) {
  const parts = text.split(/[.!?;\n]+/).map((part) => part.trim()).filter((part) => part.length > 2);
  return [...new Set([text, ...parts])].slice(0, MAX_SENTENCES);
}
