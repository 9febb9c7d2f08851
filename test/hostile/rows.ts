/** Rows `[what, request, status, sentence]`, and what holds for every one of them whatever its own words are. */
import { expect, it } from 'vitest'
import { Connection } from './connection.ts'
import type { WireResponse } from './connection.ts'
import type { Mark, HostileHarness } from './harness.ts'

export interface Remarks {
  /** Requests the upstream gets, and decisions recorded as allowed; 0 unless given. */
  readonly calls?: number
  readonly allowed?: number
  /** Headers of the response, by lower-case name; undefined = absent. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** The response may break off: its status went out before what is wrong could be known. */
  readonly broken?: boolean
}

/**
 * `request`: method and target, then header lines, an empty line and the body. Host, Content-Length and the table's credential
 * are added where the row does not write them; a line `anonymous` leaves the credential out. `<root>`, `<phantom>` … are filled
 * in. With `\r` anywhere it is sent as it is. `sentence`: Vault's `errors` or list, the gateway's `code: message`, or the body.
 */
export type Row = readonly [what: string, request: string, status: number, sentence: string, remarks?: Remarks]

/** Rows that all get the same response. */
export const alike = (
  response: readonly [status: number, sentence: string, remarks?: Remarks],
  requests: readonly (readonly [what: string, request: string])[],
): Row[] => requests.map(([what, request]): Row => [what, request, ...response])

export interface Surface {
  readonly origin: (harness: HostileHarness) => string
  /** A header line. */
  readonly credential: string
  /** Answered 200 by a server in good order. */
  readonly good: string
}

export const vaultFace: Surface = {
  origin: ({ vault }) => vault,
  credential: 'X-Vault-Token: <root>',
  good: 'GET /v1/auth/token/lookup-self',
}
export const restFace: Surface = {
  origin: ({ gateway }) => gateway,
  credential: 'Authorization: Bearer <root>',
  good: 'GET /agents/billing',
}
export const upstreamFace: Surface = {
  origin: ({ gateway }) => gateway,
  credential: 'Authorization: Bearer <phantom>',
  good: 'GET /u/stripe/v1/invoices',
}
export const listenerFace: Surface = {
  origin: ({ stripe }) => stripe,
  credential: 'Authorization: Bearer <phantom>',
  good: 'GET /v1/invoices',
}

export function checkRows(face: Surface, harness: () => HostileHarness, rows: readonly Row[]): void {
  for (const [what, request, status, sentence, expectations = {}] of rows) {
    it(`${what} → ${String(status)}`, async () => {
      const before = harness().mark()
      const connection = new Connection(face.origin(harness()))
      try {
        connection.send(wireOf(harness(), face, request))
        const response = await connection.answer(request.startsWith('HEAD '))
        expect({ status: response.status, sentence: sentenceOf(response) }).toEqual({
          status,
          sentence: harness().fill(sentence),
        })
        expect(response.headers).toMatchObject(present(expectations.headers))
        expect(problemsOf(harness(), response, expectations)).toEqual([])
        expect(changes(before, harness().mark())).toEqual({
          writes: 0,
          faults: 0,
          calls: expectations.calls ?? 0,
          allowed: expectations.allowed ?? 0,
        })
        expect(await goesOn(harness(), face, connection, response)).toBe(200)
      } finally {
        connection.destroy()
      }
    })
  }
}

const present = (headers: Remarks['headers'] = {}): object =>
  Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
const changes = (before: Mark, after: Mark): Mark => ({
  writes: after.writes - before.writes,
  calls: after.calls - before.calls,
  allowed: after.allowed - before.allowed,
  faults: after.faults - before.faults,
})

function wireOf(harness: HostileHarness, { origin, credential }: Surface, request: string): string {
  const filled = harness.fill(request).replaceAll('<host>', new URL(origin(harness)).host)
  if (filled.includes('\r')) return filled
  const [head = '', ...rest] = filled.split('\n\n')
  const body = rest.join('\n\n')
  const [line = '', ...given] = head.split('\n')
  const has = (pattern: RegExp) => given.some((header) => pattern.test(header))
  const lines = given.filter((header) => header !== 'anonymous')
  if (!has(/^host:/i)) lines.unshift(`Host: ${new URL(origin(harness)).host}`)
  if (!has(/^(?:anonymous$|authorization:|x-vault-token:)/i)) lines.push(harness.fill(credential))
  const takesBody = /^(?:POST|PUT|PATCH) /.test(line) || body !== ''
  if (takesBody && !has(/^(?:content-length|transfer-encoding):/i)) lines.push(`Content-Length: ${String(body.length)}`)
  return `${/ HTTP\/\S+$/.test(line) ? line : `${line} HTTP/1.1`}\r\n${lines.join('\r\n')}\r\n\r\n${body}`
}

export function sentenceOf({ body, headers }: Pick<WireResponse, 'body' | 'headers'>): string {
  const allow = headers.allow === undefined ? '' : ` [Allow: ${headers.allow}]`
  return `${spoken(body)}${allow}`
}

function spoken(bytes: string): string {
  const body = Buffer.from(bytes, 'latin1').toString('utf8')
  try {
    const { errors, error, data } = JSON.parse(body) as {
      errors?: string[]
      error?: { code: string; message: string }
      data?: { keys?: string[] }
    }
    if (errors) return errors.length === 0 ? 'errors: []' : errors.join(' | ')
    if (data && Object.hasOwn(data, 'keys') && !Array.isArray(data)) return JSON.stringify(data.keys)
    return error ? `${error.code}: ${error.message}` : body.trim()
  } catch {
    return body.trim()
  }
}

const trace = /\n\s+at |\bat \S+ \(|\.[cm]?[jt]s:\d|node:internal|node_modules/

/** What is wrong with a response whatever it says. */
function problemsOf(
  harness: HostileHarness,
  { status, headers, wire, body, whole }: WireResponse,
  { broken, headers: wanted = {} }: Remarks,
): string[] {
  const problems: string[] = []
  if (!whole && broken !== true && status !== 0) problems.push('it breaks off')
  if (trace.test(wire)) problems.push('it holds a stack trace')
  if (harness.secrets.some((text) => wire.includes(text))) problems.push('it holds a token or a key')
  if (status === 405 && headers.allow === undefined) problems.push('405 without Allow')
  if (status === 401 && headers['www-authenticate'] === undefined) problems.push('401 without WWW-Authenticate')
  if (status >= 400 && body !== '' && headers['cache-control'] !== 'no-store') problems.push('it may be cached')
  if (
    Object.keys(headers).some(
      (name) => name.startsWith('access-control-') || name === 'set-cookie' || name === 'server',
    )
  )
    problems.push('it has a header that no answer of ours has')
  for (const [name, value] of Object.entries(wanted))
    if (value === undefined && headers[name] !== undefined) problems.push(`it has ${name}`)
  return problems
}

/** The status of a good request that follows, on the same connection where that is still open. */
async function goesOn(
  harness: HostileHarness,
  face: Surface,
  used: Connection,
  { headers, status }: WireResponse,
): Promise<number> {
  const reusable = status !== 0 && headers.connection !== 'close' && !used.closed
  const connection = reusable ? used : new Connection(face.origin(harness))
  try {
    connection.send(wireOf(harness, face, face.good))
    return (await connection.answer()).status
  } finally {
    connection.destroy()
  }
}
