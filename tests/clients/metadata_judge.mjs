// Two client libraries as outside judges of our metadata: @polkadot/types and the metadata builders of polkadot-api.
//
// stdin:  {"metadata": {"14": "0x...", ...}, "values": {"polkadot.js": [[type number, "0x..."], ...], "polkadot-api": ...},
//          "errors": [type number of DispatchError, ["0x...", ...]]}
// stdout: {"14": {"polkadot.js": report, "polkadot-api": report}, ...}; a report says what the library found, by pallet,
//         which types it can't build, which values it could not decode and encode again to the same bytes, and how it
//         names the errors.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

import { expandMetadata, Metadata, TypeRegistry } from '@polkadot/types'
import { stringCamelCase } from '@polkadot/util'

// polkadot-api carries its own versions of these, newer than those that other packages bring to the top
const insidePapi = createRequire(createRequire(import.meta.url).resolve('polkadot-api'))
const papi = (name) => import(pathToFileURL(insidePapi.resolve(`@polkadot-api/${name}`)))
const { decAnyMetadata, unifyMetadata } = await papi('substrate-bindings')
const { getDynamicBuilder, getLookupFn } = await papi('metadata-builders')

const bytesOf = (hex) => Uint8Array.from(Buffer.from(hex.slice(2), 'hex'))
const hexOf = (bytes) => '0x' + Buffer.from(bytes).toString('hex')
const plain = (value) => JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? v.toString() : v)))

function check (values, again) {
  const failures = []
  for (const [type, hex] of values) {
    try {
      const got = again(type, hex)
      if (got !== hex) failures.push([type, hex, got])
    } catch (error) {
      failures.push([type, hex, String(error)])
    }
  }
  return failures
}

function unusable (count, build) {
  return Array.from({ length: count }, (_, id) => id).filter((id) => {
    try {
      build(id)
      return false
    } catch {
      return true
    }
  })
}

function polkadotJs (hex, values, [errorType, errors]) {
  const registry = new TypeRegistry()
  const metadata = new Metadata(registry, hex)
  registry.setMetadata(metadata)
  const { consts, errors: declared, events, query, tx } = expandMetadata(registry, metadata)
  const pallets = {}
  for (const pallet of metadata.asLatest.pallets) {
    const name = pallet.name.toString()
    const section = stringCamelCase(name)
    const fields = (meta) => meta.fields.map((field) => [field.name.unwrapOr('').toString(), field.typeName.unwrapOr('').toString()])
    const listed = (items, of) => Object.fromEntries(Object.values(items ?? {}).filter((item) => item?.meta).map(of))
    const entries = pallet.storage.isSome ? pallet.storage.unwrap().items.map((item) => item.name.toString()) : []
    pallets[name] = {
      index: pallet.index.toNumber(),
      storage: Object.fromEntries(entries.map((entry) => {
        const item = query[section][stringCamelCase(entry)]
        const fallback = registry.createTypeUnsafe(
          registry.createLookupType(item.meta.type.isPlain ? item.meta.type.asPlain : item.meta.type.asMap.value),
          item.meta.modifier.isDefault ? [item.meta.fallback.toU8a(true)] : [])
        return [entry, {
          prefix: hexOf(item.keyPrefix()),
          modifier: item.meta.modifier.toString(),
          hashers: item.meta.type.isMap ? item.meta.type.asMap.hashers.map(String) : [],
          fallback: item.meta.modifier.isDefault ? hexOf(fallback.toU8a()) : null,
          docs: item.meta.docs.map(String)
        }]
      })),
      constants: listed(consts[section], (item) => [item.meta.name.toString(), hexOf(item.toU8a())]),
      calls: listed(tx[section], (item) => [item.meta.name.toString(), [item.meta.index.toNumber(), fields(item.meta), item.meta.docs.map(String)]]),
      events: listed(events[section], (item) => [item.meta.name.toString(), [item.meta.index.toNumber(), fields(item.meta), item.meta.docs.map(String)]]),
      errors: listed(declared[section], (item) => [item.meta.name.toString(), [item.meta.index.toNumber()]])
    }
  }
  const { extrinsic, apis } = metadata.asLatest
  return {
    pallets,
    versions: Array.from(extrinsic.versions),
    extensions: extrinsic.transactionExtensions.map((extension) => extension.identifier.toString()),
    signedExtensions: registry.signedExtensions,
    address: registry.createType('Address').toRawType(),
    signature: registry.createType('ExtrinsicSignature').toRawType(),
    apis: Object.fromEntries(apis.map((api) => [
      api.name.toString(),
      Object.fromEntries(api.methods.map((method) => [method.name.toString(), method.inputs.map((input) => input.name.toString())]))
    ])),
    errors: errors.map((error) => {
      const { name } = registry.findMetaError(registry.createTypeUnsafe(`Lookup${errorType}`, [bytesOf(error)]).asModule)
      return `${metadata.asLatest.pallets.find(({ index }) => index.eq(bytesOf(error)[1])).name}.${name}`
    }),
    unusable: unusable(metadata.asLatest.lookup.types.length, (id) => registry.createTypeUnsafe(`Lookup${id}`, []).toU8a()),
    failures: check(values, (type, hex) => hexOf(registry.createTypeUnsafe(`Lookup${type}`, [bytesOf(hex)]).toU8a()))
  }
}

