import { readAuth, summaryOf, upstreamProblems } from '../../document/index.ts'
import type { DocumentProblem, UpstreamAuth } from '../../document/index.ts'
import { GatewayCallError } from './call-error.ts'

/** An upstream document as `mcp/upstreams/<name>` answers it, as far as a call needs it. Times in seconds. */
export interface Upstream {
  readonly name: string
  readonly url: string
  /** `bearer`, `basic`, `header:<Name>`, `query:<name>` or `none`. */
  readonly auth: string
  readonly headers?: Readonly<Record<string, string>> | null
  readonly allow_private_addresses: boolean
  readonly connect_timeout: number
  readonly timeout: number
  readonly idle_timeout: number
  readonly max_request_bytes: number
  readonly max_response_bytes: number
  readonly version: number
}

/** Reads `auth`. What the engine should never have stored is `upstream_misconfigured`, and the call is not made. */
export function parseAuth(upstream: Pick<Upstream, 'name' | 'auth'>): UpstreamAuth {
  return readAuth(upstream.auth) ?? misconfigured(upstream, upstreamProblems({ auth: upstream.auth }))
}

/** The base URL: origin and path. Credentials, query and fragment in it are refused. */
export function parseBase(upstream: Pick<Upstream, 'name' | 'url'>): URL {
  const problems = upstreamProblems({ url: upstream.url })
  return problems.length === 0 ? new URL(upstream.url) : misconfigured(upstream, problems)
}

/** Everything at once, by the rules it was written by: an engine of another version may have had others. */
export function requireUsable(upstream: Upstream): void {
  const problems = usable.get(upstream) ?? upstreamProblems({ ...upstream, headers: upstream.headers ?? {} })
  // Judged once for each version of a document, and not for each call.
  usable.set(upstream, problems)
  if (problems.length > 0) misconfigured(upstream, problems)
}

const usable = new WeakMap<Upstream, readonly DocumentProblem[]>()

function misconfigured({ name }: Pick<Upstream, 'name'>, [first]: readonly DocumentProblem[]): never {
  const what = first ? summaryOf(first) : 'it cannot be used'
  throw new GatewayCallError('upstream_misconfigured', `upstream ${name}: ${what}`)
}
