import { durationSeconds } from '../../framework/duration.ts'
import { bodyText, defaultJsonLimits, parseJson } from '../../http/index.ts'
import { RequestError, badRequest } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import type { ApiCall } from '../base/call.ts'
import type { HostCall } from './call.ts'

// Go's strconv.ParseBool; hvac really sends `?list=True`.
const truths = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const falsehoods = new Set(['', '0', 'f', 'F', 'false', 'FALSE', 'False'])
/** Those that mean anything to this API at all. */
const methods = ['GET', 'LIST', 'POST', 'PUT', 'PATCH', 'DELETE']

/** The path below `/v1/`, decoded, `//` collapsed, no leading slash; undefined when the request is not for the API. */
export function apiPath(rawPath: string): string | undefined {
  const collapsed = rawPath.replaceAll(/\/{2,}/g, '/')
  if (collapsed !== '/v1' && !collapsed.startsWith('/v1/')) return undefined
  try {
    return decodeURIComponent(collapsed.slice('/v1/'.length))
      .replaceAll(/\/{2,}/g, '/')
      .replace(/^\//, '')
  } catch {
    throw badRequest('the path holds a "%" that starts no percent-encoded UTF-8 character; write it as %25.')
  }
}

/** Reads what the core needs out of an HTTP request. Refuses what cannot be honoured instead of ignoring it. */
export async function readCall(call: HostCall, path: string, id: string): Promise<ApiCall> {
  refuseUnsupported(call.headers)
  const wrapTtl = wrapTtlOf(call.headers['x-vault-wrap-ttl'] ?? '')
  const operation = operationOf(call)
  const listing = operation === 'list' && path !== '' && !path.endsWith('/')
  return {
    id,
    operation,
    path: listing ? `${path}/` : path,
    data: await dataOf(call, operation),
    token: tokenOf(call.headers),
    remote_addr: call.remoteAddr,
    ...(call.unread !== undefined && { unread: call.unread }),
    ...(wrapTtl > 0 && { wrap_ttl: wrapTtl }),
    signal: call.signal,
  }
}

async function dataOf(call: HostCall, operation: ApiCall['operation']): Promise<Data> {
  if (operation === 'help') return {}
  if (operation !== 'update' && operation !== 'patch') return queryOf(call.query)
  return call.unread === undefined ? bodyOf(call) : {}
}

function operationOf({ method, query, headers }: HostCall): ApiCall['operation'] {
  if (flag(query, 'help') || method === 'HELP') return 'help'
  switch (method) {
    case 'GET':
      return flag(query, 'list') ? 'list' : 'read'
    case 'LIST':
      return 'list'
    case 'POST':
    case 'PUT':
      return 'update'
    case 'DELETE':
      return 'delete'
    case 'PATCH':
      if (mediaType(headers) !== 'application/merge-patch+json')
        throw new RequestError('unsupported_media_type', 'PATCH requires Content-Type application/merge-patch+json')
      return 'patch'
    default:
      throw new RequestError('unsupported_operation', undefined, { allow: methods })
  }
}

function flag(query: URLSearchParams, name: string): boolean {
  const given = query.get(name)
  if (given === null) return false
  if (!truths.has(given) && !falsehoods.has(given))
    throw badRequest(`${name} must be true or false, for example ?${name}=true.`)
  return truths.has(given)
}

const mediaType = (headers: HostCall['headers']): string =>
  (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()

/** `X-Vault-Token` wins over `Authorization: Bearer`. */
export function tokenOf(headers: HostCall['headers']): string {
  const own = headers['x-vault-token']?.trim() ?? ''
  return own !== '' ? own : (/^Bearer\s+(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1] ?? '')
}

function refuseUnsupported(headers: HostCall['headers']): void {
  if ((headers['x-vault-wrap-format'] ?? '') !== '')
    throw badRequest('X-Vault-Wrap-Format is not supported by this server; leave it out.')
  const namespace = (headers['x-vault-namespace'] ?? '').replaceAll(/^\/+|\/+$/g, '')
  if (namespace !== '' && namespace !== 'root')
    throw badRequest('namespaces are not supported by this server; leave X-Vault-Namespace (VAULT_NAMESPACE) out.')
}

/** Seconds; 0 = the response is not to be wrapped. */
function wrapTtlOf(given: string): number {
  const seconds = durationSeconds(given)
  if (seconds === undefined || seconds < 0)
    throw badRequest(
      'error parsing X-Vault-Wrap-TTL header: it must be a duration in seconds, or a string such as 5m, and not negative',
    )
  return seconds
}

/** Query parameters as fields; one given twice is a list. */
function queryOf(query: URLSearchParams): Data {
  const names = new Set(query.keys())
  names.delete('list')
  names.delete('help')
  return Object.fromEntries(
    [...names].map((name) => {
      const values = query.getAll(name)
      return [name, values.length === 1 ? values[0] : values]
    }),
  )
}

/**
 * A body is JSON whatever its Content-Type says (Go clients send none, curl the form type), unless it is declared a form and
 * does not look like JSON. An empty one is `{}`.
 */
async function bodyOf({ body: bytes, headers, json = defaultJsonLimits }: HostCall): Promise<Data> {
  if (bytes === undefined) return {}
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    if (
      mediaType(headers) === 'application/x-www-form-urlencoded' &&
      !/^\s*[[{]/.test(body.toString('latin1', 0, 1024))
    )
      return queryOf(new URLSearchParams(bodyText(body).trim()))
    const value = (await parseJson(body, json)) ?? {}
    if (typeof value !== 'object' || Array.isArray(value))
      throw badRequest('the body must be a JSON object, for example {"ttl":"15m"}')
    return value as Data
  } catch (thrown) {
    if (thrown instanceof RequestError) throw badRequest(`failed to parse JSON input: ${thrown.message}`)
    throw thrown
  }
}
