import { describe, expect, it } from 'vitest'
import { harmlessHeaders, passedHeaders } from '../../../src/gateway/call/known-headers.ts'
import { requestHeaderPlan, sentHeader } from '../../../src/gateway/call/request-headers.ts'
import type { HeaderPairs } from '../../../src/gateway/call/credentials.ts'
import type { CallableUpstream } from '../../../src/gateway/call/upstream.ts'
import { RefusedRequest } from '../../../src/gateway/call/call-error.ts'
import { upstreamAt } from '../proxy/upstream-server.ts'

const plan = (changes: Partial<CallableUpstream> = {}) =>
  requestHeaderPlan(upstreamAt('https://api.stripe.com', changes))

function sent(headers: HeaderPairs, changes: Partial<CallableUpstream> = {}, range = false): Record<string, string> {
  const { list } = plan(changes).apply(headers, { range })
  const own = new Set(['user-agent', 'accept-encoding'])
  const pairs = list.flatMap((name, at) => (at % 2 === 0 && !own.has(name) ? [[name, list[at + 1]!]] : []))
  return Object.fromEntries(pairs) as Record<string, string>
}

function refused(headers: HeaderPairs, changes: Partial<CallableUpstream> = {}, range = false): string {
  try {
    plan(changes).apply(headers, { range })
  } catch (error) {
    return error instanceof RefusedRequest ? `${error.code}: ${error.message}` : String(error)
  }
  return 'not refused'
}

