import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { badRequest } from '../../logical/errors.ts'
import { GatewayError } from '../error.ts'

const LARGEST_BODY = 256 * 1024
const decoder = new TextDecoder('utf-8', { fatal: true })

/** A small JSON object. An empty body counts as `{}`, whatever its Content-Type. */
export async function readJsonObject(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Stopping early must not destroy the socket: the refusal still has to go out.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > LARGEST_BODY)
      throw new GatewayError('invalid_request', 'too_large', `the body is longer than ${String(LARGEST_BODY)} bytes`, {
        kind: 'too_large',
      })
    chunks.push(chunk)
  }
  const value = parse(Buffer.concat(chunks))
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('the body must be a JSON object, for example {"agent_id":"claude-billing-agent"}')
  return value as Record<string, unknown>
}

function parse(bytes: Buffer): unknown {
  try {
    // Bytes that are no UTF-8 would be stored as something the caller never wrote.
    const text = decoder.decode(bytes)
    return text.trim() === '' ? {} : JSON.parse(text)
  } catch {
    // The parser's own words quote the body, which may hold a token.
    throw badRequest('the body is not JSON, for example {"agent_id":"claude-billing-agent"}')
  }
}

/** The body as `schema` wants it; the first thing wrong is the answer. */
export function checkBody<T>(schema: z.ZodType<T>, body: Record<string, unknown>): T {
  const checked = schema.safeParse(body)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  const path =
    issue?.path
      .map((step, index) =>
        typeof step === 'number' ? `[${String(step)}]` : `${index === 0 ? '' : '.'}${String(step)}`,
      )
      .join('') ?? ''
  throw badRequest(`${path === '' ? 'body' : path}: ${issue?.message ?? 'is not valid'}`)
}

/** Members that are null count as omitted. */
export function withoutNulls(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
}
