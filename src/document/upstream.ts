/** What an operator may write about an upstream: its fields and every rule for them. */
import { headerFields, headerListProblems } from './header-lists.ts'
import { nameProblems } from './name.ts'
import { aliasProblems, authFields, authProblems } from './placement.ts'
import type { DocumentProblem, RuleProblem } from './problem.ts'
import { redirectFields, redirectProblems } from './redirect-hosts.ts'
import { shapeProblems } from './shape.ts'
import type { KnownValues } from './shape.ts'

const MEBIBYTE = 1_048_576

/** The document's fields as paths of the engine declare them; OpenAPI, CLI reference and provider are generated from there. */
export const upstreamFields = {
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
  ...authFields,
  ...headerFields,
  ...redirectFields,
  error_format: {
    type: 'string',
    allowed: ['object', 'text', 'plain', 'xml', 'slack', 'notion', 'elasticsearch'],
    description:
      "How the gateway words its own refusals of calls to this upstream, so that that API's clients show them: object (most APIs), text (JSON whose error is the sentence: npm), plain (the sentence alone: git), xml (S3), or as Slack, Notion and Elasticsearch word theirs. Slack's have status 200, because its clients repeat a call that ends with another.",
    example: 'xml',
    default: 'object',
  },
  encoded_slash: {
    type: 'string',
    allowed: ['refuse', 'data'],
    description:
      'What %2F in a path is: refuse, or data, a character of its segment that is sent on as %2F (GitLab projects, npm scopes). A {name...} takes it either way.',
    example: 'data',
    default: 'refuse',
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
    description:
      "Seconds until the upstream's response headers. With idle_timeout it is also the limit on all waiting for the upstream in one call, to which every KiB that moves adds a second; text/event-stream has no such limit.",
    example: 60,
    default: 60,
  },
  idle_timeout: {
    type: 'duration',
    description: 'Seconds a response body may be silent. Part of the limit on all waiting in one call: see timeout.',
    example: 300,
    default: 300,
  },
  max_request_bytes: { type: 'int', description: 'Largest request body.', example: MEBIBYTE, default: 10 * MEBIBYTE },
  max_response_bytes: {
    type: 'int',
    description: "Largest response body that is buffered (those a tool's fields project).",
    example: MEBIBYTE,
    default: 10 * MEBIBYTE,
  },
} as const

/** The values of an upstream, as far as they are known; the defaults are in `upstreamFields`. */
export type UpstreamValues = KnownValues<typeof upstreamFields>

/** Everything wrong with what is there. What is absent is not judged: a plan may not know it yet. */
export function upstreamProblems(values: UpstreamValues): readonly DocumentProblem[] {
  return [
    ...nameProblems('name', values.name, 'stripe'),
    ...urlProblems(values),
    ...kvProblems(values),
    ...authProblems(values.auth, values.allow_private_addresses),
    ...aliasProblems(values.token_alias),
    ...headerListProblems(values),
    ...redirectProblems(values.follow_redirects),
    ...limits.flatMap((field) => limitProblems(field, values[field])),
    ...shapeProblems(upstreamFields, values),
  ]
}

/** What is stored and may still be a mistake. Whole sentences. */
export const upstreamWarnings = ({ url }: UpstreamValues): readonly string[] =>
  typeof url === 'string' && url.toLowerCase().startsWith('http:')
    ? ['url is http: the key travels unencrypted to this upstream.']
    : []

function urlProblems({ url, allow_private_addresses: allowPrivate }: UpstreamValues): readonly DocumentProblem[] {
  if (typeof url !== 'string') return []
  const wrong = (problem: string, rest: Partial<RuleProblem> = {}): readonly DocumentProblem[] => [
    { field: 'url', problem, example: 'https://api.stripe.com', ...rest },
  ]
  if (!URL.canParse(url)) return wrong('is not an absolute URL', { value: url })
  const { protocol, username, password } = new URL(url)
  if (protocol !== 'https:' && protocol !== 'http:') return wrong('must start with https://')
  if (username !== '' || password !== '') return wrong('must not hold a user or password; keys belong in KV')
  if (url.includes('?') || url.includes('#')) return wrong('must not have a query or fragment')
  if (protocol === 'http:' && allowPrivate === false)
    return wrong('is http:, which sends the key unencrypted', {
      advice: 'Use https:, or set allow_private_addresses=true for an upstream of your own network.',
    })
  return []
}

const kvSegment = /^(?:[A-Za-z0-9_.@-]|\{\{environment\}\})+$/
const LONGEST_KV_PATH = 512
const kvRule = 'is not a KV path: segments of letters, digits, _ . @ - separated by single slashes'

function kvProblems({ kv_path: path, kv_mount: mount, kv_field: field }: UpstreamValues): readonly DocumentProblem[] {
  const problems: DocumentProblem[] = []
  if (typeof path === 'string' && !isKvPath(path))
    problems.push({
      field: 'kv_path',
      value: path,
      problem: `${kvRule}, {{environment}} allowed`,
      example: 'mcp/stripe',
    })
  if (typeof mount === 'string' && !isKvPath(mount))
    problems.push({ field: 'kv_mount', value: mount, problem: kvRule, example: 'secret' })
  else if (typeof mount === 'string' && mount.includes('{{'))
    problems.push({ field: 'kv_mount', problem: 'must be a fixed mount path', example: 'secret' })
  if (field === '') problems.push({ field: 'kv_field', problem: 'must not be empty', example: 'api_key' })
  return problems
}

const isKvPath = (path: string): boolean =>
  path.length <= LONGEST_KV_PATH &&
  path.split('/').every((segment) => kvSegment.test(segment) && segment !== '.' && segment !== '..')

const limits = ['connect_timeout', 'timeout', 'idle_timeout', 'max_request_bytes', 'max_response_bytes'] as const

function limitProblems(field: (typeof limits)[number], value: unknown): readonly DocumentProblem[] {
  // Whether it is a number at all is for the field's declaration.
  if (typeof value !== 'number' || value >= 1) return []
  return [{ field, problem: 'must be at least 1', example: upstreamFields[field].default }]
}
