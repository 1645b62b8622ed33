// Buffer, which guests of Phala's gateway have from Node.

return ['utf8', 'hex', 'base64', 'base64url', 'latin1', 'binary', 'ascii', 'utf16le', 'UCS-2'].map(e => Buffer.from('héé€😀\0x').toString(e))

return [['68c3a9zz', 'hex'], ['abc', 'hex'], ['aGk', 'base64'], ['a-_/aGk=xx', 'base64'], ['aGk=\n', 'base64url'], ['h\u0141', 'latin1'], ['hé', 'utf16le'], ['\ud800x', 'utf8']].map(([t, e]) => [...Buffer.from(t, e)])

return [Buffer.from([1, 2, 300]), Buffer.from(new Uint16Array([1, 258])), Buffer.from(new Uint8Array([5, 6, 7]).buffer, 1, 1), Buffer.from(Buffer.from('ab').toJSON()), Buffer.from({length: 2, 0: 7}), Buffer.alloc(4, 'ab'), Buffer.alloc(3, 1), Buffer.of(1, 2)].map(b => [...b, Buffer.isBuffer(b), b.constructor === Buffer])

return JSON.stringify([Buffer.from('ab'), Buffer.concat([Buffer.from('ab'), new Uint8Array([1])]), Buffer.concat([Buffer.from('abc')], 2), Buffer.concat([Buffer.from('a')], 3)])

const b = Buffer.from('0102030405060708090a', 'hex'); return [b.readUInt8(1), b.readInt16BE(0), b.readUInt16LE(2), b.readUInt32BE(1), b.readInt32LE(), b.readBigUInt64BE(0), b.readBigInt64LE(1), b.readDoubleBE(0), b.readFloatLE(2), b.readUIntBE(0, 6), b.readIntLE(3, 3), b.readUint8(0), b.readUint16BE(4)]

const b = Buffer.alloc(24); return [b.writeUInt8(255, 0), b.writeInt16LE(-2, 1), b.writeUInt32BE(0xdeadbeef, 3), b.writeBigUInt64LE(2n ** 63n, 7), b.writeDoubleLE(1.5, 15), b.writeUIntBE(0x010203, 20, 3), b.toString('hex')]

const b = Buffer.alloc(5); return [b.write('h€€'), b.write('zz', 3), b.write('ff00', 0, 'hex'), b.write('abc', 1, 2, 'latin1'), b.toString('hex')]

const b = Buffer.from('hello world'); const s = b.slice(1, 4); s[0] = 69; return [String(b), String(s), String(b.subarray(-5)), b.toString('utf8', 6), b.toString('hex', 0, 2), b.indexOf('o'), b.indexOf('o', 5), b.lastIndexOf('o'), b.indexOf('zz'), b.includes('wor'), b.indexOf(Buffer.from('ld')), b.indexOf(0x6c)]

const b = Buffer.from('abc'); const t = Buffer.alloc(5, '-'); return [b.equals(Buffer.from('abc')), b.compare(Buffer.from('abd')), Buffer.compare(b, Buffer.from('ab')), b.copy(t, 1, 1), String(t), String(Buffer.from('abcd').swap16()), Buffer.byteLength('é€'), Buffer.byteLength('aGk=', 'hex'), Buffer.isEncoding('UTF-8'), Buffer.isEncoding('x')]

return [() => Buffer.from(5), () => Buffer.alloc('5'), () => Buffer.from('a').readUInt16BE(0), () => Buffer.from('a').toString('nope'), () => Buffer.from('a', 'nope')].map(f => { try { f(); return 'fine' } catch (e) { return e.name } })

return [typeof Buffer.from('a').map(x => x + 1).toString('hex'), Buffer.from('ab') instanceof Uint8Array, Object.prototype.toString.call(Buffer.from('a')), Buffer('ab').toString('hex'), new Buffer('ab').toString('hex'), Buffer.from('\ufeffa').toString().length, `${Buffer.from('ab')}`]
