// polkadot-api by its typed API, with the descriptors that its own command line made of the chain: argv is the node's
// URL and the descriptors' module. Prints one JSON object of what it saw.
import { pathToFileURL } from 'node:url';
import { sr25519CreateDerive } from '@polkadot-labs/hdkd';
import { DEV_PHRASE, entropyToMiniSecret, mnemonicToEntropy, ss58Address } from '@polkadot-labs/hdkd-helpers';
import { createClient } from 'polkadot-api';
import { getPolkadotSigner } from 'polkadot-api/signer';
import { getWsProvider } from 'polkadot-api/ws';
import { WebSocket } from 'ws';

const [url, module] = process.argv.slice(2);
const { fathom, getMetadata } = await import(pathToFileURL(module));
const derive = sr25519CreateDerive(entropyToMiniSecret(mnemonicToEntropy(DEV_PHRASE)));
const [alice, bob] = ['//Alice', '//Bob'].map((path) => derive(path));
const UNIT = 10n ** 12n;

const client = createClient(getWsProvider(url, { websocketClass: WebSocket }), { getMetadata });
const api = client.getTypedApi(fathom);
const { compat, constants } = await api.getStaticApis();
const many = Array.from({ length: 70 }, (_, index) => [ss58Address(new Uint8Array(32).fill(index + 1))]);

const pay = api.tx.Balances.transfer_keep_alive({ dest: { type: 'Id', value: ss58Address(bob.publicKey) }, value: UNIT });
const sent = await pay.signAndSubmit(getPolkadotSigner(alice.publicKey, 'Sr25519', alice.sign));
const [{ payload: transfer }] = api.event.Balances.Transfer.filter(sent.events);

console.log(JSON.stringify({
  compatible: [
    compat.tx.Balances.transfer_keep_alive, compat.query.System.Account, compat.event.Balances.Transfer,
    compat.apis.AccountNonceApi.account_nonce, compat.constants.System.BlockHashCount,
  ].map((entry) => entry.isCompatible()),
  existential: String(constants.Balances.ExistentialDeposit),
  amount: String(transfer.amount),
  number: [await api.query.System.Number.getValue({ at: sent.block.hash }), sent.block.number],
  values: (await api.query.System.Account.getValues(many)).length,
  nonce: await api.apis.AccountNonceApi.account_nonce(ss58Address(alice.publicKey)),
}));
client.destroy();
process.exit(0);
