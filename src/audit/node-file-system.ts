import { constants, write } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '../logical/durable-file.ts'
import type { AuditFile, AuditFileSystem } from './sink.ts'

// O_APPEND: every write lands at the end even when a rotation has copied and truncated the file under us.
const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOCTTY

/** Each write returns when it is durable: one system call, where a write and `fdatasync` are two. Not every system knows it. */
const synchronousFlag = (constants as { readonly O_DSYNC?: number }).O_DSYNC ?? 0
/** How a file system says that it does not open files so. */
const refusals: readonly unknown[] = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP']

async function openFile(path: string, synchronous: boolean): Promise<{ handle: FileHandle; isSynchronous: boolean }> {
  if (synchronous && synchronousFlag !== 0) {
    try {
      return { handle: await open(path, flags | synchronousFlag, 0o600), isSynchronous: true }
    } catch (thrown) {
      if (!refusals.includes((thrown as NodeJS.ErrnoException).code)) throw thrown
    }
  }
  return { handle: await open(path, flags, 0o600), isSynchronous: false }
}

const statOf = (path: string) =>
  stat(path).catch((thrown: unknown) => {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw thrown
  })

function wrap(handle: FileHandle, isSynchronous: boolean, path: string): AuditFile {
  return {
    isSynchronous,
    append(bytes, done) {
      write(handle.fd, bytes, 0, bytes.length, null, done)
    },
    sync: () => handle.datasync(),
    size: async () => (await handle.stat()).size,
    async read(position, length) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
      return buffer.subarray(0, bytesRead)
    },
    truncate: (length) => handle.truncate(length),
    async fate(size) {
      const [own, there] = await Promise.all([handle.stat(), statOf(path)])
      if (there?.ino === own.ino && there.dev === own.dev) return own.size < size ? 'truncated' : 'here'
      if (own.nlink > 0) return 'moved'
      return there ? 'replaced' : 'removed'
    },
    close: () => handle.close(),
  }
}

export const nodeFileSystem: AuditFileSystem = {
  async open(path, synchronous) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const { handle, isSynchronous } = await openFile(path, synchronous)
    try {
      const stat = await handle.stat()
      if (!stat.isFile()) throw new Error('not a regular file')
      if (stat.size === 0) await syncDirectory(dirname(path))
      return wrap(handle, isSynchronous, path)
    } catch (thrown) {
      await handle.close()
      throw thrown
    }
  },
}
