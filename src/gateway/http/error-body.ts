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
 * `object`: as everywhere, and the sentence as `message` at the top, where GitHub's clients look, beside `code`, without which Discord's show
 * none. `text`: the sentence as `error`, where npm looks. `plain`: nothing but the sentence, because git shows a body of no other type than
 * text/plain. `xml`: as S3 and its kin word it. The others are named after the API whose clients look there alone.
 */
const jsonWordings: Readonly<Record<Exclude<ErrorFormat, 'xml' | 'plain'>, (failure: GatewayFailure) => object>> = {
  object: ({ type, code, message }) => ({ error: { type, code, message }, message, code }),
  text: ({ code, message }) => ({ error: message, code }),
  slack: ({ code, message }) => ({ ok: false, error: message, code }),
  notion: ({ type, code, message, status }) => ({
    object: 'error',
    status,
    // Notion's client knows no others, and shows no message beside one it does not know.
    code: notionCodes[status] ?? (status < 500 ? 'invalid_request' : 'service_unavailable'),
    message,
    error: { type, code, message },
  }),
  elasticsearch: ({ type, code, message, status }) => ({
    error: { type, code, reason: message, root_cause: [{ type: code, reason: message }] },
    status,
  }),
}

const notionCodes: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'restricted_resource',
  404: 'object_not_found',
  409: 'conflict_error',
  429: 'rate_limited',
  500: 'internal_server_error',
  504: 'gateway_timeout',
}

/**
 * The status of a refusal. Slack tells all that is final under 200: to its clients another status is a broken connection, over
 * which they send the call again for half an hour.
 */
export const statusOf = (format: ErrorFormat | undefined, { type, status, retryable }: GatewayFailure): number =>
  format !== 'slack' || (type === 'unavailable' && retryable) ? status : 200

/** Undefined = not about an upstream. */
export function errorBody(format: ErrorFormat | undefined, failure: GatewayFailure, request_id: string): ErrorBody {
  const { type, code, message } = failure
  if (format === 'xml')
    return {
      contentType: 'application/xml',
      text: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${escaped(code)}</Code><Message>${escaped(message)}</Message><RequestId>${escaped(request_id)}</RequestId></Error>\n`,
    }
  if (format === 'plain') return { contentType: 'text/plain; charset=utf-8', text: `${message}\n` }
  const body = format === undefined ? { error: { type, code, message } } : jsonWordings[format](failure)
  return { contentType: 'application/json', text: `${JSON.stringify({ ...body, request_id })}\n` }
}

/** XML 1.0, 2.2: what it may not hold at all becomes a question mark. */
const escaped = (text: string): string =>
  text
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
