import type { z } from 'zod'
import { parseJson } from '../../http/index.ts'
import { RequestError, badRequest } from '../../logical/errors.ts'
import type { Caller } from '../decision/callers.ts'
import type { Exchange } from './answer.ts'

/**
 * A JSON object. An empty body counts as `{}`, whatever its Content-Type. Whether a Vault token is one only Vault can say, so its
 * bearer counts as unauthenticated here.
 */
export async function readJsonObject(
  { request, response, bodies }: Exchange,
  caller: Caller,
): Promise<Record<string, unknown>> {
  // A client that has gone reads no response; whatever this is answered with ends nowhere.
  const bytes = await bodies.read(request, response, caller.kind === 'service' ? caller.name : undefined)
  const value = parse(bytes ?? new Uint8Array())
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest(`the body must be a JSON object, ${example}`)
  return value as Record<string, unknown>
}

const example = 'for example {"agent_id":"claude-billing-agent"}'

function parse(bytes: Uint8Array): unknown {
  try {
    const value = parseJson(bytes)
    return value === undefined ? {} : value
  } catch (thrown) {
    throw thrown instanceof RequestError ? badRequest(`${thrown.message}, ${example}`) : thrown
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
