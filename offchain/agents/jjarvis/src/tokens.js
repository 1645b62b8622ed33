// Which agent's token is meant: looked up on the chain, by the exact name or symbol, or refused.
import { BadInput } from '../../parts/reading.js';

const MAX_CURVES = 64;

const text = (hex) => new TextDecoder().decode(Uint8Array.fromHex(hex.slice(2)));

export function agentOf({ agent, symbol }, block) {
  const at = chain.at(block);
  return symbol === undefined ? byName(at, agent) : bySymbol(at, symbol);
}

function byName(at, name) {
  const found = at.storage('Agents', 'ByName', name);
  if (found === null) throw new BadInput('intent', `names the agent ${name}, which there is none of`);
  return found;
}

// Anybody may take any symbol, so one that two tokens have means none of them.
function bySymbol(at, symbol) {
  const count = at.storage('Curves', 'NextCurve');
  if (count > MAX_CURVES) throw new BadInput('intent', `names a symbol, and there are too many tokens to look through: name the agent`);
  const found = [];
  for (let id = 0; id < count; id++) {
    const { agent, token } = at.storage('Curves', 'Curve', id);
    if (text(at.storage('Assets', 'Metadata', token).symbol) === symbol) found.push(agent);
  }
  if (!found.length) throw new BadInput('intent', `names ${symbol}, which no token is called`);
  if (found.length > 1) throw new BadInput('intent', `names ${symbol}, which agents ${found.join(' and ')} both have: name the agent`);
  return found[0];
}
