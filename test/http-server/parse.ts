import { METHODS } from 'node:http'
import { RequestParser } from '../../src/http-server/request-parser.ts'
import { unreadable } from '../../src/http-server/unreadable.ts'

export interface ParsedRequest {
  method: string
  target: string
  fields: string[]
  body: string
  trailers: readonly string[]
  /** Its last byte has come. */
  over: boolean
  /** The connection may carry another one behind it. */
  persistent: boolean
}

const methods: ReadonlySet<string> = new Set(METHODS)

/** What a connection's bytes come to. */
export interface ParsedStream {
  /** The last one may not be over. */
  requests: ParsedRequest[]
  /** What is told to a client whose next bytes are refused. */
  refused: string | undefined
}

/** Reads `pieces` as a connection does: one request after another, up to one that ends the connection. */
export function parse(pieces: readonly Buffer[]): ParsedStream {
  const requests: ParsedRequest[] = []
  const latest = () => requests.at(-1)!
  const isOpen = () => requests.length === 0 || !latest().over || latest().persistent
  const parser = new RequestParser(
    {
      onHead({ method, target, fields, persistent }) {
        requests.push({ method, target, fields, body: '', trailers: [], over: false, persistent })
      },
      onData(chunk) {
        if (chunk.length === 0) throw new Error('empty data')
        latest().body += chunk.toString('latin1')
      },
      onEnd(trailers) {
        latest().over = true
        latest().trailers = trailers
      },
    },
    methods,
  )
  try {
    for (const piece of pieces) for (let at = 0; at < piece.length && isOpen();) at = parser.step(piece, at)
  } catch (thrown) {
    return { requests, refused: unreadable(thrown).message }
  }
  return { requests, refused: undefined }
}