function polkadotApi (hex, values, [errorType, errors]) {
  const metadata = unifyMetadata(decAnyMetadata(bytesOf(hex)))
  const lookup = getLookupFn(metadata)
  const builder = getDynamicBuilder(lookup)
  const pallets = {}
  for (const pallet of metadata.pallets) {
    const variants = (kind, build) => {
      const names = pallet[kind] == null ? [] : metadata.lookup[pallet[kind].type].def.value
      return Object.fromEntries(names.map(({ name }) => [name, build(pallet.name, name).location]))
    }
    pallets[pallet.name] = {
      index: pallet.index,
      storage: Object.fromEntries((pallet.storage?.items ?? []).map(({ name, modifier }) => {
        const { fallback, keys, len, value } = builder.buildStorage(pallet.name, name)
        return [name, { prefix: keys.enc().slice(0, 66), keys: len, fallback: modifier === 1 ? hexOf(value.enc(fallback)) : null }]
      })),
      constants: Object.fromEntries(pallet.constants.map(({ name, value }) => {
        const codec = builder.buildConstant(pallet.name, name)
        return [name, hexOf(codec.enc(codec.dec(value)))]
      })),
      calls: variants('calls', builder.buildCall),
      events: variants('events', builder.buildEvent),
      errors: variants('errors', builder.buildError)
    }
  }
  for (const extension of metadata.extrinsic.signedExtensions[0]) {
    builder.buildDefinition(extension.type)
    builder.buildDefinition(extension.additionalSigned)
  }
  return {
    pallets,
    versions: metadata.extrinsic.version,
    extensions: metadata.extrinsic.signedExtensions[0].map(({ identifier }) => identifier),
    call: lookup.call,
    ss58: builder.ss58Prefix,
    apis: Object.fromEntries(metadata.apis.map((api) => [
      api.name,
      Object.fromEntries(api.methods.map((method) => {
        builder.buildRuntimeCall(api.name, method.name)
        return [method.name, method.inputs.map(({ name }) => name)]
      }))
    ])),
    errors: errors.map((error) => {
      const { value } = builder.buildDefinition(errorType).dec(error)
      return `${value.type}.${value.value.type}`
    }),
    unusable: unusable(metadata.lookup.length, builder.buildDefinition),
    failures: check(values, (type, hex) => {
      const codec = builder.buildDefinition(type)
      return hexOf(codec.enc(codec.dec(hex)))
    })
  }
}

const given = JSON.parse(readFileSync(0))
const reports = {}
for (const [version, hex] of Object.entries(given.metadata)) {
  reports[version] = Object.fromEntries(Object.entries({ 'polkadot.js': polkadotJs, 'polkadot-api': polkadotApi }).map(
    ([client, report]) => [client, report(hex, given.values[client], given.errors)]))
}
process.stdout.write(JSON.stringify(plain(reports)))
