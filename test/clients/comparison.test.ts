/** `npm run test:clients` is as good as what it sees: messages off the wire, and every way in which two of them may differ. */
import { describe, expect, it } from 'vitest'
import { differences } from '../../scripts/clients/harness/comparison.mjs'
import type { Exchange, Program } from '../../scripts/clients/harness/comparison.mjs'
import { framingOfRequest, framingOfResponse, MessageReader } from '../../scripts/clients/harness/wire.mjs'
import type { Message } from '../../scripts/clients/harness/wire.mjs'

/** All messages of a connection's one direction, which ends after them. */
function messagesIn(bytes: Buffer, pieces: number, framing: (message: Message) => number | 'chunked' | 'close') {
  const ended: Message[] = []
  const reader = new MessageReader({ framing, begun: () => undefined, ended: (message) => void ended.push(message) })
  for (let at = 0; at < bytes.length; at += pieces) reader.push(bytes.subarray(at, at + pieces))
  reader.close()
  return ended.map(({ start, headers, body, trailers }) => [start, headers, Buffer.concat(body).toString(), trailers])
}

describe.each([1, 2, 7, 1000])('messages that come in pieces of %i bytes', (pieces) => {
  it('are read as requests', () => {
    const text =
      'POST /a%2Fb?x HTTP/1.1\r\nHost: a\r\nX-Odd:  v \r\nContent-Length: 5\r\n\r\nhello' +
      'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n' +
      'GET / HTTP/1.1\r\n\r\n'
    expect(messagesIn(Buffer.from(text), pieces, framingOfRequest)).toEqual([
      [
        'POST /a%2Fb?x HTTP/1.1',
        [
          ['Host', 'a'],
          ['X-Odd', 'v'],
          ['Content-Length', '5'],
        ],
        'hello',
        [],
      ],
      ['PUT / HTTP/1.1', [['Transfer-Encoding', 'chunked']], 'abcde', [['X-Sum', '1']]],
      ['GET / HTTP/1.1', [], '', []],
    ])
  })

  it('are read as responses', () => {
    const text =
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nuntil the end'
    const bodies = messagesIn(Buffer.from(text), pieces, (message) => framingOfResponse(message, 'GET')).map(
      ([, , body]) => body,
    )
    expect(bodies).toEqual(['', '', 'ok', 'until the end'])
  })

  it('are read as a response to HEAD', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n'
    expect(messagesIn(Buffer.from(text), pieces, (message) => framingOfResponse(message, 'HEAD'))).toHaveLength(2)
  })
})

type Changes = Partial<Message> & { readonly header?: readonly [string, string | undefined] }

function changed(message: Message, { header, ...rest }: Changes = {}): Message {
  const others = message.headers.filter(([name]) => name !== header?.[0])
  const headers = header?.[1] === undefined ? others : [...others, [header[0], header[1]] as const]
  return { ...message, ...(header && { headers }), ...rest }
}

const request: Message = {
  start: 'POST /v1/a%2Fb?x=1 HTTP/1.1',
  headers: [
    ['Authorization', 'Bearer key'],
    ['Content-Type', 'text/plain'],
    ['Content-Length', '5'],
    ['Idempotency-Key', 'once'],
  ],
  body: [Buffer.from('hello')],
  trailers: [],
}
const response: Message = {
  start: 'HTTP/1.1 200 OK',
  headers: [
    ['Content-Type', 'text/plain'],
    ['Content-Length', '4'],
    ['ETag', '"1"'],
  ],
  body: [Buffer.from('done')],
  trailers: [['X-Sum', '1']],
}
interface Case {
  readonly seen?: Changes
  readonly received?: Changes
  readonly end?: string
  readonly receivedEnd?: string
  readonly result?: string
}

/** What is found when the gateway changes a call in these ways. */
function found(
  { seen, received, end = 'whole', receivedEnd = 'whole', result = '"1"' }: Case,
  program: Partial<Program> = {},
) {
  const used = new Set<string>()
  const exchange = (given: Partial<Exchange>): Exchange => ({ request, response, end: 'whole', ...given })
  const list = differences(
    { exchanges: [exchange({})], result: '"1"' },
    {
      exchanges: [exchange({ request: changed(request, seen), end })],
      received: [exchange({ response: changed(response, received), end: receivedEnd })],
      result,
    },
    { ownUrls: (text) => text, ...program },
    used,
  )
  return { list, used: [...used] }
}

