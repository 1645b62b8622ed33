// Each finding has an id of README's table, and a level: `stop` of what the chain would refuse, `warn` of the rest.
import { impact, traded } from '../../parts/market.js';

const POT = '0x6d6f646c'; // "modl": accounts of pallets, which have no key
const DEPOSIT = 1_000_000_000n; // less than this keeps no account alive
const HIGH_IMPACT = 100_000n; // millionths
const CONCENTRATED = 500_000n;
const MILLION = 1_000_000n;

export function findings(market, trade, account) {
  const at = chain.at(market.block);
  const quote = traded(market, trade);
  const units = BigInt(at.storage('Assets', 'Account', market.token, account)?.balance ?? 0);
  const { free } = at.storage('System', 'Account', account).data;
  const found = [];
  const add = (id, level) => found.push({ id, level });
  if (account.startsWith(POT)) add('pot', 'stop');
  if (trade.action === 'buy') {
    if (market.paused && market.place === 'curve') add('paused', 'stop');
    if (BigInt(free) < quote.net + DEPOSIT) add('too-little-money', 'stop');
    if (quote.units < (trade.units ?? 1n)) add('sold-out', 'stop');
    if (market.taxed > 0n) add('launch-tax', 'warn');
    const { circulating } = market;
    if (circulating !== undefined && (units + quote.units) * MILLION > (circulating + quote.units) * CONCENTRATED) {
      add('concentration', 'warn');
    }
  } else if (units < trade.units) {
    add('too-few-tokens', 'stop');
  }
  if (impact(market, quote) > HIGH_IMPACT) add('impact', 'warn');
  return found;
}
