/**
 * Bodies whose pieces a client has signed (`aws-chunked`, STREAMING-AWS4-HMAC-SHA256-PAYLOAD): signed with the phantom token, so of no
 * worth upstream. They are sent on without these signatures, checksums in their trailer included.
 */
import { badRequest } from '../../logical/errors.ts'

const CR = 0x0d
const LF = 0x0a
const LONGEST_LINE = 4_096
const MOST_TRAILER_LINES = 32

/** With `trailer`, as `aws-chunked` pieces and a trailer again; else the decoded bytes. Throws `bad_request` for what is not `aws-chunked`. */
export async function* withoutChunkSignatures(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  trailer: boolean,
): AsyncGenerator<Uint8Array, undefined> {
  const reader = new LineReader(body)
  for (;;) {
    const size = /^([0-9a-f]{1,15})(?:;chunk-signature=[0-9a-f]+)?$/i.exec(await reader.line())?.[1]
    if (size === undefined) throw malformed()
    const left = Number.parseInt(size, 16)
    if (left === 0) break
    if (trailer) yield Buffer.from(`${left.toString(16)}\r\n`)
    for await (const piece of reader.take(left)) yield piece
    if ((await reader.line()) !== '') throw malformed()
    if (trailer) yield Buffer.from('\r\n')
  }
  const lines = await trailerLines(reader)
  if (trailer) yield Buffer.from(`0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)
  return undefined
}

async function trailerLines(reader: LineReader): Promise<readonly string[]> {
  const lines: string[] = []
  for (let line = await reader.lineOrEnd(); line !== undefined && line !== ''; line = await reader.lineOrEnd()) {
    if (lines.length >= MOST_TRAILER_LINES || !/^[a-z0-9-]+:[\x20-\x7e]*$/i.test(line)) throw malformed()
    if (!/^x-amz-trailer-signature:/i.test(line)) lines.push(line)
  }
  return lines
}

const malformed = (): Error => badRequest('the body is not aws-chunked, as x-amz-content-sha256 says it is')

/** Lines and counted bytes of what comes in pieces. */
class LineReader {
  readonly #pieces: AsyncIterator<Uint8Array> | Iterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array(0)

  constructor(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#pieces = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]()
  }

  async line(): Promise<string> {
    const line = await this.lineOrEnd()
    if (line === undefined) throw malformed()
    return line
  }

  /** Without its CRLF; undefined at the end. */
  async lineOrEnd(): Promise<string | undefined> {
    let end = this.#rest.indexOf(LF)
    while (end < 0) {
      if (this.#rest.length > LONGEST_LINE) throw malformed()
      const more = await this.#pieces.next()
      if (more.done === true) {
        if (this.#rest.length > 0) throw malformed()
        return undefined
      }
      this.#rest = Buffer.concat([this.#rest, more.value])
      end = this.#rest.indexOf(LF)
    }
    if (this.#rest[end - 1] !== CR || end > LONGEST_LINE) throw malformed()
    const line = Buffer.from(this.#rest.subarray(0, end - 1)).toString('latin1')
    this.#rest = this.#rest.subarray(end + 1)
    return line
  }

  async *take(bytes: number): AsyncGenerator<Uint8Array, undefined> {
    for (let left = bytes; left > 0;) {
      if (this.#rest.length === 0) {
        const more = await this.#pieces.next()
        if (more.done === true) throw malformed()
        this.#rest = more.value
      }
      const piece = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(piece.length)
      left -= piece.length
      yield piece
    }
    return undefined
  }
}
