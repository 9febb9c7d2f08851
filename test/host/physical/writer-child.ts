// Writes until it is killed. Arguments: the store's directory, its key in hex, the round. Tells on stdout, one line each and only
// after the store acknowledged it, what it wrote ("+ key") and deleted ("- key"). Stops with "! reason" when a write fails.
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { openEncryptedStorage } from '../../../src/host/physical/encrypted.ts'
import { openLevelStorage } from '../../../src/host/physical/level.ts'
import { valueOf } from './writer-values.ts'

const WRITERS = 20
const [directory = '', keyHex = '', round = ''] = process.argv.slice(2)

const storage = await openEncryptedStorage({
  inner: await openLevelStorage(directory),
  key: Buffer.from(keyHex, 'hex'),
  random: randomBytes,
})

async function writeForever(writer: number): Promise<never> {
  for (let count = 0; ; count++) {
    const key = `r${round}/w${writer}/${count}`
    await storage.put({ key, value: valueOf(key) })
    writeSync(1, `+ ${key}\n`)
    if (count % 5 !== 4) continue
    const old = `r${round}/w${writer}/${count - 2}`
    await storage.delete(old)
    writeSync(1, `- ${old}\n`)
  }
}

try {
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => writeForever(writer)))
} catch (error) {
  writeSync(1, `! ${String(error)}\n`)
}
