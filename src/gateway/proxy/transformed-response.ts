/** A response whose body cannot be handed on as it comes: compressed, or of which only some fields may pass. */
import { decode } from '../call/decode.ts'
import { projectBody } from '../call/project.ts'
import { loopBudget } from '../loop-budget.ts'
import type { ResponseShape } from './shape-response.ts'
import type { UpstreamCall } from './upstream-call.ts'

export interface TransformedResponse {
  readonly shape: ResponseShape
  readonly pieces: AsyncIterable<Uint8Array>
}

/** Resolves when the head may go out: of a projected body once it is whole, and so known to be right. */
export async function transformedResponse(
  { upstream, projection, reserve }: UpstreamCall,
  shape: ResponseShape,
  received: AsyncIterable<Uint8Array>,
): Promise<TransformedResponse> {
  const { encoding, status, contentType } = shape
  const plain = encoding === 'identity' ? received : decode(upstream.name, encoding, received)
  if (!projection || shape.body === 'passed') return { shape, pieces: plain }
  const body = await projectBody({
    upstreamName: upstream.name,
    status,
    contentType,
    body: plain,
    maxBytes: upstream.max_response_bytes,
    projection,
    reserve,
  })
  if (!body) return { shape, pieces: inPieces(new Uint8Array(0)) }
  const headers = [...shape.headers, ['content-type', 'application/json'] as const]
  return { shape: { ...shape, headers }, pieces: inPieces(body) }
}

/** Each with its own look at whether it may still be handed out; others get their turn between the searches of a long body. */
async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  for (let start = 0; start < bytes.length; start += loopBudget.step) {
    await loopBudget.take(loopBudget.step)
    yield bytes.subarray(start, start + loopBudget.step)
  }
  return undefined
}
