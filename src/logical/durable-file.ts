/**
 * Small files that survive a power cut: whole or not there at all. Two things make a file durable, its bytes and the name
 * that leads to them, and each is synced by itself.
 */
import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

/** A file that was to take this one's place and is older belongs to a process that was interrupted. */
const LEFT_BEHIND_MS = 60_000

/** A new name is durable only once its directory is. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot open a directory for that.
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The directory and those above it that are missing, for this user only. What is there already stays as it is. */
export async function makeDirectoryDurably(path: string): Promise<void> {
  const topmost = await mkdir(path, { recursive: true, mode: 0o700 })
  if (topmost === undefined) return
  const end = dirname(resolve(topmost))
  for (let made = resolve(path); made !== end; made = dirname(made)) await syncDirectory(dirname(made))
}

/** A new file with exactly these permissions. Rejects with `EEXIST` where there is one already, which stays as it is. */
export const createDurably = (path: string, contents: string | Uint8Array, mode: number): Promise<void> =>
  // Unlike a rename, a link never takes the place of what is there.
  write(path, contents, mode, link)

/** The file is the old one or the new one at any moment, never a part of either. */
export const replaceDurably = (path: string, contents: string | Uint8Array, mode: number): Promise<void> =>
  write(path, contents, mode, rename)

async function write(
  path: string,
  contents: string | Uint8Array,
  mode: number,
  place: (from: string, to: string) => Promise<void>,
): Promise<void> {
  // In the same directory, for neither links nor renames cross file systems; unguessable, so that nobody waits there for it.
  const fresh = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    await writeSynced(fresh, contents, mode)
    await removeLeftBehind(path, (await stat(fresh)).mtimeMs)
    await place(fresh, path)
  } finally {
    await rm(fresh, { force: true })
  }
  await syncDirectory(dirname(path))
}

/** What an interrupted process left may hold a secret. A younger one may be of a process at work, and stays. */
async function removeLeftBehind(path: string, nowMs: number): Promise<void> {
  const start = `${basename(path)}.`
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(start) || !/^[0-9a-f]{12}\.new$/.test(name.slice(start.length))) continue
    const left = join(dirname(path), name)
    const facts = await stat(left).catch(() => undefined)
    if (facts && nowMs - facts.mtimeMs > LEFT_BEHIND_MS) await rm(left, { force: true })
  }
}

/** `wx` follows no link that was left in its place. */
async function writeSynced(path: string, contents: string | Uint8Array, mode: number): Promise<void> {
  const handle = await open(path, 'wx', mode)
  try {
    await handle.writeFile(contents)
    await handle.sync()
  } finally {
    await handle.close()
  }
  // What the process masks out at creation is given here; nothing that was asked to be private was ever open.
  await chmod(path, mode)
}
