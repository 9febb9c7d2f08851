import type { UpstreamDocument } from '../../document/index.ts'
import type { CallJudgement } from '../../scope/index.ts'
import type { SentHeaders } from '../call/request-headers.ts'
import type { LiveGrant } from './grants.ts'

/** A call judged allowed, and what that rests on. */
export interface AllowedCall {
  readonly upstream: UpstreamDocument
  readonly judgement: CallJudgement
  readonly grant: LiveGrant
  /** The caller's headers as they were judged. */
  readonly sent: SentHeaders
}

/** Whether a judgement was made from the document at this path. */
export const restsOn = ({ upstream: { name }, grant }: AllowedCall, path: string): boolean =>
  path === `upstreams/${name}` || path === `tools/${name}` || grant.paths.has(path)
