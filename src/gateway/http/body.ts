import type { z } from 'zod'
import { parseJson } from '../../http/index.ts'
import type { JsonLimits } from '../../http/index.ts'
import { RequestError, badRequest } from '../../logical/errors.ts'
import type { Caller } from '../decision/callers.ts'
import type { Exchange } from './response.ts'

/**
 * A JSON object. An empty body counts as `{}`, whatever its Content-Type. Whether a Vault token is one only Vault can say, so its
 * bearer counts as unauthenticated here.
 */
export async function readJsonObject(
  { request, response, bodies, json }: Exchange,
  caller: Caller,
): Promise<Record<string, unknown>> {
  const bytes = await bodies.read(request, response, caller.kind === 'service' ? caller.name : undefined)
  // Nobody reads this. But half a body must not pass for an empty one, which is a request of its own.
  if (bytes === undefined) throw badRequest('the connection was closed before the end of the body; send it again')
  const value = await parse(bytes, json)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest(`the body must be a JSON object, ${example}`)
  return value as Record<string, unknown>
}

const example = 'for example {"agent_id":"claude-billing-agent"}'

async function parse(bytes: Buffer, json: JsonLimits): Promise<unknown> {
  try {
    const value = await parseJson(bytes, json)
    return value === undefined ? {} : value
  } catch (thrown) {
    const malformed = thrown instanceof RequestError && thrown.message.startsWith('the body is not')
    throw malformed ? badRequest(`${thrown.message}, ${example}`) : thrown
  }
}

/** The body as `schema` wants it; the first thing wrong is the response. */
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
