// crypto.

return subtle.digest('SHA-1', text('abc'))

return subtle.digest('sha-256', text('abc'))

return subtle.digest('SHA-384', text('abc'))

return subtle.digest('SHA-512', text('abc'))

return subtle.digest('MD5', text('abc'))

const k = await subtle.importKey('raw', text('key'), {name: 'HMAC', hash: 'SHA-1'}, true, ['sign', 'verify']);
const s = await subtle.sign('HMAC', k, text('m'));
return [s, await subtle.verify('HMAC', k, s, text('m')), await subtle.verify('HMAC', k, s, text('n')), k.algorithm, k.usages, k.type, await subtle.exportKey('jwk', k)]

const k = await subtle.importKey('raw', text('key'), {name: 'HMAC', hash: 'SHA-256'}, true, ['sign', 'verify']);
const s = await subtle.sign('HMAC', k, text('m'));
return [s, await subtle.verify('HMAC', k, s, text('m')), await subtle.verify('HMAC', k, s, text('n')), k.algorithm, k.usages, k.type, await subtle.exportKey('jwk', k)]

const k = await subtle.importKey('raw', text('key'), {name: 'HMAC', hash: 'SHA-384'}, true, ['sign', 'verify']);
const s = await subtle.sign('HMAC', k, text('m'));
return [s, await subtle.verify('HMAC', k, s, text('m')), await subtle.verify('HMAC', k, s, text('n')), k.algorithm, k.usages, k.type, await subtle.exportKey('jwk', k)]

const k = await subtle.importKey('raw', text('key'), {name: 'HMAC', hash: 'SHA-512'}, true, ['sign', 'verify']);
const s = await subtle.sign('HMAC', k, text('m'));
return [s, await subtle.verify('HMAC', k, s, text('m')), await subtle.verify('HMAC', k, s, text('n')), k.algorithm, k.usages, k.type, await subtle.exportKey('jwk', k)]

const k = await subtle.importKey('raw', hex('00'.repeat(16)), 'AES-GCM', true, ['encrypt', 'decrypt']);
const a = {name: 'AES-GCM', iv: new Uint8Array(12), additionalData: text('x'), tagLength: 128};
const e = await subtle.encrypt(a, k, text('secret'));
return [e, await subtle.decrypt(a, k, e), k.algorithm, await subtle.exportKey('jwk', k)]

const k = await subtle.importKey('raw', hex('00'.repeat(32)), 'AES-GCM', true, ['encrypt', 'decrypt']);
const a = {name: 'AES-GCM', iv: new Uint8Array(12), additionalData: text('x'), tagLength: 96};
const e = await subtle.encrypt(a, k, text('secret'));
return [e, await subtle.decrypt(a, k, e), k.algorithm, await subtle.exportKey('jwk', k)]

const k = await subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, ['decrypt']);
return subtle.decrypt({name: 'AES-GCM', iv: new Uint8Array(12)}, k, new Uint8Array(20))

const k = await subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, ['decrypt']);
return subtle.encrypt({name: 'AES-GCM', iv: new Uint8Array(12)}, k, new Uint8Array(20))

return subtle.importKey('raw', new Uint8Array(15), 'AES-GCM', false, ['decrypt'])

return subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, ['sign'])

return subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, [])

return subtle.importKey('raw', new Uint8Array(16), 'NOPE', false, [])

const k = await subtle.importKey('raw', new Uint8Array(16), 'AES-CBC', true, ['encrypt', 'decrypt']);
const a = {name: 'AES-CBC', iv: new Uint8Array(16)};
const e = await subtle.encrypt(a, k, text('0123456789abcdef'));
return [e, await subtle.decrypt(a, k, e)]

const k = await subtle.importKey('raw', new Uint8Array(16), 'AES-CTR', true, ['encrypt']);
return subtle.encrypt({name: 'AES-CTR', counter: new Uint8Array(16).fill(255), length: 8}, k, new Uint8Array(40))

