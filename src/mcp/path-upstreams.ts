import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { badRequest } from '../logical/errors.ts'
import { listResponse } from '../logical/response.ts'
import { checkName, shown } from './check.ts'
import { documentOperations, versionField } from './document.ts'
import type { DocumentSpec } from './document.ts'
import type { Engine } from './engine.ts'

const MEBIBYTE = 1_048_576

const fields = {
  name: {
    type: 'string',
    description: 'Name of the upstream, the first part of its tools and scopes.',
    example: 'stripe',
  },
  url: {
    type: 'string',
    required: true,
    description: 'Base URL of the API. Calls go below it. http: needs allow_private_addresses.',
    example: 'https://api.stripe.com',
  },
  kv_mount: {
    type: 'string',
    description: 'Mount of the KV v2 engine that holds the key.',
    example: 'secret',
    default: 'secret',
  },
  kv_path: {
    type: 'string',
    description:
      "Path of the secret in kv_mount; {{environment}} stands for the session's environment. Default: mcp/<name>.",
    example: 'mcp/{{environment}}/stripe',
  },
  kv_field: {
    type: 'string',
    description: 'Field of the secret that is the key.',
    example: 'api_key',
    default: 'api_key',
  },
  auth: {
    type: 'string',
    description: 'How the key is put into a request: bearer, basic, header:<Name>, query:<name> or none.',
    example: 'bearer',
    default: 'bearer',
  },
  headers: {
    type: 'object',
    description: 'Headers added to every request. Not for credentials: names that carry one are refused.',
    example: { 'Stripe-Version': '2025-03-31' },
    default: {},
  },
  sensitivity: {
    type: 'string',
    allowed: ['high', 'standard', 'low'],
    description: "How old a gateway's knowledge may be when it uses this key: high 5 s, standard 30 s, low 120 s.",
    example: 'high',
    default: 'standard',
  },
  allow_private_addresses: {
    type: 'bool',
    description: 'Allow http: and private, loopback or link-local addresses. Metadata addresses stay refused.',
    example: false,
    default: false,
  },
  connect_timeout: { type: 'duration', description: 'Seconds to connect.', example: 5, default: 5 },
  timeout: {
    type: 'duration',
    description: "Seconds until the upstream's response headers.",
    example: 60,
    default: 60,
  },
  idle_timeout: { type: 'duration', description: 'Seconds a response body may be silent.', example: 300, default: 300 },
  max_request_bytes: { type: 'int', description: 'Largest request body.', example: MEBIBYTE, default: 10 * MEBIBYTE },
  max_response_bytes: {
    type: 'int',
    description: "Largest response body that is buffered (those a tool's fields project).",
    example: MEBIBYTE,
    default: 10 * MEBIBYTE,
  },
  ...versionField,
} as const satisfies Fields

export const upstreamSpec: DocumentSpec<typeof fields> = {
  fields,
  names: ['name'],
  key: ({ name }) => `up/${checkName('name', name!, 'stripe')}`,
  path: ({ name }) => `upstreams/${name}`,
  check(values, _engine, { name }) {
    const url = checkUrl(String(values.url), values.allow_private_addresses === true)
    checkKvPath('kv_path', String(values.kv_path ?? `mcp/${name}`))
    checkKvPath('kv_mount', String(values.kv_mount ?? 'secret'))
    if (values.kv_field === '') throw badRequest('kv_field must not be empty, for example kv_field=api_key.')
    checkAuth(String(values.auth ?? 'bearer'))
    checkHeaders(values.headers as Record<string, unknown> | undefined)
    for (const field of [
      'connect_timeout',
      'timeout',
      'idle_timeout',
      'max_request_bytes',
      'max_response_bytes',
    ] as const) {
      if (values[field] !== undefined && Number(values[field]) < 1)
        throw badRequest(`${field} must be at least 1, for example ${field}=${String(fields[field].default)}.`)
    }
    return url.protocol === 'http:' ? ['url is http: the key travels unencrypted to this upstream.'] : []
  },
}

