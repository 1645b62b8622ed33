// @polkadot/api upgrades the chain: argv is the node's URL, the code of spec 2, and a code the node can't run.
// stdout: one JSON object of what it saw.

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api'

const [url, later, unknown] = process.argv.slice(2)
const api = await ApiPromise.create({ provider: new WsProvider(url), noInitWarn: true })
const alice = new Keyring({ type: 'sr25519' }).addFromUri('//Alice')
const names = (events) => events.map(({ event }) => `${event.section}.${event.method}`)

function sent (tx) {
  return new Promise((resolve, reject) => {
    const statuses = []
    tx.signAndSend(alice, ({ status, events }) => {
      statuses.push(status.type)
      if (status.isFinalized) resolve({ statuses, block: status.asFinalized.toHex(), events: names(events) })
      if (status.isInvalid) resolve({ statuses })
    }).catch(reject)
  })
}

async function until (holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}

const code = (await api.rpc.state.getStorage(':code')).toHex()
const refused = await sent(api.tx.sudo.sudo(api.tx.system.setCode(unknown)))
const codeAfterRefusal = (await api.rpc.state.getStorage(':code')).toHex()
const before = { spec: api.runtimeVersion.specVersion.toNumber(), notes: api.tx.notes !== undefined }

const upgraded = await sent(api.tx.sudo.sudo(api.tx.system.setCode(later)))
await until(() => api.runtimeVersion.specVersion.toNumber() === 2 && api.tx.notes !== undefined)
const left = await sent(api.tx.notes.leave('a note of spec 2'))
const note = (await api.query.notes.note()).toUtf8()

const header = await api.rpc.chain.getHeader(upgraded.block)
const past = await api.at(header.parentHash)
const same = await api.at(left.block)
const round = await api.rpc.grandpa.roundState()
const proof = await api.rpc.grandpa.proveFinality(header.number.toNumber())

console.log(JSON.stringify({
  refused,
  codeKept: code === codeAfterRefusal,
  before,
  upgraded,
  logs: header.digest.logs.map((log) => log.type),
  left,
  note,
  past: { spec: past.runtimeVersion.specVersion.toNumber(), notes: past.query.notes !== undefined, events: names(await past.query.system.events()) },
  same: { spec: same.runtimeVersion.specVersion.toNumber(), events: names(await same.query.system.events()) },
  migratedAfter: (await api.query.notes.migratedAfter()).unwrap().toNumber() - header.number.toNumber(),
  round: round.toJSON(),
  proven: proof.isSome
}))
await api.disconnect()
