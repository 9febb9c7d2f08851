import type { DocumentProblem, UpstreamDocument } from '../../document/index.ts'
import { summaryOf, upstreamProblems } from '../../document/index.ts'
import { GatewayCallError } from './call-error.ts'

/** The part of an upstream's document that a call needs; where its key lies is for the reader of keys. */
export type CallableUpstream = Omit<UpstreamDocument, 'kv_mount' | 'kv_path' | 'kv_field' | 'sensitivity'>

/** What is read of a base URL with each call: the parts of a `URL` are computed whenever they are asked for. */
export interface BaseUrl extends Pick<URL, 'origin' | 'pathname' | 'hostname' | 'protocol'> {
  /** The path without slashes at its end. */
  readonly prefix: string
}

/** The base URL: origin and path. Credentials, query and fragment in it are refused. */
export function parseBase(upstream: Pick<CallableUpstream, 'name' | 'url'>): BaseUrl {
  const known = bases.get(upstream)
  if (known) return known
  const problems = upstreamProblems({ url: upstream.url })
  const { origin, pathname, hostname, protocol } =
    problems.length === 0 ? new URL(upstream.url) : misconfigured(upstream, problems)
  const base = { origin, pathname, hostname, protocol, prefix: pathname.replace(/\/+$/, '') }
  bases.set(upstream, base)
  return base
}

/** Read once for each version of a document, and never changed. */
const bases = new WeakMap<Pick<CallableUpstream, 'name' | 'url'>, BaseUrl>()

/** Everything at once, by the rules it was written by: an engine of another version may have had others. */
export function requireUsable(upstream: CallableUpstream): void {
  const problems = usable.get(upstream) ?? upstreamProblems(upstream)
  // Judged once for each version of a document, and not for each call.
  usable.set(upstream, problems)
  if (problems.length > 0) misconfigured(upstream, problems)
}

const usable = new WeakMap<CallableUpstream, readonly DocumentProblem[]>()

export function misconfigured({ name }: Pick<CallableUpstream, 'name'>, [first]: readonly DocumentProblem[]): never {
  const what = first ? summaryOf(first) : 'it cannot be used'
  throw new GatewayCallError('upstream_misconfigured', `upstream ${name}: ${what}`)
}
