/** HTTP itself: targets, framing, headers, verbs and who may ask at all, on every listener. */
import { afterAll, beforeAll, describe } from 'vitest'
import { checkRows, listenerFace, restFace, upstreamFace, vaultFace } from './rows.ts'
import type { Surface, Row } from './rows.ts'
import { closeClean, startHostileHarness } from './harness.ts'
import type { HostileHarness } from './harness.ts'

let harness: HostileHarness
beforeAll(async () => {
  harness = await startHostileHarness()
})
afterAll(() => closeClean(harness))
const on = (): HostileHarness => harness

const x = (count: number): string => 'x'.repeat(count)

const invoices = '{"data":[{"id":"in_1","email":"jane@example.com"}],"has_more":false}'

describe('control rows', () => {
  checkRows(vaultFace, on, [
    ['health', 'GET /v1/sys/init', 200, '{"initialized":true}'],
    ['LIST', 'LIST /v1/mcp/upstreams', 200, '["stripe"]'],
  ])
  checkRows(restFace, on, [['health', 'GET /healthz', 200, '{"status":"ok"}']])
  checkRows(upstreamFace, on, [['a call', 'GET /u/stripe/v1/invoices', 200, invoices, { calls: 1, allowed: 1 }]])
  checkRows(listenerFace, on, [['a call', 'GET /v1/invoices', 200, invoices, { calls: 1, allowed: 1 }]])
})

interface Malformed {
  readonly why: string
}

