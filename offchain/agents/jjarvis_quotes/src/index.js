// What a trade on a curve or in a pool comes to, by the chain's own arithmetic. See README.md beside this folder.
import { impact, marginal, perToken, traded } from '../../parts/market.js';
import { routed } from '../../parts/routes.js';
import { marketAsked, tradeAsked } from '../../parts/trade_query.js';
import page from './page.html';

async function quote({ query }) {
  const trade = tradeAsked(query);
  const market = await marketAsked(query);
  const found = traded(market, trade);
  return {
    agent: market.agent,
    symbol: market.symbol,
    block: market.block,
    place: market.place,
    number: market.number,
    action: trade.action,
    units: String(found.units),
    net: String(found.net),
    perToken: String(perToken(market, found)),
    price: String(marginal(market)),
    impact: Number(impact(market, found)),
  };
}

export default routed({ 'GET /': () => page, 'GET /quote': quote });
