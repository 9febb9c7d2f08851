import { parseJsonExactly } from '../logical/json.ts'
import { kindOfResponse, noResponse, VaultError } from './errors.ts'
import { scrub } from './scrub.ts'

/** What Vault answered. Members are present when the response has them with the right type; `raw` is the parsed body. */
export interface VaultResponse {
  readonly status: number
  readonly request_id?: string
  readonly lease_id?: string
  /** Seconds. */
  readonly lease_duration?: number
  readonly renewable?: boolean
  readonly data?: Readonly<Record<string, unknown>> | null
  readonly auth?: VaultAuth | null
  readonly warnings?: readonly string[] | null
  readonly wrap_info?: Readonly<Record<string, unknown>> | null
  /** The parsed body; undefined when it was empty (204). */
  readonly raw: unknown
}

/** The `auth` member of a login or renewal. Servers may send more. */
export interface VaultAuth {
  readonly client_token: string
  /** Seconds; 0 for a token that never expires. */
  readonly lease_duration: number
  readonly renewable: boolean
  readonly accessor?: string
  readonly policies?: readonly string[]
  readonly entity_id?: string
  readonly token_type?: string
  readonly [other: string]: unknown
}

const MOST_ERRORS = 32
const LONGEST_ERROR = 2048

type JsonObject = Record<string, unknown>

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'
const isNullableObject = (value: unknown): boolean => value === null || isObject(value)

const memberTypes: Readonly<Record<Exclude<keyof VaultResponse, 'status' | 'raw'>, (value: unknown) => boolean>> = {
  request_id: isText,
  lease_id: isText,
  lease_duration: (value) => typeof value === 'number',
  renewable: (value) => typeof value === 'boolean',
  data: isNullableObject,
  auth: (value) =>
    value === null ||
    (isObject(value) &&
      isText(value.client_token) &&
      typeof value.lease_duration === 'number' &&
      typeof value.renewable === 'boolean'),
  warnings: (value) => value === null || (Array.isArray(value) && value.every(isText)),
  wrap_info: isNullableObject,
}

/** JSON objects only: whatever else arrives was not written by Vault. */
function parseBody(text: string): JsonObject | undefined {
  try {
    const body = parseJsonExactly(text)
    return isObject(body) ? body : undefined
  } catch {
    return undefined
  }
}

function pick(status: number, body: JsonObject): VaultResponse {
  const members = Object.entries(memberTypes)
    .filter(([name, fits]) => name in body && fits(body[name]))
    .map(([name]) => [name, body[name]])
  return { ...(Object.fromEntries(members) as Omit<VaultResponse, 'status' | 'raw'>), status, raw: body }
}

/** A 404 may say why only in its warnings: a version 1 path on a version 2 KV mount. */
function errorsOf(body: JsonObject, secrets: readonly string[]): string[] {
  const said = body.errors ?? body.warnings
  const listed = Array.isArray(said) ? said.filter(isText) : []
  return listed.slice(0, MOST_ERRORS).map((text) => scrub(text, secrets).slice(0, LONGEST_ERROR))
}

/** Vault's list of one: `1 error occurred:`, a bullet, blank lines. */
const plainSentence = (text: string): string => /^1 error occurred:\s+\* (.+)\s*$/s.exec(text)?.[1]?.trim() ?? text

/** A refusal has `errors`, so a body without it is data: the report of sys/health, or a KV version that was deleted. */
function isData(status: number, path: string, body: JsonObject): boolean {
  if ('errors' in body) return false
  return path === 'sys/health' || (status === 404 && isObject(body.data))
}

/** Whether Vault itself refused. A proxy in front says 403 or 404 in its own words, which judge neither token nor path. */
const isRefusal = (body: JsonObject): boolean => Array.isArray(body.errors) || 'request_id' in body

/**
 * Judges what came over the wire. `path` is the decoded path asked for; `secrets` lists what may not show in an error
 * and is asked only when there is one. Throws `VaultError`; every 2xx is a success (Vault queues some work and says
 * 202), and so are the two kinds of data Vault sends with another status.
 */
export function readResponse(
  status: number,
  text: string,
  path: string,
  secrets: () => readonly string[],
): VaultResponse {
  const success = status >= 200 && status < 300
  if (success && text.trim() === '') return { status, raw: undefined }
  if (status >= 300 && status < 400) {
    throw noResponse(
      `Vault responded with ${String(status)}, a redirect; redirects are not followed because the token would go with them, so set the address to the active node`,
      status,
    )
  }
  const body = parseBody(text)
  if (body && (success || isData(status, path, body))) return pick(status, body)
  if (!body || !isRefusal(body))
    throw noResponse(
      `the response with status ${String(status)} does not come from Vault; is this the address of a Vault server?`,
      status,
    )
  const errors = errorsOf(body, secrets())
  const message = errors.length > 0 ? errors.map(plainSentence).join('; ') : `Vault answered ${String(status)}`
  throw new VaultError(kindOfResponse(status, errors), status, message, errors)
}