/** One request that every listener must refuse, and which of its refusals it is. No credential is sent: none of these gets that far. */
const requests = (target: string): [what: string, request: string, refusal: keyof Refusals | Malformed][] => [
  ['nothing but spaces', '   \r\n\r\n', 'noMethod'],
  ['a lone line', 'hello\r\n\r\n', 'noMethod'],
  ['no version', `GET ${target}\r\n\r\n`, { why: 'the request line does not end in HTTP/1.1 or HTTP/1.0' }],
  [
    'HTTP/3.0',
    `GET ${target} HTTP/3.0\r\nHost: <host>\r\n\r\n`,
    { why: 'the request line does not end in HTTP/1.1 or HTTP/1.0' },
  ],
  ['HTTP/1.0 without Host', `GET ${target} HTTP/1.0\r\n\r\n`, 'notOurs'],
  ['no Host', `GET ${target} HTTP/1.1\r\n\r\n`, 'notOurs'],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'noMethod'],
  ['a TLS hello', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n', 'noMethod'],
  [
    'a line feed without carriage return in a header',
    `GET ${target} HTTP/1.1\r\nHost: <host>\nX-A: b\r\n\r\n`,
    { why: 'a header field holds a control character' },
  ],
  [
    'a space before the colon',
    `GET ${target} HTTP/1.1\r\nHost : <host>\r\n\r\n`,
    { why: 'a header field has no valid name' },
  ],
  [
    'a folded header',
    `GET ${target} HTTP/1.1\r\nHost: <host>\r\nX-A: b\r\n c\r\n\r\n`,
    { why: 'a header field has no valid name' },
  ],
  [
    'a NUL in a header',
    `GET ${target} HTTP/1.1\r\nHost: <host>\r\nX-A: b\0c\r\n\r\n`,
    { why: 'a header field holds a control character' },
  ],
  [
    'a carriage return in a header',
    `GET ${target} HTTP/1.1\r\nHost: <host>\r\nX-A: b\rc\r\n\r\n`,
    { why: 'a header field holds a control character' },
  ],
  [
    'a NUL in the target',
    `GET ${target}\0 HTTP/1.1\r\nHost: <host>\r\n\r\n`,
    { why: 'the target is not made of visible ASCII characters; escape others, for example %20 for a space' },
  ],
  [
    'Content-Length and Transfer-Encoding',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
    { why: 'there are both Content-Length and Transfer-Encoding' },
  ],
  [
    'Transfer-Encoding and Content-Length',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`,
    { why: 'there are both Content-Length and Transfer-Encoding' },
  ],
  [
    'two lengths',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x`,
    { why: 'there is more than one Content-Length' },
  ],
  [
    'the same length twice',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}`,
    { why: 'there is more than one Content-Length' },
  ],
  [
    'lengths in a list',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nContent-Length: 2, 2\r\n\r\n{}`,
    { why: 'Content-Length is not a number' },
  ],
  [
    'a negative length',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nContent-Length: -1\r\n\r\n`,
    { why: 'Content-Length is not a number' },
  ],
  [
    'a length with a sign',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nContent-Length: +2\r\n\r\n{}`,
    { why: 'Content-Length is not a number' },
  ],
  [
    'a length in hex',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nContent-Length: 0x2\r\n\r\n{}`,
    { why: 'Content-Length is not a number' },
  ],
  [
    'a length beyond all numbers',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nContent-Length: 99999999999999999999999\r\n\r\n{}`,
    { why: 'Content-Length is not a number' },
  ],
  [
    'an unknown transfer coding',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    'coding',
  ],
  [
    'identity as transfer coding',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: identity\r\n\r\n`,
    'coding',
  ],
  [
    'chunked not last',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    'coding',
  ],
  [
    'gzip before chunked',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    'coding',
  ],
  [
    'chunked in two headers',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'coding',
  ],
  [
    'a transfer coding after a tab',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n`,
    'stranger',
  ],
  [
    'a chunk size that is none',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    { why: 'a chunk has no size' },
  ],
  [
    'a chunk longer than it says',
    `POST ${target} HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n`,
    { why: 'a chunk does not end in CRLF where it should' },
  ],
  ['one header of 20 KB', `GET ${target} HTTP/1.1\r\nHost: <host>\r\nX-A: ${x(20_000)}\r\n\r\n`, 'tooLong'],
  [
    '2500 headers, then a second Host',
    `GET ${target} HTTP/1.1\r\nHost: <host>\r\n${'A:\r\n'.repeat(2500)}Host: evil.example\r\n\r\n`,
    'notOurs',
  ],
  ['a target of 20 KB', `GET ${target}?${x(20_000)} HTTP/1.1\r\nHost: <host>\r\n\r\n`, 'tooLong'],
  [
    'an expectation that is not 100-continue',
    `GET ${target} HTTP/1.1\r\nHost: <host>\r\nExpect: 200-maybe\r\n\r\n`,
    'expectation',
  ],
  ['CONNECT', 'CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: <host>\r\n\r\n', 'connect'],
  ['an unknown verb', `HACK ${target} HTTP/1.1\r\nHost: <host>\r\n\r\n`, 'noMethod'],
  ['a verb in lower case', `get ${target} HTTP/1.1\r\nHost: <host>\r\n\r\n`, 'noMethod'],
  ['TRACE', `TRACE ${target} HTTP/1.1\r\nHost: <host>\r\n\r\n`, 'trace'],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: <host>\r\n\r\n', 'star'],
  [
    'an upgrade to a web socket',
    `GET ${target} HTTP/1.1\r\nHost: <host>\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    'stranger',
  ],
  [
    'an upgrade to h2c',
    `GET ${target} HTTP/1.1\r\nHost: <host>\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`,
    'stranger',
  ],
  ['two Hosts', `GET ${target} HTTP/1.1\r\nHost: <host>\r\nHost: evil.example\r\n\r\n`, 'notOurs'],
  ['a foreign Host', `GET ${target} HTTP/1.1\r\nHost: evil.example\r\n\r\n`, 'notOurs'],
  ['a Host with another port', `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n`, 'notOurs'],
  ['a Host without port', `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 'notOurs'],
  ['a Host with a dot behind', `GET ${target} HTTP/1.1\r\nHost: localhost.\r\n\r\n`, 'notOurs'],
  ['an empty Host', `GET ${target} HTTP/1.1\r\nHost:\r\n\r\n`, 'notOurs'],
  ['a Host with a user', `GET ${target} HTTP/1.1\r\nHost: evil@<host>\r\n\r\n`, 'notOurs'],
  [
    'a page of another origin',
    `GET ${target} HTTP/1.1\r\nHost: <host>\r\nOrigin: https://evil.example\r\n\r\n`,
    'webPage',
  ],
  ['a page of this origin', `GET ${target} HTTP/1.1\r\nHost: <host>\r\nOrigin: http://<host>\r\n\r\n`, 'webPage'],
  ['a page of no origin', `GET ${target} HTTP/1.1\r\nHost: <host>\r\nOrigin: null\r\n\r\n`, 'webPage'],
  [
    'a preflight',
    `OPTIONS ${target} HTTP/1.1\r\nHost: <host>\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n`,
    'webPage',
  ],
  [
    'Sec-Fetch-Site: cross-site',
    `GET ${target} HTTP/1.1\r\nHost: <host>\r\nSec-Fetch-Site: cross-site\r\n\r\n`,
    'webPage',
  ],
  [
    'Sec-Fetch-Site: same-site',
    `GET ${target} HTTP/1.1\r\nHost: <host>\r\nSec-Fetch-Site: same-site\r\n\r\n`,
    'webPage',
  ],
  ['Sec-Fetch-Site: nonsense', `GET ${target} HTTP/1.1\r\nHost: <host>\r\nSec-Fetch-Site: x\r\n\r\n`, 'webPage'],
]

