/** A token that stands in the body alone, as clients of an upstream with `body:` in its `auth` send it. */
import { contentLength } from '../../http/index.ts'
import { embeddedToken } from '../../scope/index.ts'
import { isFieldsBody } from '../call/body-placement.ts'
import type { Documents } from '../knowledge/documents.ts'
import type { Exchange } from './response.ts'

export interface BodyToken {
  /** Whatever stands around it; which field it is in is judged with the upstream's document. */
  readonly token: string | undefined
  /** Undefined where nothing was read. */
  readonly body: Buffer | undefined
}

export const noBodyToken: BodyToken = { token: undefined, body: undefined }

/** What is read for callers who did not say in the head who they are. */
const MOST_BYTES = 65_536

/**
 * Reads a short form or JSON body, within the share of callers who have not authenticated, unless the upstream is known to take no
 * key there.
 */
export async function readBodyToken(
  { request, response, bodies }: Exchange,
  documents: Documents,
  upstream: string,
): Promise<BodyToken> {
  const length = contentLength(request) ?? 0
  if (length === 0 || length > MOST_BYTES || !isFieldsBody(request.headers)) return noBodyToken
  const known = documents.knownUpstream(upstream)
  if (known && !known.auth.includes('body:')) return noBodyToken
  const body = await bodies.read(request, response, undefined)
  return body ? { token: embeddedToken(body.toString('latin1')), body } : noBodyToken
}
