import type { UpstreamDocument } from '../../document/index.ts'
import { isName } from '../../scope/index.ts'
import { parseBase } from '../call/upstream.ts'
import { GatewayFailure } from '../error.ts'

/** Which key, of which upstream. */
export interface KeyName {
  readonly name: string
  readonly upstream: UpstreamDocument
  readonly path: string
  /** Undefined where the path is the same in all. */
  readonly environment: string | undefined
}

const ENVIRONMENT = '{{environment}}'

/** Names by environment: the same for every call that is judged by one version of the document. */
const names = new WeakMap<UpstreamDocument, Map<string, KeyName>>()

/** Throws `key_unavailable` where `kv_path` does not name a secret. */
export function nameOf(upstream: UpstreamDocument, environment: string): KeyName {
  const known = names.get(upstream) ?? new Map<string, KeyName>()
  names.set(upstream, known)
  const named = known.get(environment) ?? nameIn(upstream, environment)
  known.set(environment, named)
  return named
}

function nameIn(upstream: UpstreamDocument, environment: string): KeyName {
  const path = keyPath(upstream, environment)
  const { name, kv_mount: kvMount, kv_field: kvField, auth } = upstream
  return {
    name: JSON.stringify([name, kvMount, path, kvField, auth, parseBase(upstream).origin]),
    upstream,
    path,
    environment: upstream.kv_path.includes(ENVIRONMENT) ? environment : undefined,
  }
}

/** The secret's path in its mount, `{{environment}}` filled in. Segments are checked again when the path is asked for. */
function keyPath(upstream: UpstreamDocument, environment: string): string {
  const path = upstream.kv_path.replaceAll(ENVIRONMENT, environment)
  const safe = path
    .split('/')
    .every((segment) => segment !== '' && segment !== '.' && segment !== '..' && !/[{}\\]/.test(segment))
  if (!safe || !isName(environment))
    throw new GatewayFailure(
      'upstream_error',
      'key_unavailable',
      `upstream ${upstream.name}: its kv_path does not name a secret`,
    )
  return path
}