type Refusal = readonly [status: number, sentence: string]
type Refusals = Readonly<
  Record<
    | 'noMethod'
    | 'tooLong'
    | 'coding'
    | 'expectation'
    | 'connect'
    | 'notOurs'
    | 'webPage'
    | 'stranger'
    | 'trace'
    | 'star',
    Refusal
  >
>

/** Refusals of the listener itself are worded alike; the gateway puts its code before. */
const byListener = (code: string): Pick<Refusals, 'noMethod' | 'tooLong' | 'coding' | 'expectation' | 'connect'> => ({
  noMethod: [400, `${code}the request does not begin with a known method, for example GET`],
  tooLong: [431, `${code}the request line and headers are longer than 16 KiB`],
  coding: [501, `${code}Transfer-Encoding: only chunked is supported`],
  expectation: [417, `${code}Expect: only 100-continue is supported`],
  connect: [405, `${code}CONNECT is not served here [Allow: GET, HEAD, POST, PUT, PATCH, DELETE]`],
})
const notOurs =
  'this server does not answer to the name in the Host header; use its address, or allow the name with allowed_hosts'
const byGateway = {
  ...byListener('bad_request: '),
  notOurs: [421, `misdirected: ${notOurs}`],
  webPage: [403, 'cross_site: requests from web pages are not served'],
} as const
const noToken: Refusal = [
  401,
  'missing: missing token: send it as "Authorization: Bearer <token>", or where this upstream takes its key',
]

const faces: [name: string, face: Surface, target: string, code: string, refusals: Refusals][] = [
  [
    'the Vault API',
    vaultFace,
    '/v1/mcp/agents/billing',
    '',
    {
      ...byListener(''),
      notOurs: [421, notOurs],
      webPage: [403, 'requests from web pages are not served'],
      stranger: [403, 'permission denied'],
      trace: [405, 'unsupported operation [Allow: GET, LIST, POST, PUT, PATCH, DELETE]'],
      star: [404, 'no handler for this path; the API lies under /v1/'],
    },
  ],
  [
    'the REST API',
    restFace,
    '/agents/billing/scopes',
    'bad_request: ',
    {
      ...byGateway,
      stranger: [
        401,
        'caller_missing: send the caller\'s own token: "Authorization: Bearer <Vault token or service token>"',
      ],
      trace: [405, 'method_not_allowed: TRACE is not served here; use GET, POST [Allow: GET, POST]'],
      star: [400, 'bad_request: the request target must start with /'],
    },
  ],
  [
    '/u/',
    upstreamFace,
    '/u/stripe/v1/invoices',
    'bad_request: ',
    {
      ...byGateway,
      stranger: noToken,
      trace: noToken,
      star: [400, 'bad_request: the request target must start with /'],
    },
  ],
  [
    'an upstream listener',
    listenerFace,
    '/v1/invoices',
    'bad_request: ',
    {
      ...byGateway,
      stranger: noToken,
      trace: noToken,
      star: [
        400,
        'bad_request: request target: it must start with /, the absolute form is not served; example: /v1/invoices?limit=3',
      ],
    },
  ],
]

for (const [name, face, target, code, refusals] of faces) {
  describe(`HTTP on ${name}`, () => {
    checkRows(
      face,
      on,
      requests(target).map(([what, request, refusal]): Row => [
        what,
        request,
        ...(typeof refusal === 'string'
          ? refusals[refusal]
          : ([400, `${code}the request is not well-formed HTTP/1.1: ${refusal.why}`] as const)),
      ]),
    )
  })
}
