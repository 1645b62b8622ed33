// From signs and nearness to one number, which is meant as a probability: a logistic fit, see calibration.json.

import CALIBRATION from './calibration.json';
import { margin, nearness } from './nearness.js';
import { points, signsOf } from './signs.js';

export const PHISHING = 0.5;
const SUSPICIOUS = 0.2;
const MOST_POINTS = 8; // more signs than that add nothing

const round = (value) => Math.round(value * 1e4) / 1e4;

/** `{score, verdict, signs, model}` of a message as `read` gave it. Nothing but the message counts. */
export async function judged(message) {
  const signs = signsOf(message);
  const near = await nearness(message);
  const total = Math.min(points(signs), MOST_POINTS);
  const { base, perPoint, perMargin } = near === undefined ? CALIBRATION.withoutModel : CALIBRATION.withModel;
  const odds = base + perPoint * total + (near === undefined ? 0 : perMargin * margin(near));
  const score = round(1 / (1 + Math.exp(-odds)));
  const model = near === undefined ? null : { phishing: round(near.phishing), ordinary: round(near.ordinary) };
  return { score, verdict: verdict(score), points: total, signs, model };
}

function verdict(score) {
  if (score >= PHISHING) return 'phishing';
  return score >= SUSPICIOUS ? 'suspicious' : 'nothing-found';
}
