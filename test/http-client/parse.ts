import { HttpClientError } from '../../src/http-client/index.ts'
import { ResponseParser } from '../../src/http-client/response-parser.ts'

export interface Parsed {
  status: number
  fields: string[]
  body: string
  trailers: readonly string[]
  reusable: boolean
}

/** Why a response is refused: an error's code and message. */
export interface Refusal {
  code: string
  message: string
}

export interface ParseOptions {
  headOnly?: boolean
  closed?: boolean
  maxHeadBytes?: number
}

/** What `pieces`, and the end of the connection behind them where `closed`, come to; undefined: the response is not over yet. */
export function parse(
  pieces: readonly Buffer[],
  { headOnly = false, closed = false, maxHeadBytes = 65_536 }: ParseOptions = {},
): Parsed | Refusal | undefined {
  const parsed: Parsed = { status: 0, fields: [], body: '', trailers: [], reusable: false }
  let over = false
  const parser = new ResponseParser(
    {
      onHead(status, fields) {
        parsed.status = status
        parsed.fields = fields
      },
      onData(chunk) {
        if (chunk.length === 0) throw new Error('empty data')
        parsed.body += chunk.toString('latin1')
      },
      onEnd(trailers) {
        over = true
        parsed.trailers = trailers
        parsed.reusable = parser.reusable
      },
    },
    maxHeadBytes,
  )
  parser.begin(headOnly)
  try {
    for (const piece of pieces) {
      // As the connection has it: whatever comes behind a response ends it.
      if (over) parsed.reusable = false
      parser.read(piece)
    }
    if (!over && closed && !parser.close()) return { code: 'broke_off', message: 'the connection ended' }
  } catch (error) {
    if (error instanceof HttpClientError) return { code: error.code, message: error.message }
    throw error
  }
  return over ? parsed : undefined
}

export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
