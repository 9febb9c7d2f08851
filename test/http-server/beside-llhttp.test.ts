import { describe, expect, it } from 'vitest'
import { llhttpStream, lowerNames, type LlhttpRequest } from '../http-message/llhttp.ts'
import { RequestGenerator } from './generated-requests.ts'
import { parse, type ParsedRequest, type ParsedStream } from './parse.ts'

const SEEDS = Array.from({ length: 10 }, (_, index) => index + 1)
const STREAMS_EACH = 10_000
const malformed = 'the request is not well-formed HTTP/1.1: '

/** What Node's server accepts and this one refuses, each on purpose; what the client is told, and why. */
const deliberate: Record<string, string> = {
  'CONNECT is not served here': 'nothing is tunnelled',
  'the request does not begin with a known method, for example GET': 'the methods of RTSP',
  'Expect: only 100-continue is supported': 'Node refuses it too, behind its parser (RFC 9110, 10.1.1)',
  'Transfer-Encoding: only chunked is supported':
    'another coding is not undone here, and an empty list is understood in two ways (RFC 9112, 6.1)',
  [`${malformed}Transfer-Encoding is not part of HTTP/1.0`]: 'its framing is faulty (RFC 9112, 6.1)',
  [`${malformed}Content-Length is not a number`]: 'more digits than a double holds exactly',
  [`${malformed}a field that frames the message ends in a tab`]: 'legal, and understood in two ways',
  [`${malformed}a chunk extension is malformed`]: 'names and values that are empty (RFC 9112, 7.1.1)',
  [`${malformed}a trailer concerns the framing of the message`]: 'RFC 9110, 6.5.1',
  [`${malformed}a trailer concerns the connection`]: 'llhttp ends the connection by it, others do not',
  [`${malformed}the request line does not end in HTTP/1.1 or HTTP/1.0`]:
    'HTTP/0.9, with its version or without, HTTP/2.0 and RTSP are not served here',
  [`${malformed}the target is not made of visible ASCII characters; escape others, for example %20 for a space`]:
    'two spaces in front of it (RFC 9112, 3)',
}

/** What this server accepts and Node's does not. */
const harmless: [string, (request: ParsedRequest) => boolean][] = [
  ['who serves it refuses every target that does not begin with a slash', ({ target }) => !target.startsWith('/')],
]

const asRead = ({ method, target, fields, trailers }: ParsedRequest): string =>
  JSON.stringify([method, target, fields, trailers])
const asTheyRead = ({ method, path, headers, trailers }: LlhttpRequest): string =>
  JSON.stringify([method, path, lowerNames(headers), lowerNames(trailers)])

/** How the two differ about one request in a way that is not allowed, or undefined. */
function differenceIn(ours: ParsedRequest, theirs: LlhttpRequest): string | undefined {
  if (asRead(ours) !== asTheyRead({ ...theirs, trailers: ours.over ? theirs.trailers : [] })) return 'read in two ways'
  // What has not come whole, or is refused further on, has been handed on as far as it came.
  if (!(ours.over ? theirs.body === ours.body : theirs.body.startsWith(ours.body))) return 'bodies of two kinds'
  if (ours.over && !theirs.over) return 'over for ours only'
  return ours.over && ours.persistent && !theirs.persistent ? 'kept by ours only' : undefined
}

/** The same about all that comes on a connection. */
function difference(pieces: readonly Buffer[], { requests, refused }: ParsedStream): string | undefined {
  const theirs = llhttpStream(pieces)
  for (const [index, request] of requests.entries()) {
    const counterpart = theirs.requests[index]
    if (!counterpart) {
      return harmless.some(([, fits]) => fits(request)) ? undefined : 'accepted by ours only'
    }
    const found = differenceIn(request, counterpart)
    if (found !== undefined) return found
  }
  const last = requests.at(-1)
  const acceptsMore = theirs.requests.length > requests.length || (last?.over === false && theirs.requests.at(-1)!.over)
  if (!acceptsMore || (last?.over === true && !last.persistent)) return undefined
  if (refused === undefined) return 'not over for ours only'
  return refused in deliberate ? undefined : `refused by ours only: ${refused}`
}

describe('beside llhttp, as Node’s server uses it', () => {
  const counts = { kept: 0, lastOnes: 0, unfinished: 0, refused: 0, pipelined: 0 }
  const refusals = new Set<string>()

  function count({ requests, refused }: ParsedStream): void {
    for (const { over, persistent } of requests) counts[over ? (persistent ? 'kept' : 'lastOnes') : 'unfinished']++
    if (refused !== undefined) {
      counts.refused++
      refusals.add(refused)
    }
    if (requests.length > 1) counts.pipelined++
  }

  it.each(SEEDS)(
    'what is accepted is read in the same way, and what is refused is refused on purpose: seed %i',
    (seed) => {
      const generator = new RequestGenerator(seed)
      const differences: string[] = []
      for (let i = 0; i < STREAMS_EACH; i++) {
        const pieces = generator.next()
        const ours = parse(pieces)
        const found = difference(pieces, ours)
        if (found !== undefined)
          differences.push(`${found}: ${JSON.stringify(pieces.map((piece) => piece.toString('latin1')))}`)
        count(ours)
      }
      expect(differences).toEqual([])
    },
  )

  it('enough of each kind has been seen, and every deliberate refusal', () => {
    const least = (SEEDS.length * STREAMS_EACH) / 20
    expect(
      Object.values(counts).every((number) => number > least),
      JSON.stringify(counts),
    ).toBe(true)
    expect(Object.keys(deliberate).filter((message) => !refusals.has(message))).toEqual([])
  })
})
