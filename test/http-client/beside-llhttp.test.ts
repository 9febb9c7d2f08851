import { describe, expect, it } from 'vitest'
import { ResponseGenerator, type Generated } from './generated-responses.ts'
import { llhttp } from '../http-message/llhttp.ts'
import { parse, type Parsed, type Refusal } from './parse.ts'

const SEEDS = Array.from({ length: 10 }, (_, index) => index + 1)
const RESPONSES_EACH = 10_000

/** What Node's client accepts and this one refuses, each on purpose; an error's message, and why. */
const deliberate: Record<string, string> = {
  'the response does not begin with HTTP/1.1 or HTTP/1.0':
    'HTTP/0.9 and HTTP/2.0 are not what was asked for; a client skips no empty lines (RFC 9112, 2.2)',
  'the status line does not end where it should': 'a control character in the reason phrase (RFC 9112, 4)',
  'the response has no valid status code': 'a status below 100 (RFC 9110, 15)',
  'a line of the head does not end in CRLF': 'CR or LF before the status line',
  'a header field holds a control character': 'RFC 9110, 5.5',
  'Content-Length is not a number': 'more digits than a double holds exactly',
  'the Transfer-Encoding is not chunked alone':
    'nobody asked for another coding, and what it leaves unsaid is understood in two ways (RFC 9112, 6.1)',
  'Transfer-Encoding is not part of HTTP/1.0': 'its framing is faulty (RFC 9112, 6.1)',
  'an interim response has a body': 'RFC 9110, 8.6; RFC 9112, 6.1',
  'a field that frames the message ends in a tab':
    'legal, and understood in two ways: llhttp reads such chunks as a body until the end of the connection',
  'a trailer concerns the framing of the message': 'RFC 9110, 6.5.1',
  'a chunk extension is malformed': 'names and values that are empty (RFC 9112, 7.1.1)',
}

const isRefusal = (ours: Parsed | Refusal | undefined): ours is Refusal => ours !== undefined && 'code' in ours
const isParsed = (ours: Parsed | Refusal | undefined): ours is Parsed => ours !== undefined && 'status' in ours

/** How the two differ about a response in a way that is not allowed, or undefined. */
function difference(generated: Generated, ours: Parsed | Refusal | undefined): string | undefined {
  const theirs = llhttp(generated.pieces, generated)
  if (isParsed(ours)) {
    if (!theirs.over) return 'accepted by ours only'
    const { reusable, ...response } = ours
    const { over: _, reusable: theirsReusable, ...theirResponse } = theirs
    if (JSON.stringify(response) !== JSON.stringify(theirResponse)) return 'read in two ways'
    return reusable && !theirsReusable ? 'kept by ours only' : undefined
  }
  if (!theirs.over || (isRefusal(ours) && ours.message in deliberate)) return undefined
  return isRefusal(ours) ? `refused by ours only: ${ours.message}` : 'not over for ours only'
}

const shown = ({ pieces, headOnly, closed }: Generated): string =>
  JSON.stringify({ pieces: pieces.map((piece) => piece.toString('latin1')), headOnly, closed })

describe('beside llhttp, as Node’s client uses it', () => {
  const counts = { accepted: 0, kept: 0, refused: 0, unfinished: 0 }

  it.each(SEEDS)(
    'what is accepted is read in the same way, and what is refused is refused on purpose: seed %i',
    (seed) => {
      const generator = new ResponseGenerator(seed)
      const differences: string[] = []
      for (let i = 0; i < RESPONSES_EACH; i++) {
        const generated = generator.next()
        const ours = parse(generated.pieces, generated)
        const found = difference(generated, ours)
        if (found !== undefined) differences.push(`${found}: ${shown(generated)}`)
        if (isRefusal(ours)) counts.refused++
        else if (ours === undefined) counts.unfinished++
        else counts[ours.reusable ? 'kept' : 'accepted']++
      }
      expect(differences).toEqual([])
    },
  )

  it('enough of either kind has been seen', () => {
    const least = (SEEDS.length * RESPONSES_EACH) / 20
    expect(
      Object.values(counts).every((count) => count > least),
      JSON.stringify(counts),
    ).toBe(true)
  })
})
