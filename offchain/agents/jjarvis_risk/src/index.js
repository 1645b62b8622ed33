// What speaks against a trade: caps, concentration, accounts that can't trade. See README.md beside this folder.
import { BadInput } from '../../parts/reading.js';
import { routed } from '../../parts/routes.js';
import { marketAsked, tradeAsked } from '../../parts/trade_query.js';
import { findings } from './findings.js';
import page from './page.html';

async function risk({ query }) {
  const trade = tradeAsked(query);
  if (!/^0x[0-9a-f]{64}$/.test(query.account)) throw new BadInput('account', 'must be 32 bytes in hex');
  const market = await marketAsked(query);
  const { agent, symbol, block } = market;
  return { agent, symbol, block, findings: findings(market, trade, query.account) };
}

export default routed({ 'GET /': () => page, 'GET /risk': risk });
