import type { AuditFile, AuditFileSystem, AuditSink } from './sink.ts'

const NEWLINE = 0x0a
// Longer than any line this log writes; a longer tail is not ours to take apart.
const LONGEST_TAIL = 1024 * 1024
const CHUNK = 16 * 1024

/** The bytes after the last newline; undefined when there are more of them than a line of ours can have. */
async function tornTail(file: AuditFile, size: number): Promise<Uint8Array | undefined> {
  let tail = Buffer.alloc(0)
  let position = size
  while (position > 0 && tail.length <= LONGEST_TAIL) {
    const from = Math.max(0, position - CHUNK)
    const chunk = await file.read(from, position - from)
    const newline = chunk.lastIndexOf(NEWLINE)
    tail = Buffer.concat([chunk.subarray(newline + 1), tail])
    if (newline >= 0) return tail
    position = from
  }
  return position === 0 ? tail : undefined
}

async function appendWhole(file: AuditFile, bytes: Uint8Array): Promise<void> {
  const taken = await file.append(bytes)
  // A regular file takes all or is out of space: the rest would only follow into the same wall.
  if (taken !== bytes.length) throw new Error(`only ${String(taken)} of ${String(bytes.length)} bytes were written`)
}

/**
 * Ends what a crash or a full disk left half written. Nobody was told that such a record is durable, so nothing rests
 * on it; it is kept as the text of a line of its own, so that every line of the file parses. Where the file may only
 * grow (`chattr +a`), or the tail is too long to be ours, a newline must do.
 */
async function repair(file: AuditFile, time: string): Promise<void> {
  const size = await file.size()
  const tail = await tornTail(file, size)
  if (tail?.length === 0) return
  if (tail) {
    const truncated = await file.truncate(size - tail.length).then(
      () => true,
      () => false,
    )
    if (truncated)
      return appendWhole(
        file,
        Buffer.from(`${JSON.stringify({ time, type: 'torn', text: Buffer.from(tail).toString() })}\n`),
      )
  }
  await appendWhole(file, Buffer.from('\n'))
}

/** Opens the log file at `path`, with its last line whole. `time` is written into what a repair leaves. */
export async function openFileSink(
  fileSystem: AuditFileSystem,
  path: string,
  fsync: boolean,
  time: string,
): Promise<AuditSink> {
  const file = await fileSystem.open(path)
  try {
    await repair(file, time)
  } catch (thrown) {
    await file.close().catch(() => undefined)
    throw thrown
  }
  return {
    write: (bytes) => appendWhole(file, bytes),
    sync: () => (fsync ? file.sync() : Promise.resolve()),
    close: () => file.close(),
  }
}