export function pathUpstreams(engine: Engine) {
  const document = documentOperations(engine, upstreamSpec)
  return definePath({
    pattern: 'upstreams/:name',
    active_node_only: true,
    fields,
    synopsis: 'An API the gateway may call, and where its key lies.',
    description:
      "The key itself stays in KV v2 and is read by the gateway alone. It is used only as that secret's custom_metadata allows: for origins in mcp_origins and for upstreams in mcp_upstreams (by default the one whose secret it is), so that anyone who writes upstreams can neither take nor send a key.",
    exists: document.exists,
    operations: {
      ...document.operations,
      async read(call) {
        const answer = await document.operations.read!(call)
        return answer?.data
          ? { data: { ...answer.data, kv_path: answer.data.kv_path ?? `mcp/${String(answer.data.name)}` } }
          : undefined
      },
    },
  })
}

export function pathUpstreamsList(engine: Engine) {
  return definePath({
    pattern: 'upstreams/',
    active_node_only: true,
    fields: {},
    synopsis: 'Names of all upstreams.',
    description: 'Lists the upstreams of this mount.',
    operations: { list: async () => listResponse(await engine.records.storage.list('up/')) },
  })
}

function checkUrl(text: string, allowPrivate: boolean): URL {
  const example = 'for example url=https://api.stripe.com'
  if (!URL.canParse(text)) throw badRequest(`url ${shown(text)} is not an absolute URL, ${example}.`)
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw badRequest(`url must start with https://, ${example}.`)
  if (url.username !== '' || url.password !== '')
    throw badRequest(`url must not hold a user or password; keys lie in KV, ${example}.`)
  if (url.search !== '' || url.hash !== '' || text.includes('?') || text.includes('#'))
    throw badRequest(`url must not have a query or fragment, ${example}.`)
  if (url.protocol === 'http:' && !allowPrivate)
    throw badRequest(
      'url is http:, which sends the key unencrypted. Use https:, or set allow_private_addresses=true for an upstream of your own network.',
    )
  return url
}

function checkKvPath(field: string, path: string): void {
  const bad = path
    .split('/')
    .find(
      (segment) =>
        segment === '' ||
        segment === '.' ||
        segment === '..' ||
        !/^(?:[A-Za-z0-9_.@-]|\{\{environment\}\})+$/.test(segment),
    )
  if (bad !== undefined || path.length > 512)
    throw badRequest(
      `${field} ${shown(path)} is not a KV path: segments of letters, digits, _ . @ - separated by single slashes${field === 'kv_path' ? ', {{environment}} allowed' : ''}, for example ${field}=${field === 'kv_path' ? 'mcp/stripe' : 'secret'}.`,
    )
  if (field === 'kv_mount' && path.includes('{{'))
    throw badRequest('kv_mount must be a fixed mount path, for example kv_mount=secret.')
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

function checkAuth(auth: string): void {
  const [kind, name] = [auth.split(':', 1)[0], auth.slice(auth.indexOf(':') + 1)]
  if (auth === 'bearer' || auth === 'basic' || auth === 'none') return
  if (kind === 'query' && auth.includes(':') && /^[A-Za-z0-9_.~-]{1,64}$/.test(name)) return
  if (kind === 'header' && auth.includes(':') && token.test(name) && !framing.has(name.toLowerCase())) return
  throw badRequest(
    `auth ${shown(auth)} is not a way to send a key: bearer, basic, header:<Name>, query:<name> or none, for example auth=header:X-Api-Key.`,
  )
}

/** Headers that steer the connection; a key or a fixed value in them would change what the request is. */
const framing = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'keep-alive',
  'proxy-connection',
  'expect',
  'content-encoding',
  'accept-encoding',
  'cookie',
  'set-cookie',
])
const credential =
  /^(?:authorization|proxy-authorization|cookie2?|x-vault-token)$|(?:api[-_]?key|token|secret|password|credential|signature)/i

function checkHeaders(headers: Record<string, unknown> | undefined): void {
  for (const [name, value] of Object.entries(headers ?? {})) {
    const example = 'for example headers={"Stripe-Version":"2025-03-31"}'
    if (!token.test(name) || framing.has(name.toLowerCase()))
      throw badRequest(`headers: ${shown(name)} is not a header that can be added, ${example}.`)
    if (credential.test(name))
      throw badRequest(
        `headers: ${JSON.stringify(name)} carries a credential. Put the key into KV and name its place with auth, for example auth=header:${name}.`,
      )
    if (typeof value !== 'string' || /[^\t\x20-\x7e]/.test(value) || value.length > 1024)
      throw badRequest(`headers.${name} must be a printable text on one line, ${example}.`)
  }
}
