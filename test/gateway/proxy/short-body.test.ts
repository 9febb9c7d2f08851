import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { compileProjection } from '../../../src/scope/index.ts'
import { call, failure, httpUpstream, KEY, SCRUBBED_KEY, text, upstreamAt } from './upstream-server.ts'

/** Bodies of at most 8 KiB are projected at once, longer ones as they come: the caller must not see which. */
const limit = 8 * 1024
const padded = (length: number, rest: object = {}): string => {
  const whole = (pad: string) => JSON.stringify({ id: 'in_1', ...rest, pad })
  return whole('x'.repeat(length - whole('').length))
}

/** The response of an upstream that sends `pieces` one after the other. */
async function projected(pieces: readonly string[], document: object = {}) {
  const { url } = await httpUpstream(async (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    for (const piece of pieces) {
      response.write(piece)
      await turn()
    }
    response.end()
  })
  return call(upstreamAt(url, document), { projection: compileProjection(['id', 'key']) })
}

const cut = (text: string, at: number): string[] => [text.slice(0, at), text.slice(at)]

describe('a body of which some fields pass', () => {
  it.each([
    ['in one piece', [padded(limit)]],
    ['in two', cut(padded(limit), 20)],
    ['one byte too long to be short', [padded(limit + 1)]],
    ['that turns out long in its last byte', cut(padded(limit + 1), limit)],
    ['that turns out long in its second half', cut(padded(3 * limit), limit - 1)],
  ])('%s is the same', async (_what, pieces) => {
    const result = await projected(pieces)
    expect(await text(result)).toBe('{"id":"in_1"}')
    expect(Object.fromEntries(result.headers)['content-type']).toBe('application/json')
    expect(await result.finished).toMatchObject({ bytes: 13, result: 'complete', key_echoes: 0 })
  })

  it.each([100, limit, 2 * limit])('of %i bytes is searched for the key', async (length) => {
    const result = await projected(cut(padded(length, { key: KEY }), 30))
    expect(await text(result)).toBe(`{"id":"in_1","key":"${SCRUBBED_KEY}"}`)
    expect(await result.finished).toMatchObject({ key_echoes: 1 })
  })

  it('is nothing where the upstream sent nothing', async () => {
    expect(await text(await projected([]))).toBe('')
  })

  it.each([
    ['breaks off in the middle of the text', cut(padded(200).slice(0, -1), 50)],
    ['goes on behind it', [`${padded(200)}{}`]],
    ['holds a control character in a string', ['{"id":"\u0007"}']],
    ['breaks off once it is long', cut(padded(2 * limit).slice(0, -1), limit)],
  ])('that %s is handed on in no part', async (_what, pieces) => {
    expect(await failure(projected(pieces))).toMatchObject({ code: 'upstream_invalid_response' })
  })

  it.each([
    ['short', 50, 49],
    ['long', 2 * limit, 2 * limit - 1],
  ])('that is %s and longer than the document allows is refused', async (_what, length, most) => {
    const response = projected(cut(padded(length), 20), { max_response_bytes: most })
    expect(await failure(response)).toMatchObject({ code: 'upstream_response_too_large' })
  })
})
