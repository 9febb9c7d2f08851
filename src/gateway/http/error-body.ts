/** How a refusal of an upstream's call is worded, so that that API's own clients show its sentence. */
import type { UpstreamDocument } from '../../document/index.ts'
import type { GatewayFailure } from '../error.ts'
import type { Documents } from '../knowledge/documents.ts'
import { calledUpstream } from './challenge.ts'

export type ErrorFormat = UpstreamDocument['error_format']

export interface ErrorBody {
  readonly contentType: string
  readonly text: string
}

/** By the upstream's document, where it is at hand: nothing is read for a refusal. */
export const errorFormatOf = (documents: Documents, target: string, listener?: string): ErrorFormat =>
  documents.knownUpstream(calledUpstream(target, listener))?.error_format ?? 'object'

/**
 * `object`: as everywhere, and the sentence as `message` at the top, where GitHub's clients look. `text`: the sentence as `error`,
 * where npm looks. `plain`: nothing but the sentence, because git shows a body of no other type than text/plain. `xml`: as S3 and
 * its kin word it. Undefined = not about an upstream.
 */
export function errorBody(
  format: ErrorFormat | undefined,
  { type, code, message }: GatewayFailure,
  request_id: string,
): ErrorBody {
  if (format === 'xml')
    return {
      contentType: 'application/xml',
      text: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${escaped(code)}</Code><Message>${escaped(message)}</Message><RequestId>${escaped(request_id)}</RequestId></Error>\n`,
    }
  if (format === 'plain') return { contentType: 'text/plain; charset=utf-8', text: `${message}\n` }
  const error = { type, code, message }
  const body =
    format === 'text'
      ? { error: message, code, request_id }
      : format === 'object'
        ? { error, message, request_id }
        : { error, request_id }
  return { contentType: 'application/json', text: `${JSON.stringify(body)}\n` }
}

/** XML 1.0, 2.2: what it may not hold at all becomes a question mark. */
const escaped = (text: string): string =>
  text
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
