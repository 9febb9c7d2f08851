import { link, open, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
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
  const fresh = `${path}.new`
  try {
    await rm(fresh, { force: true })
    await writeSynced(fresh, `${text}\n`)
    // Unlike a rename, a link never takes the place of what is there.
    await link(fresh, path).finally(() => rm(fresh, { force: true }))
    await syncDirectory(dirname(path))
    return true
  } catch (thrown) {
    if (reasonOf(thrown) === 'EEXIST') return false
    throw new Failure(1, `${what} ${path} cannot be written (${reasonOf(thrown)}).`)
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A new name is durable only once its directory is. */
async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot sync directories.
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
