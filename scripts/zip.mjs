// A zip archive whose bytes depend on nothing but its entries: no times, no owners, and stored rather than deflated, since what
// deflates is another zlib in other builds of Node, with other bytes. Facts: PKWARE's APPNOTE.TXT 6.3.
import { crc32 } from 'node:zlib'

const UNIX = 3
const VERSION = 20
/** 1980-01-01, the first day it can name. */
const DATE = 0x0021
const UTF8_NAMES = 0x0800

/** `entries` are `{ name, contents, mode }`, in order; `mode` as `chmod` takes it. */
export function zip(entries) {
  const locals = []
  const directory = []
  let offset = 0
  for (const { name, contents, mode } of entries) {
    const path = Buffer.from(name)
    const facts = fields(
      [2, VERSION],
      [2, UTF8_NAMES],
      [2, 0],
      [2, 0],
      [2, DATE],
      [4, crc32(contents)],
      [4, contents.length],
      [4, contents.length],
      [2, path.length],
      [2, 0],
    )
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), facts, path, contents])
    // Without the type of the file some unpackers give it no mode.
    const attributes = ((0o100000 | mode) << 16) >>> 0
    directory.push(
      Buffer.concat([
        Buffer.from('PK\x01\x02'),
        fields([1, VERSION], [1, UNIX]),
        facts,
        fields([2, 0], [2, 0], [2, 0], [4, attributes], [4, offset]),
        path,
      ]),
    )
    locals.push(local)
    offset += local.length
  }
  const central = Buffer.concat(directory)
  const end = fields([2, 0], [2, 0], [2, entries.length], [2, entries.length], [4, central.length], [4, offset], [2, 0])
  return Buffer.concat([...locals, central, Buffer.from('PK\x05\x06'), end])
}

/** Little-endian numbers, as `[bytes, value]`. */
function fields(...list) {
  return Buffer.concat(
    list.map(([bytes, value]) => {
      const field = Buffer.alloc(bytes)
      field.writeUIntLE(value, 0, bytes)
      return field
    }),
  )
}
