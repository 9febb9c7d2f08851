import type { Logger } from '../logical/log.ts'
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

/** `done` gets undefined when every byte has been taken. */
function appendWhole(file: AuditFile, bytes: Uint8Array, done: (error: unknown) => void): void {
  file.append(bytes, (error, taken) => {
    // A regular file takes all or is out of space: the rest would only follow into the same wall.
    const isShort =
      taken !== bytes.length && new Error(`only ${String(taken)} of ${String(bytes.length)} bytes were written`)
    done(error ?? (isShort || undefined))
  })
}

const appended = (file: AuditFile, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    appendWhole(file, bytes, (error) => {
      // What the system threw is passed on as it is.
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      if (error !== undefined) reject(error)
      else resolve()
    })
  })

/**
 * Ends what a crash or a full disk left half written. Nobody was told that such a record is durable, so nothing rests
 * on it; it is kept as the text of a line of its own, so that every line of the file parses. Where the file may only
 * grow (`chattr +a`), or the tail is too long to be ours, a newline must do. Returns the size it has then.
 */
async function repair(file: AuditFile, time: string): Promise<number> {
  const size = await file.size()
  const tail = await tornTail(file, size)
  if (tail?.length === 0) return size
  if (tail) {
    const truncated = await file.truncate(size - tail.length).then(
      () => true,
      () => false,
    )
    if (truncated) {
      const torn = Buffer.from(`${JSON.stringify({ time, type: 'torn', text: Buffer.from(tail).toString() })}\n`)
      await appended(file, torn)
      return size - tail.length + torn.length
    }
  }
  await appended(file, Buffer.from('\n'))
  return size + 1
}

/** Why the lines of a file that was there are not durable any more, and who must act; for the operator's log. */
const losses = {
  removed: 'the audit file was removed; its lines are lost, and a new file was started',
  replaced: 'the audit file was replaced by another; its lines are lost, and records now go to the replacement',
  truncated: 'the audit file was truncated; lines may be lost. Rotate it by renaming it and sending SIGHUP',
} as const

/**
 * Opens the log file at `path`, with its last line whole. `time` is written into what a repair leaves. Whenever `check` is
 * called, the file must still be at its path: one that a rotation has renamed keeps what it has and is continued at the path; for one
 * whose lines are gone the check fails, because nobody could read the records.
 */
export async function openFileSink(
  fileSystem: AuditFileSystem,
  path: string,
  fsync: boolean,
  time: string,
  logger: Logger,
): Promise<AuditSink> {
  const openWhole = async (): Promise<{ file: AuditFile; size: number }> => {
    const opened = await fileSystem.open(path, fsync)
    try {
      return { file: opened, size: await repair(opened, time) }
    } catch (thrown) {
      await opened.close().catch(() => undefined)
      throw thrown
    }
  }
  let { file, size } = await openWhole()
  const check = async (): Promise<void> => {
    const state = await file.fate(size)
    if (state === 'here') return
    if (state !== 'moved') {
      logger.error(
        { path, fate: state },
        `${losses[state]}; an operator must find out who did it and restore the lines from a copy`,
      )
      throw new Error(`the file was ${state}`)
    }
    // What was written is durable under the other name.
    logger.warn({ path }, 'the audit file was renamed; a new one was started at its path')
    await file.close()
    ;({ file, size } = await openWhole())
  }
  return {
    write(bytes, done) {
      appendWhole(file, bytes, (error) => {
        if (error !== undefined) {
          done(error)
          return
        }
        size += bytes.length
        if (!fsync || file.isSynchronous) done(undefined)
        else
          file.sync().then(() => {
            done(undefined)
          }, done)
      })
    },
    check,
    close: () => file.close(),
  }
}