const k = await subtle.importKey('raw', text('ikm'), 'HKDF', false, ['deriveBits', 'deriveKey']);
const a = {name: 'HKDF', hash: 'SHA-256', salt: text('s'), info: text('i')};
return [await subtle.deriveBits(a, k, 320), await subtle.exportKey('raw', await subtle.deriveKey(a, k, {name: 'AES-GCM', length: 256}, true, ['encrypt']))]

const pair = await subtle.generateKey({name: 'ECDSA', namedCurve: 'P-256'}, true, ['sign', 'verify']);
const own = await subtle.importKey('jwk', await subtle.exportKey('jwk', pair.privateKey), {name: 'ECDSA', namedCurve: 'P-256'}, true, pair.privateKey.usages);
const other = await subtle.importKey('spki', await subtle.exportKey('spki', pair.publicKey), {name: 'ECDSA', namedCurve: 'P-256'}, true, pair.publicKey.usages);
const again = await subtle.importKey('pkcs8', await subtle.exportKey('pkcs8', own), {name: 'ECDSA', namedCurve: 'P-256'}, true, own.usages);
const raw = await subtle.exportKey('raw', pair.publicKey);
return [pair.privateKey.algorithm, pair.publicKey.usages, pair.privateKey.usages, raw.byteLength, await subtle.verify({name: 'ECDSA', hash: 'SHA-256'}, other, await subtle.sign({name: 'ECDSA', hash: 'SHA-256'}, again, text('m')), text('m'))]

const pair = await subtle.generateKey({name: 'ECDSA', namedCurve: 'P-384'}, true, ['sign', 'verify']);
const own = await subtle.importKey('jwk', await subtle.exportKey('jwk', pair.privateKey), {name: 'ECDSA', namedCurve: 'P-384'}, true, pair.privateKey.usages);
const other = await subtle.importKey('spki', await subtle.exportKey('spki', pair.publicKey), {name: 'ECDSA', namedCurve: 'P-384'}, true, pair.publicKey.usages);
const again = await subtle.importKey('pkcs8', await subtle.exportKey('pkcs8', own), {name: 'ECDSA', namedCurve: 'P-384'}, true, own.usages);
const raw = await subtle.exportKey('raw', pair.publicKey);
return [pair.privateKey.algorithm, pair.publicKey.usages, pair.privateKey.usages, raw.byteLength, await subtle.verify({name: 'ECDSA', hash: 'SHA-384'}, other, await subtle.sign({name: 'ECDSA', hash: 'SHA-384'}, again, text('m')), text('m'))]

const pair = await subtle.generateKey({name: 'ECDSA', namedCurve: 'P-521'}, true, ['sign', 'verify']);
const own = await subtle.importKey('jwk', await subtle.exportKey('jwk', pair.privateKey), {name: 'ECDSA', namedCurve: 'P-521'}, true, pair.privateKey.usages);
const other = await subtle.importKey('spki', await subtle.exportKey('spki', pair.publicKey), {name: 'ECDSA', namedCurve: 'P-521'}, true, pair.publicKey.usages);
const again = await subtle.importKey('pkcs8', await subtle.exportKey('pkcs8', own), {name: 'ECDSA', namedCurve: 'P-521'}, true, own.usages);
const raw = await subtle.exportKey('raw', pair.publicKey);
return [pair.privateKey.algorithm, pair.publicKey.usages, pair.privateKey.usages, raw.byteLength, await subtle.verify({name: 'ECDSA', hash: 'SHA-1'}, other, await subtle.sign({name: 'ECDSA', hash: 'SHA-1'}, again, text('m')), text('m'))]

const pair = await subtle.generateKey({name: 'Ed25519'}, true, ['sign', 'verify']);
const own = await subtle.importKey('jwk', await subtle.exportKey('jwk', pair.privateKey), {name: 'Ed25519'}, true, pair.privateKey.usages);
const other = await subtle.importKey('spki', await subtle.exportKey('spki', pair.publicKey), {name: 'Ed25519'}, true, pair.publicKey.usages);
const again = await subtle.importKey('pkcs8', await subtle.exportKey('pkcs8', own), {name: 'Ed25519'}, true, own.usages);
const raw = await subtle.exportKey('raw', pair.publicKey);
return [pair.privateKey.algorithm, pair.publicKey.usages, pair.privateKey.usages, raw.byteLength, await subtle.verify('Ed25519', other, await subtle.sign('Ed25519', again, text('m')), text('m'))]

