// What may differ between a request that a program sends to an API itself and the one that the API sees through the gateway, and
// between the responses. Everything else must be the same, byte for byte.
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { fieldOf, statusOf } from './wire.mjs'

/** Headers of requests, with the reason. What belongs to one API alone stands in its program. */
export const ofRequests = {
  connection: 'hop by hop (RFC 9110, 7.6.1)',
  'keep-alive': 'hop by hop',
  te: 'hop by hop',
  'transfer-encoding': 'how the body is framed on this hop; a length that was told is still told',
  expect: 'answered by the next hop (RFC 9110, 10.1.1)',
  'accept-encoding': 'the gateway asks for what it can read',
  'sec-fetch-*': 'Node sends it for browsers’ sake: fetch has no page behind it here',
}

export const ofResponses = {
  connection: 'hop by hop (RFC 9110, 7.6.1)',
  'keep-alive': 'hop by hop',
  'transfer-encoding': 'how the body is framed on this hop; a length that was told is still told',
  'x-request-id': "the gateway's own, by which its records are found; the upstream's is x-upstream-request-id",
  'x-upstream-request-id': 'see x-request-id',
  server: 'names the program that answered',
  'set-cookie': 'a cookie is a credential, which stays in the gateway',
  'content-security-policy': 'for browsers',
  'referrer-policy': 'for browsers',
  'strict-transport-security': 'for browsers, about a host name that is not the gateway’s',
  'x-content-type-options': 'for browsers',
  'x-frame-options': 'for browsers',
  'x-xss-protection': 'for browsers',
  'access-control-*': 'for browsers',
}

const matches = (pattern, name) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern)

/** Whether a name is one of a list's, and notes which entry said so. */
const exceptedBy = (list, used) => (name) => {
  const pattern = Object.keys(list).find((one) => matches(one, name))
  if (pattern !== undefined) used.add(pattern)
  return pattern !== undefined
}

const shown = (value) => {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text
}

/** `directly` against `through`; `what` names it. */
const difference = (what, directly, through) =>
  directly === through ? [] : [`${what}: directly ${shown(directly)}, through the gateway ${shown(through)}`]

/** How two bodies differ, in a way that can be read. */
function bodyDifference(what, directly, through) {
  if (directly.equals(through)) return []
  let at = 0
  while (at < directly.length && directly[at] === through[at]) at++
  const piece = (bytes) => bytes.subarray(Math.max(0, at - 20), at + 80).toString('latin1')
  return [
    `${what}: ${directly.length} bytes directly, ${through.length} through the gateway, other from byte ${at} on: ${shown(piece(directly))}, ${shown(piece(through))}`,
  ]
}

function headerDifferences(what, directly, through, isExcepted) {
  const names = new Set([...directly, ...through].map(([name]) => name.toLowerCase()))
  return [...names].flatMap((name) => {
    const found = difference(
      `${what} ${name}`,
      fieldOf({ headers: directly }, name),
      fieldOf({ headers: through }, name),
    )
    return found.length > 0 && isExcepted(name) ? [] : found
  })
}

/** A random boundary is the same for both (RFC 2046, 5.1.1). */
function withoutBoundary(headers, body) {
  const boundary = /boundary="?([^";]+)/.exec(fieldOf({ headers }, 'content-type') ?? '')?.[1]
  if (boundary === undefined) return { headers, body }
  const replaced = (text) => text.replaceAll(boundary, 'BOUNDARY')
  return {
    headers: headers.map(([name, value]) => [name, name.toLowerCase() === 'content-type' ? replaced(value) : value]),
    body: Buffer.from(replaced(body.toString('latin1')), 'latin1'),
  }
}

/**
 * The request as it is compared: without the scheme word before the key, and with the program's own `comparable`, functions of the
 * whole (`:request`), of its first line (`:start`), of headers by name, and of the body as Latin-1 (`:body`), for what is random or
 * may be said in two ways.
 */
function comparableRequest(given, { comparable = {} }) {
  const request = comparable[':request']?.(given) ?? given
  const { headers, body } = withoutBoundary(request.headers, Buffer.concat(request.body))
  const reduced = (name, value) => comparable[name]?.(value) ?? value
  const reducedHeader = (name, value) =>
    reduced(name, name === 'authorization' ? value.replace(/^(?:bearer|token) /i, '') : value)
  return {
    start: reduced(':start', request.start),
    headers: headers.map(([name, value]) => [name, reducedHeader(name.toLowerCase(), value)]),
    body: comparable[':body'] ? Buffer.from(comparable[':body'](body.toString('latin1')), 'latin1') : body,
    trailers: request.trailers,
  }
}