describe('a request header', () => {
  it.each([
    ['content-encoding', 'gzip'],
    ['Content-MD5', 'x'],
    ['Content-Range', 'bytes 0-4/100'],
    ['Digest', 'sha-256=x'],
    ['Repr-Digest', 'sha-256=:x:'],
    ['Upload-Offset', '0'],
    ['Tus-Resumable', '1.0.0'],
    ['X-Goog-Upload-Command', 'upload, finalize'],
    ['x-amz-meta-owner', 'a'],
    ['If-Unmodified-Since', 'Wed, 21 Oct 2015 07:28:00 GMT'],
    ['Prefer', 'return=minimal'],
    ['Square-Version', '2025-01-23'],
    ['Idempotency-Key', 'k'],
    ['X-Atlassian-Token', 'no-check'],
    ['Lock-Token', '<urn:uuid:1>'],
    ['X-Requested-With', 'XMLHttpRequest'],
  ])('that every API may have goes upstream as it is: %s', (name, value) => {
    expect(sent([[name, value]])).toEqual({ [name.toLowerCase()]: value })
  })

  it.each([
    ['X-Stainless-Retry-Count', '1'],
    ['X-Stripe-Client-User-Agent', '{}'],
    ['X-Amz-User-Agent', 'a'],
    ['amz-sdk-request', 'attempt=1'],
    ['Sentry-Trace', '1'],
    ['Baggage', 'a=b'],
    ['Sec-Fetch-Mode', 'cors'],
    ['Cookie', 'a=b'],
    ['X-Forwarded-For', '1.2.3.4'],
    ['CF-Ray', '1'],
    ['X-Real-IP', '1.2.3.4'],
    ['Upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
  ])('that is known to be harmless is left out: %s', (name, value) => {
    expect(sent([[name, value]])).toEqual({})
  })

  it.each([
    'Stripe-Account',
    'OpenAI-Organization',
    'X-Goog-User-Project',
    'X-Tenant-Id',
    'Sudo',
    'Dropbox-API-Arg',
    'X-Amz-Target',
    'SOAPAction',
    'Depth',
    'Content-Profile',
    'Upload-Concat',
    'X-Dry-Run',
    'X-Ms-Range',
  ])('that may choose on whose behalf or what is done is refused by name, with the setting: %s', (name) => {
    const text = refused([[name, 'a']])
    expect(text).toContain(`header_not_allowed: header ${name.toLowerCase()} is not passed on to upstream stripe`)
    expect(text).toContain(`request_headers='{"${name.toLowerCase()}":["*"]}'`)
  })

  it.each([
    ['X-Api-Key', 'carries a credential'],
    ['X-Sentry-Auth', 'carries a credential'],
    ['X-HTTP-Method-Override', 'names another request than the one that is judged'],
    ['X-Rewrite-URL', 'names another request than the one that is judged'],
    ['Trailer', 'announces trailer fields'],
    ['Upgrade', 'asks for another protocol'],
  ])('that no setting can allow is refused without one: %s', (name, reason) => {
    const text = refused([[name, 'websocket']])
    expect(text).toContain(`header_not_allowed: header ${name.toLowerCase()} ${reason}`)
    expect(text).not.toContain('request_headers')
  })

  it('never has its value repeated in a refusal', () => {
    expect(refused([['X-Whatever', 'sk_live_secret']])).not.toContain('sk_live_secret')
  })

  it('is of one class only', () => {
    const listed = [...passedHeaders, ...Object.keys(harmlessHeaders)]
    expect(listed.filter((name, at) => listed.indexOf(name) !== at)).toEqual([])
    expect(listed.filter((name) => name !== name.toLowerCase())).toEqual([])
  })
})

describe("a header in the upstream's request_headers", () => {
  const request_headers = { 'Stripe-Account': ['acct_1', 'acct_2'], 'X-Tenant-Id': ['*'], Baggage: ['*'] }

  it('goes upstream with a value that is listed, and is told to policies as it is sent', () => {
    const { list, listed } = plan({ request_headers }).apply(
      [
        ['STRIPE-ACCOUNT', 'acct_2'],
        ['x-tenant-id', 'a'],
        ['X-Tenant-ID', 'b'],
      ],
      { range: false },
    )
    expect([sentHeader({ list }, 'stripe-account'), sentHeader({ list }, 'x-tenant-id')]).toEqual(['acct_2', 'a, b'])
    expect(listed).toEqual([
      ['stripe-account', 'acct_2'],
      ['x-tenant-id', 'a, b'],
    ])
  })

  it.each<[string, HeaderPairs]>([
    ['another value', [['Stripe-Account', 'acct_3']]],
    ['another case', [['Stripe-Account', 'ACCT_1']]],
    ['nothing', [['Stripe-Account', '']]],
    [
      'two values that are listed each',
      [
        ['Stripe-Account', 'acct_1'],
        ['Stripe-Account', 'acct_2'],
      ],
    ],
  ])('is refused with %s', (_name, headers) => {
    expect(refused(headers, { request_headers })).toContain(
      'header_not_allowed: header stripe-account has a value that upstream stripe does not allow',
    )
  })

  it('is sent even where it would be left out otherwise', () => {
    expect(sent([['baggage', 'a=b']], { request_headers })).toEqual({ baggage: 'a=b' })
  })

  it('says nothing to policies where Connection keeps it from being sent', () => {
    const headers: HeaderPairs = [
      ['Connection', 'X-Tenant-Id'],
      ['X-Tenant-Id', 'a'],
    ]
    const { list, listed } = plan({ request_headers }).apply(headers, { range: false })
    expect([sentHeader({ list }, 'x-tenant-id'), listed]).toEqual([undefined, []])
  })

  it('is judged anew for each call, whatever was sent before', () => {
    const upstream = plan({ request_headers })
    upstream.apply([['x-tenant-id', 'a']], { range: false })
    expect(upstream.apply([], { range: false }).listed).toEqual([])
    expect(upstream.apply([['x-tenant-id', 'b']], { range: false }).listed).toEqual([['x-tenant-id', 'b']])
  })
})

describe("a header the upstream's document fixes", () => {
  const headers = { 'Stripe-Version': '2026-01-01', 'User-Agent': 'ours' }

  it('is sent, whether or not the caller sends the same', () => {
    expect(sent([], { headers })).toEqual({ 'stripe-version': '2026-01-01' })
    expect(sent([['stripe-version', '2026-01-01']], { headers })).toEqual({ 'stripe-version': '2026-01-01' })
  })

  it('is refused with another value, rather than replaced', () => {
    expect(refused([['Stripe-Version', '2020-08-27']], { headers })).toContain(
      'header_not_allowed: header stripe-version has another value than the one upstream stripe always sends',
    )
  })

  it('replaces what only tells who calls', () => {
    const { list } = plan({ headers }).apply([['User-Agent', 'sdk/1']], { range: false })
    expect(list.filter((_text, at) => list[at - 1] === 'user-agent')).toEqual(['ours'])
  })
})

describe('Range', () => {
  it.each(['bytes=0-65535', 'bytes=100-', 'bytes=-5', 'Bytes=1000000-2000000'])(
    'goes upstream where the document allows it: %s',
    (range) => {
      expect(
        sent(
          [
            ['If-Range', '"a"'],
            ['Range', range],
          ],
          {},
          true,
        ),
      ).toEqual({ range, 'if-range': '"a"' })
    },
  )

  it.each(['bytes=0-65534', 'bytes=0-1,5-', 'bytes=5-1', 'bytes=-', 'bytes=a-b', 'bytes=0-99999999999999999999'])(
    'is a 416 there when it could cut a key in pieces: %s',
    (range) => {
      expect(refused([['Range', range]], {}, true)).toContain('range_not_allowed: header range must ask for one range')
    },
  )

  it('is a 416 when it is sent twice', () => {
    const twice: HeaderPairs = [
      ['Range', 'bytes=0-'],
      ['Range', 'bytes=1-'],
    ]
    expect(refused(twice, {}, true)).toContain('range_not_allowed')
  })

  it('is left out with If-Range where it is not allowed: the whole comes instead', () => {
    const headers: HeaderPairs = [
      ['Range', 'bytes=0-1'],
      ['If-Range', '"a"'],
    ]
    expect(sent(headers)).toEqual({})
  })

  it.each(['items=0-24', '0-24', 'id ..; max=10'])(
    'in units of an API, which choose what comes, is refused: %s',
    (range) => {
      expect(refused([['Range', range]])).toContain('header_not_allowed: header range asks for a part in other units')
    },
  )
})

describe('the headers together', () => {
  it('are bounded, each and all', () => {
    expect(refused([['Prefer', 'a'.repeat(8193)]])).toContain('header prefer is longer than 8192 bytes')
    expect(
      refused(Array.from({ length: 9 }, (_, at) => [`x-amz-meta-${String(at)}`, 'a'.repeat(8000)] as const)),
    ).toContain('the headers are longer than 65536 bytes')
  })

  it.each(['a\nb', 'a\0b'])('hold no control characters', (value) => {
    expect(refused([['Prefer', value]])).toContain('control character')
  })

  it('have names that are names', () => {
    expect(refused([['a b', 'c']])).toContain('is not one')
  })
})

it('a plan that has seen a thousand other names still joins repetitions of those that are judged', () => {
  const upstream = plan()
  for (let at = 0; at < 1_100; at++) upstream.apply([[`Upload-X${String(at)}`, 'a']], { range: false })
  const { list } = upstream.apply(
    [
      ['CONTENT-type', 'application/json'],
      ['Content-TYPE', 'text/plain'],
    ],
    { range: false },
  )
  expect(list.filter((_text, at) => list[at - 1] === 'content-type')).toEqual(['application/json, text/plain'])
})
