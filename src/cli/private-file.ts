import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { createDurably } from '../logical/durable-file.ts'
import { Failure } from './failure.ts'

const reasonOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unreadable'

/** Text of a file that holds a secret, without surrounding space. Refuses one that others may read. `what`: `the token file`. */
export async function readPrivateFile(path: string, what: string): Promise<string> {
  const handle = await open(path, 'r').catch((thrown: unknown) => {
    throw new Failure(1, `${what} ${path} cannot be read (${reasonOf(thrown)}).`)
  })
  try {
    await refuseLoose(handle, path, what)
    const text = (await handle.readFile('utf8')).trim()
    if (text === '') throw new Failure(1, `${what} ${path} is empty.`)
    return text
  } finally {
    await handle.close()
  }
}

/** Judged on the open file, not on its name: what was checked is what is read. */
async function refuseLoose(handle: FileHandle, path: string, what: string): Promise<void> {
  const facts = await handle.stat()
  if (!facts.isFile()) throw new Failure(1, `${what} ${path} is not a regular file.`)
  // Windows has no modes in this sense.
  if (process.platform === 'win32' || (facts.mode & 0o077) === 0) return
  throw new Failure(
    1,
    `${what} ${path} is open to other users (mode ${(facts.mode & 0o777).toString(8)}): chmod 600 ${path}`,
  )
}

/**
 * Writes a secret into a new file only its owner can read, and waits for the disk. The file is there whole or not at all. False
 * when there is one of that name already.
 */
export async function writePrivateFile(path: string, text: string, what: string): Promise<boolean> {
  try {
    await createDurably(path, `${text}\n`, 0o600)
    return true
  } catch (thrown) {
    if (reasonOf(thrown) === 'EEXIST') return false
    throw new Failure(1, `${what} ${path} cannot be written (${reasonOf(thrown)}).`)
  }
}
