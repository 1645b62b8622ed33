// What Chopsticks' users do, with @polkadot/api: blocks by hand, storage by names, time travel, dry runs, mock signatures.
// Prints one JSON object of what it saw.
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';

const ws = new WsProvider(process.argv[2]);
const api = await ApiPromise.create({ provider: ws, noInitWarn: true });
const dev = (method, ...params) => ws.send(`dev_${method}`, params);
const keyring = new Keyring({ type: 'ed25519' });
const [bob, dave] = ['//Bob', '//Dave'].map((uri) => keyring.addFromUri(uri));
const height = async () => (await api.rpc.chain.getHeader()).number.toNumber();
const UNIT = 10n ** 12n;

const mode = await dev('setBlockBuildMode', 'Manual');
const start = await height();
await dev('newBlock', { count: 2 });
await dev('newBlock');
const mined = (await height()) - start;

await dev('setStorage', { System: { Account: [[[bob.address], { data: { free: 100000 }, nonce: 1 }]] } });
const { data, nonce } = await api.query.system.account(bob.address);
const key = api.query.sudo.key.key();
await dev('setStorage', [[key, null]]);
const noSudo = (await api.query.sudo.key()).isNone;
await dev('setStorage', { Sudo: { Key: dave.address } });
const sudo = (await api.query.sudo.key()).toString() === dave.address;

const moment = await dev('timeTravel', 'Jan 1, 2040');
await dev('newBlock');
const now = (await api.query.timestamp.now()).toNumber();

/** As Chopsticks' own tests fake a signature. */
async function fake(tx, address) {
  const { nonce } = await api.query.system.account(address);
  tx.signFake(address, { nonce, genesisHash: api.genesisHash, blockHash: api.genesisHash, runtimeVersion: api.runtimeVersion });
  tx.signature.set(new Uint8Array(64).fill(0xcd).fill(0xde, 0, 1).fill(0xad, 1, 2).fill(0xbe, 2, 3).fill(0xef, 3, 4));
  return tx;
}

const refused = await (await fake(api.tx.system.remark('0x'), bob.address)).send().catch((error) => error.message);
await dev('fund', bob.address, '5 UNIT');
await dev('impersonate', bob.address);
const transfer = () => fake(api.tx.balances.transferKeepAlive(dave.address, UNIT), bob.address);
const call = { call: api.tx.balances.transferKeepAlive(dave.address, UNIT).method.toHex(), address: bob.address };
const foretold = await dev('dryRun', { extrinsic: call });
const raw = await dev('dryRun', { raw: true, extrinsic: (await transfer()).toHex() });
await (await transfer()).send();
const block = await dev('newBlock');
const received = (await api.query.system.account(dave.address)).data.free.toString();
const same = [];
for (const [key, value] of raw) same.push((await api.rpc.state.getStorage(key))?.toHex() === value);
await dev('failNext');
await (await transfer()).send();
const failing = await dev('newBlock');
const events = await (await api.at(failing)).query.system.events();
const failed = events.find(({ event }) => event.method === 'ExtrinsicFailed' && event.section === 'system').event.data[0];
await dev('impersonate', false);

const best = await height();
await dev('setHead', -1);
const back = best - (await height());
await dev('setHead', failing);
const forth = (await api.rpc.chain.getBlockHash()).toHex() === failing;
await dev('setBlockBuildMode', 'Instant');

console.log(JSON.stringify({
  mode,
  mined,
  account: [data.free.toString(), nonce.toNumber()],
  noSudo,
  sudo,
  travelled: [moment, now],
  refused,
  foretold: [foretold.success, BigInt(foretold.fee) > 0n, foretold.events.map(({ section, method }) => `${section}.${method}`)],
  same: same.every((each) => each),
  received,
  block,
  failed: api.registry.findMetaError(failed.asModule).name,
  heads: [back, forth],
}));
await api.disconnect();
