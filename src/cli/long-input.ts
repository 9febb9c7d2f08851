import { UsageError } from './failure.ts'
import type { Io } from './io.ts'

/** Files that may be long, and standard input in their place. */

const sourceName = (path: string): string => (path === '-' ? 'standard input' : `the file "${path}"`)

/** The text of a file of at most so many bytes; not a byte more of a longer one is held. */
export async function boundedText(io: Pick<Io, 'readChunks'>, path: string, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of readable(io, path)) {
    bytes += chunk.length
    if (bytes > mostBytes)
      throw new UsageError(
        `${capitalised(sourceName(path))} is longer than ${String(mostBytes / 1_048_576)} MiB, which is the most that is read`,
      )
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const LINE_FEED = 10

/** The lines of a file, one at a time; `undefined` stands for one of more bytes than that. */
export async function* boundedLines(
  io: Pick<Io, 'readChunks'>,
  path: string,
  mostBytes: number,
): AsyncGenerator<string | undefined> {
  let held: Uint8Array[] = []
  let bytes = 0
  const take = (): string | undefined => {
    const line = bytes > mostBytes ? undefined : Buffer.concat(held).toString('utf8')
    held = []
    bytes = 0
    return line
  }
  const hold = (piece: Uint8Array): void => {
    bytes += piece.length
    if (bytes <= mostBytes) held.push(piece)
  }
  for await (const chunk of readable(io, path)) {
    let from = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      hold(chunk.subarray(from, end))
      yield take()
      from = end + 1
    }
    hold(chunk.subarray(from))
  }
  if (bytes > 0) yield take()
}

async function* readable(io: Pick<Io, 'readChunks'>, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* io.readChunks(path)
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unreadable'
    throw new UsageError(`Cannot read ${sourceName(path)} (${code})`)
  }
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
