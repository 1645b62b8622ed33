// TextEncoder, TextDecoder, atob and btoa.

return new TextEncoder().encode('a\0é€😀\ud800z')

return new TextEncoder().encodeInto('é€😀', new Uint8Array(6))

return new TextDecoder('utf-8', {}).decode(new Uint8Array([239, 187, 191, 97, 255, 195]))

return new TextDecoder('utf-8', {ignoreBOM: true}).decode(new Uint8Array([239, 187, 191, 97]))

return new TextDecoder('utf8', {fatal: true}).decode(new Uint8Array([97, 255]))

return new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([226, 130]))

return new TextDecoder('utf-16le', {}).decode(new Uint8Array([255, 254, 61, 216, 0, 222, 97]))

return new TextDecoder('utf-16le', {fatal: true}).decode(new Uint8Array([0, 216, 97, 0]))

return new TextDecoder('utf-16le', {}).decode(new Uint8Array([0, 220, 97, 0, 0, 216]))

return new TextDecoder('ucs-2', {ignoreBOM: true}).decode(new Uint8Array([255, 254, 97, 0]))

return new TextDecoder('utf-16be', {}).decode(new Uint8Array([254, 255, 32, 172]))

return new TextDecoder('latin1', {}).decode(new Uint8Array([160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212, 213, 214, 215, 216, 217, 218, 219, 220, 221, 222, 223, 224, 225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 235, 236, 237, 238, 239, 240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255]))

return new TextDecoder('ascii', {fatal: true}).decode(new Uint8Array([65, 233, 255]))

return new TextDecoder('no-such', {}).decode(new Uint8Array([]))

return ['utf8', ' UTF-16\n', 'iso-8859-1', 'unicode-1-1-utf-8'].map(label => new TextDecoder(label).encoding)

const decoder = new TextDecoder();
const parts = [[0xef], [0xbb, 0xbf, 0xf0], [0x9f, 0x98], [0x80, 0x61], [0xf0]];
return parts.map(part => decoder.decode(new Uint8Array(part), {stream: true})).concat(decoder.decode())

const decoder = new TextDecoder('utf-16le');
const parts = [[0xff], [0xfe, 0x3d], [0xd8, 0x00], [0xde, 0x61]];
return parts.map(part => decoder.decode(new Uint8Array(part), {stream: true})).concat(decoder.decode())

return [btoa('\0\xffa'), atob(' YQ==\n'), atob('YWI'), btoa('')]

return btoa('€')

return atob('a')

return atob('a===')
