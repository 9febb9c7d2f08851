import type { Operation } from '../../logical/request.ts'
import type { Data } from '../../logical/data.ts'
import type { Response } from '../../logical/response.ts'
import type { Auth } from '../../logical/secret.ts'

/** One API request after its HTTP form has been read. */
export interface ApiCall {
  readonly id: string
  /** `update` for every POST and PUT; the core tells create from it. */
  readonly operation: Extract<Operation, 'read' | 'update' | 'patch' | 'delete' | 'list' | 'help'>
  /** Below `/v1/`, no leading slash; ends in `/` for `list`. */
  readonly path: string
  readonly data: Data
  /** '' when the client sent none. */
  readonly token: string
  readonly remote_addr: string
  /** Bytes of a body that was thrown away unread, because nobody known sent it; the call can only be refused. */
  readonly unread?: number
  /** Seconds; present when the response is to be wrapped. */
  readonly wrap_ttl?: number
  readonly signal: AbortSignal
}

/** What the core returns; the HTTP layer puts it into Vault's envelope. */
export interface ApiOutcome {
  readonly operation: ApiCall['operation']
  readonly path: string
  readonly mount_type: string
  readonly response: Response | undefined
  readonly lease?: { readonly lease_id: string; readonly ttl: number; readonly renewable: boolean }
  /** The lease was issued for this call. Missing where the call only renewed or repeated one. */
  readonly issued?: true
  readonly auth?: Auth
}

/** What is answered with 404: a read that found nothing, a list without keys. */
export function isNothing({ operation, response }: ApiOutcome): boolean {
  const { wrap_info, stream, data, status } = response ?? {}
  if (wrap_info ?? stream) return false
  if (operation === 'list') return !Array.isArray(data?.keys) || data.keys.length === 0
  return operation === 'read' && data === undefined && status === undefined
}
