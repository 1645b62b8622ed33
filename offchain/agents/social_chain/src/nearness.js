// How near a message is to phishing and to ordinary mail: to the mean of prototypes of each, and of the messages that the
// agent was made with. The means are kept for the worker's usual model; another one is recognised by a text to which it gives
// another vector, and then embeds the prototypes first.

import { dot, embedded, unit, unpacked } from '../../parts/vectors.js';
import PROTOTYPES from './prototypes.json';
import KEPT from './vectors.json';

const PART = 600; // characters: ordinary text around phishing doesn't hide it
const MOST_PARTS = 6;
const SAME = 0.98;

let kept;
const keptVectors = () =>
  (kept ??= Object.fromEntries(Object.entries(KEPT).map(([kind, vector]) => [kind, unpacked(vector)])));

/** `{phishing, ordinary}`: cosines with the mean of either kind, of the part that is nearest to phishing; undefined without a model. */
export async function nearness(message) {
  const parts = partsOf(message);
  const vectors = await embedded([PROTOTYPES.phishing[0], ...parts]);
  if (vectors === undefined) return undefined;
  const [known, ...found] = vectors;
  const usual = known.length === keptVectors().known.length && dot(known, keptVectors().known) > SAME;
  const means = usual ? keptVectors() : await embeddedMeans();
  if (means === undefined) return undefined;
  const each = found.map((vector) => ({
    phishing: dot(vector, means.phishing),
    ordinary: dot(vector, means.ordinary),
  }));
  return each.reduce((worst, one) => (margin(one) > margin(worst) ? one : worst));
}

export const margin = ({ phishing, ordinary }) => phishing - ordinary;

function partsOf({ headers, body, text }) {
  const subject = headers.get('subject')?.value ?? '';
  const words = `${subject}\n${body}`
    .replace(/<[^>]{0,500}>/g, ' ')
    .replace(/\bhttps?:\/\/\S+/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const whole = words === '' ? text.slice(0, PART) : words;
  const parts = [];
  for (let at = 0; at < whole.length && parts.length < MOST_PARTS; at += PART) parts.push(whole.slice(at, at + PART));
  return parts;
}

async function embeddedMeans() {
  const { phishing, ordinary } = PROTOTYPES;
  const vectors = await embedded([...phishing, ...ordinary]);
  return (
    vectors && { phishing: mean(vectors.slice(0, phishing.length)), ordinary: mean(vectors.slice(phishing.length)) }
  );
}

const mean = (vectors) => unit(vectors[0].map((_, i) => vectors.reduce((sum, vector) => sum + vector[i], 0)));
