// polkadot-api, unchanged, by its unsafe API (types from the chain's own metadata): reads, signs, submits, watches to finality.
// With `legacy` as the second argument the node seems to have only the methods that are older than the JSON-RPC
// specification. Prints one JSON object of what it saw.
import { sr25519CreateDerive } from '@polkadot-labs/hdkd';
import { DEV_PHRASE, entropyToMiniSecret, mnemonicToEntropy, ss58Address } from '@polkadot-labs/hdkd-helpers';
import { createClient } from 'polkadot-api';
import { getPolkadotSigner } from 'polkadot-api/signer';
import { getWsProvider } from 'polkadot-api/ws';
import { WebSocket } from 'ws';

const derive = sr25519CreateDerive(entropyToMiniSecret(mnemonicToEntropy(DEV_PHRASE)));
const [alice, bob] = ['//Alice', '//Bob'].map((path) => derive(path));
const signer = getPolkadotSigner(alice.publicKey, 'Sr25519', alice.sign);
const address = (pair) => ss58Address(pair.publicKey);
const UNIT = 10n ** 12n;

const called = new Set();

/** Leaves the methods of the specification out of what `rpc_methods` answers. */
class LegacySocket extends WebSocket {
  addEventListener(type, listener, options) {
    const heard = (event) => {
      const message = JSON.parse(event.data);
      if (message.result?.methods) {
        message.result.methods = message.result.methods.filter((name) => !/_v\d+_/.test(name));
        listener({ data: JSON.stringify(message) });
      } else {
        listener(event);
      }
    };
    super.addEventListener(type, type === 'message' ? heard : listener, options);
  }
}

const client = createClient(getWsProvider(process.argv[2], {
  websocketClass: process.argv[3] === 'legacy' ? LegacySocket : WebSocket,
  logger: ({ type, msg }) => type === 'OUT' && called.add(JSON.parse(msg).method),
}));
const api = client.getUnsafeApi();
const finalized = [];
const watching = client.finalizedBlock$.subscribe((block) => finalized.push(block.number));

const pay = (value) => api.tx.Balances.transfer_keep_alive({ dest: { type: 'Id', value: address(bob) }, value });
const names = (events) => events.map((event) => `${event.type}.${event.value.type}`);

/** Signs, submits and follows one transaction; the steps it went through and its end. */
function follow(tx) {
  return new Promise((resolve, reject) => {
    const steps = [];
    tx.signSubmitAndWatch(signer).subscribe({
      next: (step) => {
        steps.push(step.type);
        if (step.type === 'finalized') {
          resolve({ steps, ok: step.ok, events: names(step.events), error: step.dispatchError ?? null });
        }
      },
      error: reject,
    });
  });
}

const changes = [];
const entries = api.query.System.Account.watchEntries().subscribe(({ entries, deltas }) => {
  changes.push(deltas === null ? entries.length : deltas.upserted.length);
});
const spec = await client.getChainSpecData();
const before = (await api.query.System.Account.getValue(address(bob))).data.free;
const fee = await pay(UNIT).getEstimatedFees(address(alice));
const transfer = await follow(pay(UNIT));
const poor = await follow(pay(10n ** 30n));
const after = (await api.query.System.Account.getValue(address(bob))).data.free;
const block = await client.getFinalizedBlock();
const header = await client.getBlockHeader(block.hash);
const at = spec.genesisHash; // long unpinned
const past = {
  free: String((await api.query.System.Account.getValue(address(bob), { at })).data.free),
  accounts: (await api.query.System.Account.getEntries({ at })).length,
  nonce: await api.apis.AccountNonceApi.account_nonce(address(alice), { at }),
  body: (await client.getBlockBody(at)).length,
  number: (await client.getBlockHeader(at)).number,
};

console.log(JSON.stringify({
  past,
  name: spec.name,
  genesis: spec.genesisHash,
  prefix: await api.constants.System.SS58Prefix(),
  specName: (await api.constants.System.Version()).spec_name,
  nonce: await api.apis.AccountNonceApi.account_nonce(address(alice)),
  coreVersion: (await api.apis.Core.version()).spec_version,
  accounts: (await api.query.System.Account.getEntries()).length,
  received: String(after - before),
  fee: String(fee),
  body: (await client.getBlockBody(block.hash)).length,
  number: [header.number, block.number],
  changes,
  called: [...called].sort(),
  finalized,
  transfer,
  poor,
}));
watching.unsubscribe();
entries.unsubscribe();
client.destroy();
process.exit(0);
