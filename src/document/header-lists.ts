/** Which headers an operator may write where: those added to every request, those callers may send, those passed back. */
import { isForwardingName, isFramingHeader, isFramingName, isHeaderName } from './header-name.ts'
import { placementsIn } from '../scope/index.ts'
import type { DocumentProblem } from './problem.ts'

export const headerFields = {
  headers: {
    type: 'object',
    description:
      'Headers added to every request. A caller may send one of them only with the same value. Not for credentials: names that carry one are refused.',
    example: { 'Stripe-Version': '2025-03-31' },
    default: {},
  },
  request_headers: {
    type: 'lists',
    description:
      'Headers that callers may send in addition to those every API knows, each with the values that are allowed, or * for any: what chooses on whose behalf the key acts, or what a call does. Tool policies judge them as parameter header:<Name>.',
    example: { 'Stripe-Account': ['acct_1', 'acct_2'] },
    default: {},
  },
  response_headers: {
    type: 'list',
    description:
      'Response headers passed back in addition to those every API knows (paging, rate limits, versions, request ids), with a whole body only.',
    example: ['X-Custom-Total'],
    default: [],
  },
  allow_range: {
    type: 'bool',
    description:
      'Pass on Range where no fields apply: one range of at least 64 KiB, or to the end. Otherwise the whole is sent. A key that the upstream repeats in its response could be cut at the edge of a range.',
    example: true,
    default: false,
  },
} as const

interface HeaderValues {
  readonly headers?: unknown
  readonly request_headers?: unknown
  readonly response_headers?: unknown
  readonly auth?: unknown
}

/** What is wrong with the fields above. */
export const headerListProblems = (values: HeaderValues): readonly DocumentProblem[] => [
  ...entriesOf(values.headers).flatMap(([name, value]) => headerProblem(name, value) ?? []),
  ...requestHeaderProblems(values),
  ...responseHeaderProblems(values.response_headers),
]

const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : []

const credential =
  /^(?:authorization|proxy-authorization|cookie2?|x-vault-token)$|(?:api[-_]?key|token|secret|password|credential|signature)/i
/** Names of which a part sounds like a credential and which carry none. */
const noCredential = new Set(['i-twilio-idempotency-token', 'lock-token', 'x-atlassian-token'])
const LONGEST_HEADER_VALUE = 1024

/** Whether callers must leave such a header to the gateway, which adds the key itself. */
export const isCredentialName = (name: string): boolean =>
  (credential.test(name) || /(?:^|[-_])auth$|authori[sz]ation/i.test(name)) && !noCredential.has(name.toLowerCase())

/** A name this long is not a header but something that went to the wrong place, and is not repeated. */
const shownName = (name: string): string =>
  name.length > 64 ? `(${String(name.length)} characters)` : JSON.stringify(name)

const isHeaderValue = (value: unknown): boolean =>
  typeof value === 'string' && !/[^\t\x20-\x7e]/.test(value) && value.length <= LONGEST_HEADER_VALUE

const placeForKeys = (name: string): string =>
  `Put the key into KV and name its place with auth, for example auth=header:${name.slice(0, 64)}.`

function headerProblem(name: string, value: unknown): DocumentProblem | undefined {
  const base = { field: 'headers', key: name, example: headerFields.headers.example }
  const subject = `headers: ${shownName(name)}`
  if (credential.test(name) && isHeaderName(name) && !isFramingName(name))
    return { ...base, subject, problem: 'carries a credential', advice: placeForKeys(name) }
  if (!isHeaderName(name) || isFramingHeader(name))
    return { ...base, subject, problem: 'is not a header that can be added' }
  if (value === undefined || isHeaderValue(value)) return undefined
  return { ...base, subject: `headers.${name}`, problem: 'must be a printable text on one line' }
}

function requestHeaderProblems({ headers, request_headers: listed, auth }: HeaderValues): readonly DocumentProblem[] {
  const fixed = new Set(entriesOf(headers).map(([name]) => name.toLowerCase()))
  const places = typeof auth === 'string' ? placementsIn(auth) : []
  const keyHeaders = new Set(places.flatMap(({ kind, name }) => (kind === 'header' ? [name.toLowerCase()] : [])))
  const seen = new Set<string>()
  return entriesOf(listed).flatMap(([name, values]) => {
    const lowerName = name.toLowerCase()
    const problem =
      requestHeaderProblem(name, keyHeaders, fixed) ?? (seen.has(lowerName) ? 'is listed twice' : undefined)
    seen.add(lowerName)
    const base = { field: 'request_headers', key: name, example: headerFields.request_headers.example }
    if (problem !== undefined) return [{ ...base, subject: `request_headers: ${shownName(name)}`, problem }]
    const wrong = valuesProblem(values)
    return wrong === undefined ? [] : [{ ...base, subject: `request_headers.${name}`, problem: wrong }]
  })
}

/** Another way to say `Range`, to servers that read it. */
const rangeAliases = new Set(['if-range', 'request-range', 'x-ms-range'])

function requestHeaderProblem(
  name: string,
  keyHeaders: ReadonlySet<string>,
  fixed: ReadonlySet<string>,
): string | undefined {
  const lowerName = name.toLowerCase()
  if (!isHeaderName(name)) return 'is not the name of a header'
  if (keyHeaders.has(lowerName) || isCredentialName(name)) return 'carries a credential, which only the gateway sends'
  if (rangeAliases.has(lowerName) || lowerName === 'range') return 'asks for a part of a response'
  if (isFramingHeader(name) || isForwardingName(name))
    return 'frames, routes or redirects a request, so callers may not set it'
  return fixed.has(lowerName) ? 'has its value in headers already' : undefined
}

function valuesProblem(values: unknown): string | undefined {
  // What a plan does not know yet, and what is not a list, is for others to say.
  if (!Array.isArray(values)) return undefined
  if (values.length === 0) return 'must list the values that are allowed, or * for any'
  if (values.some((value) => value !== undefined && !isHeaderValue(value)))
    return 'must list printable texts on one line each'
  return undefined
}

/** What a client acts on: it would act on it for the gateway's origin, or carry its token elsewhere. */
const actedOn = new Set([
  'accept-ranges',
  'alt-svc',
  'authentication-info',
  'clear-site-data',
  'content-location',
  'content-security-policy',
  'location',
  'nel',
  'proxy-authentication-info',
  'public-key-pins',
  'refresh',
  'report-to',
  'reporting-endpoints',
  'set-cookie2',
  'strict-transport-security',
  'www-authenticate',
])
/** Cursors are called tokens too. */
const pageToken = /(?:page|next|continuation|cursor|sync|delta)[-_]?token/i

function responseHeaderProblems(listed: unknown): readonly DocumentProblem[] {
  if (!Array.isArray(listed)) return []
  return listed.flatMap((name: unknown) => {
    if (typeof name !== 'string') return []
    const problem = responseHeaderProblem(name)
    const subject = `response_headers: ${shownName(name)}`
    return problem === undefined
      ? []
      : [{ field: 'response_headers', subject, problem, example: headerFields.response_headers.example }]
  })
}

function responseHeaderProblem(name: string): string | undefined {
  const lowerName = name.toLowerCase()
  if (!isHeaderName(name)) return 'is not the name of a header'
  if (isCredentialName(name) && !pageToken.test(name)) return 'carries a credential, which stays here'
  const refused =
    actedOn.has(lowerName) ||
    lowerName.startsWith('access-control-') ||
    lowerName.startsWith('sec-') ||
    isFramingHeader(name)
  return refused ? 'frames a response, or makes clients act on it, so it is not passed back' : undefined
}
