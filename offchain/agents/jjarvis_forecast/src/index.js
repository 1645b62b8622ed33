// Where a token's price may be in an hour or a day, by nothing but how it moved. See README.md beside this folder.
import { whole } from '../../parts/reading.js';
import { marginal } from '../../parts/market.js';
import { routed } from '../../parts/routes.js';
import { marketAsked } from '../../parts/trade_query.js';
import { forecast } from './forecast.js';
import { history } from './history.js';
import page from './page.html';

const MAX_AHEAD = 1_024;

// `ahead`: blocks.
async function asked({ query }) {
  const ahead = query.ahead === undefined ? 100 : whole(Number(query.ahead), 'ahead', 1, MAX_AHEAD);
  const market = await marketAsked(query);
  const prices = history(market, ahead);
  const { agent, symbol, block } = market;
  return { agent, symbol, block, ahead, price: String(marginal(market)), ...forecast(prices) };
}

export default routed({ 'GET /': () => page, 'GET /forecast': asked });
