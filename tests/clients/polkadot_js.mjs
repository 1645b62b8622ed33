// @polkadot/api, unchanged: connects, reads, subscribes, signs, submits, watches to finality, decodes events and errors.
// Prints one JSON object of what it saw.
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';

const api = await ApiPromise.create({ provider: new WsProvider(process.argv[2]), noInitWarn: true });
const keyring = new Keyring({ type: 'sr25519' });
const [alice, bob] = ['//Alice', '//Bob'].map((uri) => keyring.addFromUri(uri));
const UNIT = 10n ** 12n;

const heads = [];
const stopHeads = await api.rpc.chain.subscribeNewHeads((header) => heads.push(header.number.toNumber()));
const balances = [];
const stopBalance = await api.query.system.account(bob.address, ({ data }) => balances.push(data.free.toString()));

/** Signs, sends and follows one extrinsic to finality; its statuses, events and dispatch error. */
function send(tx, signer, options = {}) {
  return new Promise((resolve, reject) => {
    const statuses = [];
    tx.signAndSend(signer, options, ({ status, events, dispatchError, txHash }) => {
      statuses.push(status.type);
      if (status.isFinalized) {
        const error = dispatchError?.isModule
          ? api.registry.findMetaError(dispatchError.asModule)
          : dispatchError?.toHuman();
        resolve({
          statuses,
          hash: txHash.toHex(),
          block: status.asFinalized.toHex(),
          events: events.map(({ event }) => `${event.section}.${event.method}`),
          error: error ?? null,
        });
      } else if (status.isInvalid || status.isDropped || status.isUsurped) reject(new Error(status.type));
    }).catch(reject);
  });
}

const refusal = async (tx, options) => {
  try {
    await tx.signAndSend(alice, options);
    return null;
  } catch (error) {
    return error.message;
  }
};

const transfer = await send(api.tx.balances.transferKeepAlive(bob.address, UNIT), alice);
const batch = await send(
  api.tx.utility.batchAll([api.tx.system.remarkWithEvent('0x1234'), api.tx.balances.transferAll(bob.address, false)]),
  keyring.addFromUri('//Charlie'),
);
const sudo = await send(api.tx.sudo.sudo(api.tx.balances.forceSetBalance(bob.address, 7n * UNIT)), alice);
const notSudo = await send(api.tx.sudo.sudo(api.tx.system.remark('0x')), bob);
const poor = await send(api.tx.balances.transferKeepAlive(bob.address, 900_000_000n * UNIT), alice);
const { assets } = api.tx;
const token = await send(
  api.tx.utility.batchAll([
    assets.create(1337, alice.address, 10),
    assets.setMetadata(1337, 'Mine', 'MNE', 6),
    assets.mint(1337, alice.address, 1000),
    assets.transfer(1337, bob.address, 300),
    assets.approveTransfer(1337, bob.address, 100),
  ]),
  alice,
);
const tokenState = {
  units: (await api.query.assets.account(1337, bob.address)).unwrap().balance.toNumber(),
  approved: (await api.query.assets.approvals(1337, alice.address, bob.address)).unwrap().amount.toNumber(),
  symbol: (await api.query.assets.metadata(1337)).symbol.toUtf8(),
  approvals: (await api.query.assets.approvals.entries(1337)).map(([key]) => key.args.map(String)),
  pot: api.consts.treasury.potAccount.toString(),
};
const stale = await refusal(api.tx.balances.transferKeepAlive(bob.address, UNIT), { nonce: 0 });
const at = await api.at(transfer.block);
const details = await api.rpc.payment.queryFeeDetails(api.tx.system.remark('0x00').toHex(), null).catch((e) => e.message);
const { rpc } = api;
const [genesis, key] = [api.genesisHash, api.query.system.account.key(bob.address)];
const prefix = api.query.system.account.keyPrefix();
const child = '0x' + Buffer.from(':child_storage:default:some').toString('hex');
await rpc.offchain.localStorageSet('PERSISTENT', '0x01', '0x02');
await rpc.system.addLogFilter('txpool=debug');
await rpc.system.resetLogFilter();
const rotated = await rpc.author.rotateKeys();
const rarely = {
  child: [await rpc.childstate.getKeys(child, '0x'), await rpc.childstate.getStorageEntries(child, ['0x00'])],
  pairs: (await rpc.state.getPairs(prefix, genesis)).length,
  keys: (await rpc.state.getKeys(prefix, genesis)).length,
  migration: await rpc.state.trieMigrationStatus(),
  changes: (await rpc.state.queryStorage([key], genesis, transfer.block)).length,
  offchain: await rpc.offchain.localStorageGet('PERSISTENT', '0x01'),
  hasAlice: await rpc.author.hasKey(`0x${Buffer.from(alice.publicKey).toString('hex')}`, 'aura'),
  hasRotated: await rpc.author.hasSessionKeys(rotated.toHex()),
  removed: await rpc.author.removeExtrinsic([{ Hash: transfer.hash }]),
};

console.log(JSON.stringify({
  rarely,
  token: { ...token, ...tokenState },
  chain: (await api.rpc.system.chain()).toString(),
  metadata: api.runtimeMetadata.version,
  apis: Object.keys(api.call),
  fee: (await api.tx.balances.transferKeepAlive(bob.address, UNIT).paymentInfo(alice)).partialFee.toString(),
  feeDetails: JSON.stringify(details),
  accounts: (await api.query.system.account.entries()).length,
  pastEvents: (await at.query.system.events()).length,
  pastBalance: (await at.query.system.account(bob.address)).data.free.toString(),
  balance: (await api.query.system.account(bob.address)).data.free.toString(),
  author: (await api.derive.chain.getHeader(transfer.block)).author?.toString() ?? null,
  seenBalances: balances.length,
  heads,
  transfer, batch, sudo, notSudo, poor, stale,
}));
stopHeads();
stopBalance();
await api.disconnect();
