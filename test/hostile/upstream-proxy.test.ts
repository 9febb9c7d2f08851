/** `/u/` and upstream listeners: targets that are no plain path below the upstream. None of these reaches it. */
import { afterAll, beforeAll, describe } from 'vitest'
import { checkRows, listenerFace, upstreamFace } from './rows.ts'
import type { Row } from './rows.ts'
import { closeClean, startHostileHarness } from './harness.ts'
import type { HostileHarness } from './harness.ts'

let harness: HostileHarness
beforeAll(async () => {
  harness = await startHostileHarness()
})
afterAll(() => closeClean(harness))
const on = (): HostileHarness => harness

const long = (count: number): string => 'x'.repeat(count)

const refusedOn = (from: string, what: string): string =>
  `bad_request: request target: ${what}; example: ${from}/v1/invoices?limit=3`

const encodedSlash =
  'bad_request: request target: it holds an encoded slash (%2f) in the path, which upstream stripe does not take there; its operator can allow it with encoded_slash=data'

/** The same tricks under the prefix and on a listener of its own: `from` is where the upstream's root lies. */
const tricks = (from: string): Row[] => {
  // The form is reported before the API is known where the target does not begin with a slash.
  const absolute =
    from === ''
      ? refusedOn(from, 'it must start with /, the absolute form is not served')
      : 'bad_request: the request target must start with /'
  const refused = (what: string): string => refusedOn(from, what)
  return [
    ['..', `GET ${from}/v1/../v1/invoices`, 400, refused('it holds a . or .. path segment')],
    ['.. at the end', `GET ${from}/v1/invoices/..`, 400, refused('it holds a . or .. path segment')],
    ['.', `GET ${from}/v1/./invoices`, 400, refused('it holds a . or .. path segment')],
    ['%2e%2e', `GET ${from}/v1/%2e%2e/admin`, 400, refused('it holds an encoded dot (%2e) in the path')],
    ['%2E.', `GET ${from}/v1/%2E./admin`, 400, refused('it holds an encoded dot (%2e) in the path')],
    ['a dot encoded within a name', `GET ${from}/v1/a%2eb`, 400, refused('it holds an encoded dot (%2e) in the path')],
    [
      '%252e',
      `GET ${from}/v1/%252e%252e/admin`,
      400,
      refused('it holds a doubly encoded slash, dot or control character (%25XX) in the path'),
    ],
    ['two slashes', `GET ${from}/v1//invoices`, 400, refused('it holds an empty path segment (//)')],
    ['a slash at the end', `GET ${from}/v1/invoices/`, 403, 'no_tool: no tool of stripe covers GET /v1/invoices/'],
    [
      'a semicolon',
      `GET ${from}/v1/invoices;jsessionid=1`,
      403,
      'no_tool: no tool of stripe covers GET /v1/invoices;jsessionid=1',
    ],
    [
      '..;',
      `GET ${from}/v1/..;/admin`,
      400,
      refused('it holds path parameters (;) behind an empty, . or .. path segment'),
    ],
    ['a backslash', `GET ${from}/v1\\invoices`, 400, refused('it holds a backslash')],
    ['an encoded backslash', `GET ${from}/v1/a%5cb`, 400, refused('it holds an encoded backslash (%5c) in the path')],
    ['an encoded slash', `GET ${from}/v1%2finvoices`, 400, encodedSlash],
    ['an encoded slash in capitals', `GET ${from}/v1%2Finvoices`, 400, encodedSlash],
    ['an encoded NUL', `GET ${from}/v1/invoices%00`, 400, refused('it holds an encoded control character in the path')],
    ['an encoded NUL in the query', `GET ${from}/v1/invoices?limit=%00`, 400, refused('it holds an encoded NUL (%00)')],
    [
      'an encoded line break',
      `GET ${from}/v1/invoices%0d%0aX-A:%20b`,
      400,
      refused('it holds an encoded control character in the path'),
    ],
    [
      'a full-width slash',
      `GET ${from}/v1/a%EF%BC%8Fb`,
      400,
      refused('it holds a character that stands for a slash, backslash or dot in the path'),
    ],
    [
      'full-width dots',
      `GET ${from}/v1/%EF%BC%8E%EF%BC%8E/admin`,
      400,
      refused('it holds a character that stands for a slash, backslash or dot in the path'),
    ],
    ['an overlong slash', `GET ${from}/v1/%c0%af`, 400, refused('its %XX sequences are not UTF-8')],
    ['a lone %', `GET ${from}/v1/100%`, 400, refused('a % is not followed by two hex digits')],
    [
      'a brace',
      `GET ${from}/v1/invoices/{id}`,
      400,
      refused('it holds one of " < > ^ ` { | } in the path; write it as %XX'),
    ],
    ['a fragment', `GET ${from}/v1/invoices#x`, 400, refused('it holds a fragment (#)')],
    ['the absolute form', `GET http://<host>${from}/v1/invoices`, 400, absolute],
    ['the absolute form of the upstream', 'GET https://api.stripe.com/v1/invoices', 400, absolute],
    [
      '257 query parameters',
      `GET ${from}/v1/invoices?${'a=b&'.repeat(257)}`,
      400,
      refused('it has more than 256 query parameters'),
    ],
    ['a query parameter without a name', `GET ${from}/v1/invoices?=x`, 400, refused('a query parameter has no name')],
    ['a target of 9 KB', `GET ${from}/v1/invoices/${long(9000)}`, 400, refused('it is longer than 8192 bytes')],
  ]
}
describe('targets below /u/', () => {
  checkRows(upstreamFace, on, tricks('/u/stripe'))
})
describe('targets on a listener', () => {
  checkRows(listenerFace, on, tricks(''))
})