/** A host that is no upstream of the gateway gets the program's own token: the phantom token, which is worth nothing there. */
const ofOutside = { authorization: '' }

/** Two exchanges as the upstream saw them. `used` collects the entries that were needed. */
function requestDifferences(which, directly, through, program, used) {
  const [one, other] = [directly, through].map(({ request }) => comparableRequest(request, program))
  const isExcepted = exceptedBy(
    { ...ofRequests, ...program.leftOut, 'content-length': '', ...(directly.isOutside && ofOutside) },
    used,
  )
  const told = fieldOf(one, 'content-length')
  return [
    ...difference(`${which}`, one.start, other.start),
    ...headerDifferences(`${which}: header`, one.headers, other.headers, isExcepted),
    // No body is none, with a length or without.
    ...(told === undefined || told === '0'
      ? []
      : difference(`${which}: content-length`, told, fieldOf(other, 'content-length'))),
    ...bodyDifference(`${which}: body`, one.body, other.body),
    ...headerDifferences(`${which}: trailer`, one.trailers, other.trailers, () => false),
    ...difference(`${which}: how it ended`, directly.end, through.end),
  ]
}

const decoders = { gzip: gunzipSync, 'x-gzip': gunzipSync, deflate: inflateSync, br: brotliDecompressSync }

function decoded(response) {
  const body = Buffer.concat(response.body)
  const decode = decoders[fieldOf(response, 'content-encoding')]
  return decode && body.length > 0 ? decode(body) : body
}

/**
 * What the program got itself against what it got through the gateway, whose URLs read as the upstream's. `readBody`: what a
 * program's server says in a body that is cut into pieces by chance.
 */
function responseDifferences(which, directly, through, { responsesLeftOut, ownUrls, readBody = (body) => body }, used) {
  const [one, other] = [directly.response, through.response]
  if (one === undefined || other === undefined) return difference(`${which}: response`, one?.start, other?.start)
  const coded = fieldOf(one, 'content-encoding')
  const isCoded = coded !== undefined && coded !== fieldOf(other, 'content-encoding')
  const isExcepted = exceptedBy({ ...ofResponses, ...responsesLeftOut }, used)
  const isFramed = (name) => name === 'content-length' || (isCoded && (name === 'content-encoding' || name === 'vary'))
  const translated = other.headers.map(([name, value]) => [name, ownUrls(value)])
  const told = isCoded ? undefined : fieldOf(one, 'content-length')
  return [
    ...difference(`${which}: status`, statusOf(one), statusOf(other)),
    ...headerDifferences(`${which}: response header`, one.headers, translated, (n) => isFramed(n) || isExcepted(n)),
    ...(told === undefined
      ? []
      : difference(`${which}: response content-length`, told, fieldOf(other, 'content-length'))),
    // How much of a response that was cut has arrived is chance.
    ...(directly.end === 'whole'
      ? bodyDifference(`${which}: response body`, readBody(decoded(one)), readBody(decoded(other)))
      : []),
    ...headerDifferences(`${which}: response trailer`, one.trailers, other.trailers, isExcepted),
    ...difference(`${which}: how the response ended`, directly.end, through.end),
  ]
}

const titleOf = ({ request }) => request.start.split(' ').slice(0, 2).join(' ')

/** Whoever asks without a credential is asked for one by whom it asks: the API itself, or the gateway. */
const isChallenge = ({ request, response }) =>
  fieldOf(request, 'authorization') === undefined &&
  response !== undefined &&
  statusOf(response) === 401 &&
  fieldOf(response, 'www-authenticate') !== undefined

/**
 * All differences of one step. `directly`: { exchanges, result }; `through` has `received` beside them, the exchanges as the
 * program saw them; each is a list. `used` collects the exceptions that applied.
 */
export function differences(directly, through, program, used) {
  const [asked, arrived, received] = [directly.exchanges, through.exchanges, through.received].map((list) =>
    list.filter((exchange) => !isChallenge(exchange)),
  )
  const counts = [asked, arrived, received].map((list) => list.map(titleOf))
  if (new Set(counts.map((titles) => titles.length)).size > 1)
    return [
      `requests: directly ${shown(counts[0])}, through the gateway ${shown(counts[2])}, of which the upstream saw ${shown(counts[1])}`,
    ]
  if (counts[0].length === 0) return ['no request was sent']
  const found = asked.flatMap((exchange, at) => [
    ...requestDifferences(titleOf(exchange), exchange, arrived[at], program, used),
    ...responseDifferences(titleOf(exchange), exchange, received[at], program, used),
  ])
  return [...found, ...difference('what the program made of it', directly.result, program.ownUrls(through.result))]
}
