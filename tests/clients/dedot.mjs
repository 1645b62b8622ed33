// dedot, unchanged: reads, pages, subscribes, signs, submits, watches to finality, decodes events and errors, reads old blocks.
// The second argument is the client's mode: `v2` (the methods of the JSON-RPC specification) or `legacy`.
// Prints one JSON object of what it saw.
import { Keyring } from '@polkadot/api';
import { cryptoWaitReady } from '@polkadot/util-crypto';
import { DedotClient, WsProvider } from 'dedot';

const [url, mode] = process.argv.slice(2);
const UNIT = 10n ** 12n;

await cryptoWaitReady();
const keyring = new Keyring({ type: 'sr25519' });
const [alice, bob] = ['//Alice', '//Bob'].map((uri) => keyring.addFromUri(uri));
const client = mode === 'v2' ? await DedotClient.new(new WsProvider(url)) : await DedotClient.legacy(new WsProvider(url));

const names = (events) => events.map(({ event: { pallet, palletEvent } }) => `${pallet}.${palletEvent.name ?? palletEvent}`);
const free = async (api = client) => (await api.query.system.account(bob.address)).data.free;

/** Signs, sends and follows one transaction to finality; the statuses it went through and its end. */
async function send(tx, signer, options = {}) {
  const statuses = [];
  const end = await tx.signAndSend(signer, options, ({ status }) => statuses.push(status.type)).untilFinalized();
  const module = end.dispatchError ? client.registry.findErrorMeta(end.dispatchError) : undefined;
  return { statuses, block: end.status.value, events: names(end.events), error: module?.name ?? null };
}

async function refusal(tx, signer, options) {
  try {
    await tx.signAndSend(signer, options);
    return null;
  } catch (error) {
    return `${error.message}: ${JSON.stringify(error.data)}`;
  }
}

const balances = [];
const stopBalance = await client.query.system.account(bob.address, ({ data }) => balances.push(data.free));
const heads = [];
const stopHeads = await client.block.best(({ number }) => heads.push(number));

const pay = () => client.tx.balances.transferKeepAlive(bob.address, UNIT);
const { partialFee } = await pay().paymentInfo(alice.address);
const before = await free();
const already = await client.call.accountNonceApi.accountNonce(alice.address);
const transfer = await send(pay(), alice, { tip: 5n });
const batch = await send(
  client.tx.utility.batchAll([client.tx.system.remarkWithEvent('0x1234').call, pay().call]), alice,
);
const denied = await send(client.tx.sudo.setKey(bob.address), bob);
const stale = await refusal(pay(), alice, { nonce: 1 }); // the client takes 0 for none given
const poor = await refusal(pay(), keyring.addFromUri(`//Nobody//${mode}`));

const past = await client.at(transfer.block.blockHash);
const header = await client.block.header(transfer.block.blockHash);
const parent = await client.at(header.parentHash);
const multi = await client.queryMulti([
  { fn: client.query.system.account, args: [bob.address] },
  { fn: client.query.system.number, args: [] },
]);
const paged = mode === 'v2' ? null : await client.query.system.account.pagedEntries({ pageSize: 3 });

console.log(JSON.stringify({
  mode: client.rpcVersion,
  metadata: client.metadata.version,
  chain: mode === 'v2' ? await client.chainSpec.chainName() : await client.rpc.system_chain(),
  prefix: client.consts.system.ss58Prefix,
  version: (await client.call.core.version()).specName,
  already,
  nonce: await client.call.accountNonceApi.accountNonce(alice.address),
  accounts: (await client.query.system.account.entries()).length,
  page: paged?.length ?? null,
  fee: partialFee,
  received: [await free(parent) - before, await free(past) - before, multi[0].data.free - before],
  pastEvents: names(await past.query.system.events()),
  number: [header.number, transfer.block.blockNumber, multi[1]],
  seen: balances.map((balance) => balance - before),
  heads,
  transfer, batch, denied, stale, poor,
}, (_, value) => (typeof value === 'bigint' ? Number(value) : value)));
await stopBalance();
await stopHeads();
await client.disconnect();
process.exit(0);