describe('a comparison', () => {
  it.each<[string, Case]>([
    ['nothing', {}],
    ['another scheme word before the key', { seen: { header: ['Authorization', 'token key'] } }],
    ['the length of a connection', { seen: { header: ['Keep-Alive', 'timeout=5'] } }],
    ['which codings the next hop reads', { seen: { header: ['Accept-Encoding', 'identity'] } }],
    ['a name for the call', { received: { header: ['X-Request-Id', 'req_1'] } }],
    ['the words of a status', { received: { start: 'HTTP/1.1 200 Fine' } }],
  ])('allows for %s', (_what, change) => {
    expect(found(change).list).toEqual([])
  })

  it.each<[string, Case, string]>([
    ['a method', { seen: { start: 'PUT /v1/a%2Fb?x=1 HTTP/1.1' } }, 'PUT'],
    ['the spelling of a path', { seen: { start: 'POST /v1/a%2fb?x=1 HTTP/1.1' } }, '%2fb'],
    ['a query', { seen: { start: 'POST /v1/a%2Fb HTTP/1.1' } }, '?x=1'],
    ['another key', { seen: { header: ['Authorization', 'Bearer other'] } }, 'other'],
    ['a header that is lost', { seen: { header: ['Idempotency-Key', undefined] } }, 'idempotency-key'],
    ['a header that is added', { seen: { header: ['X-Extra', '1'] } }, 'x-extra'],
    ['a value', { seen: { header: ['Idempotency-Key', 'twice'] } }, 'twice'],
    ['a length that is no longer told', { seen: { header: ['Content-Length', undefined] } }, 'content-length'],
    ['a byte of a body', { seen: { body: [Buffer.from('hellO')] } }, 'other from byte 4 on'],
    ['a body that is cut', { seen: { body: [Buffer.from('hell')] } }, '4 through the gateway'],
    ['a trailer of a request', { seen: { trailers: [['X-Sum', '1']] } }, 'trailer x-sum'],
    ['a call that is cut', { end: 'cut by the client' }, 'cut by the client'],
    ['a status', { received: { start: 'HTTP/1.1 201 Created' } }, '201'],
    ['a response header that is lost', { received: { header: ['ETag', undefined] } }, 'response header etag'],
    ['a response header that is added', { received: { header: ['X-Extra', '1'] } }, 'response header x-extra'],
    ['a response whose length is not told', { received: { header: ['Content-Length', undefined] } }, 'content-length'],
    ['a byte of a response', { received: { body: [Buffer.from('dunn')] } }, 'response body'],
    ['a trailer of a response', { received: { trailers: [] } }, 'response trailer x-sum'],
    ['a response that is cut', { receivedEnd: 'cut by the server' }, 'cut by the server'],
    ['what the program makes of it', { result: '"2"' }, 'what the program made of it'],
  ])('sees %s', (_what, change, says) => {
    expect(found(change).list.join('\n')).toContain(says)
  })

  it('sees a request that was sent once more, or not at all', () => {
    const one: Exchange = { request, response, end: 'whole' }
    const counted = (seen: Exchange[], received: Exchange[]) =>
      differences(
        { exchanges: [one], result: '' },
        { exchanges: seen, received, result: '' },
        { ownUrls: (text) => text },
        new Set(),
      )
    expect(counted([one, one], [one])).toHaveLength(1)
    expect(counted([], [one])).toHaveLength(1)
    expect(counted([one], [one])).toEqual([])
  })

  it('allows for what a program lists, and tells which entries were needed', () => {
    const leftOut = { 'idempotency-*': 'telemetry', 'x-other': 'telemetry' }
    expect(found({ seen: { header: ['Idempotency-Key', undefined] } }, { leftOut })).toEqual({
      list: [],
      used: ['idempotency-*'],
    })
    expect(found({}, { leftOut }).used).toEqual([])
  })
})