const pair = await subtle.generateKey({name: 'ECDH', namedCurve: 'P-256'}, true, ['deriveBits']);
const own = await subtle.importKey('jwk', await subtle.exportKey('jwk', pair.privateKey), {name: 'ECDH', namedCurve: 'P-256'}, true, pair.privateKey.usages);
const other = await subtle.importKey('spki', await subtle.exportKey('spki', pair.publicKey), {name: 'ECDH', namedCurve: 'P-256'}, true, pair.publicKey.usages);
const again = await subtle.importKey('pkcs8', await subtle.exportKey('pkcs8', own), {name: 'ECDH', namedCurve: 'P-256'}, true, own.usages);
const raw = await subtle.exportKey('raw', pair.publicKey);
return [pair.privateKey.algorithm, pair.publicKey.usages, pair.privateKey.usages, raw.byteLength, (await subtle.deriveBits({name: 'ECDH', public: other}, again, 128)).byteLength]

const pair = await subtle.generateKey({name: 'X25519'}, true, ['deriveBits']);
const own = await subtle.importKey('jwk', await subtle.exportKey('jwk', pair.privateKey), {name: 'X25519'}, true, pair.privateKey.usages);
const other = await subtle.importKey('spki', await subtle.exportKey('spki', pair.publicKey), {name: 'X25519'}, true, pair.publicKey.usages);
const again = await subtle.importKey('pkcs8', await subtle.exportKey('pkcs8', own), {name: 'X25519'}, true, own.usages);
const raw = await subtle.exportKey('raw', pair.publicKey);
return [pair.privateKey.algorithm, pair.publicKey.usages, pair.privateKey.usages, raw.byteLength, (await subtle.deriveBits({name: 'X25519', public: other}, again, 256)).byteLength]

const d = hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
const pkcs8 = new Uint8Array([...hex('302e020100300506032b657004220420'), ...d]);
const k = await subtle.importKey('pkcs8', pkcs8, 'Ed25519', true, ['sign']);
return [await subtle.sign('Ed25519', k, text('')), await subtle.exportKey('jwk', k)]

const one = {kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0', d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI'};
const a = {name: 'ECDH', namedCurve: 'P-256'};
const k = await subtle.importKey('jwk', one, a, true, ['deriveBits']);
const {d, ...open} = one;
const p = await subtle.importKey('jwk', open, a, true, []);
return [await subtle.deriveBits({name: 'ECDH', public: p}, k, 256), await subtle.exportKey('spki', p), await subtle.exportKey('raw', p)]

return subtle.importKey('jwk', {kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA'}, {name: 'ECDSA', namedCurve: 'P-256'}, true, ['verify'])

return subtle.importKey('raw', new Uint8Array(65).fill(4), {name: 'ECDSA', namedCurve: 'P-256'}, true, ['verify'])

return subtle.importKey('spki', new Uint8Array(9), {name: 'ECDSA', namedCurve: 'P-256'}, true, ['verify'])

const w = await subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['wrapKey', 'unwrapKey']);
const k = await subtle.generateKey({name: 'HMAC', hash: 'SHA-256'}, true, ['sign']);
const a = {name: 'AES-GCM', iv: new Uint8Array(12)};
const back = await subtle.unwrapKey('jwk', await subtle.wrapKey('jwk', k, w, a), w, a, {name: 'HMAC', hash: 'SHA-256'}, true, ['sign']);
return [back.algorithm, (await subtle.exportKey('raw', back)).byteLength]

const u = crypto.randomUUID();
return [/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(u), u !== crypto.randomUUID()]

const a = new Uint32Array(4);
return [crypto.getRandomValues(a) === a, a.some(x => x > 255), Object.prototype.toString.call(crypto)]

crypto.getRandomValues(new Float32Array(1))

crypto.getRandomValues(new Uint8Array(65537))
