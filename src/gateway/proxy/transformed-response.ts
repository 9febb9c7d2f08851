/** A response whose body cannot be handed on as it comes: compressed, or of which only some fields may pass. */
import { decode } from '../call/decode.ts'
import type { Coding } from '../call/decode.ts'
import { projectBody, projectShortBody } from '../call/project.ts'
import { loopBudget } from '../loop-budget.ts'
import { READ_AHEAD } from './byte-queue.ts'
import { searchedBody } from './searched-response.ts'
import { isEventStream } from './shape-response.ts'
import type { ResponseShape } from './shape-response.ts'
import type { UpstreamCall } from './upstream-call.ts'

export interface TransformedResponse {
  readonly shape: ResponseShape
  readonly pieces: AsyncIterable<Uint8Array>
  /** Places in which the key was found without being replaced. */
  readonly matches?: () => number
}

/** Resolves when the head may go out: of a projected body once it is whole, and so known to be right. */
export async function transformedResponse(
  call: UpstreamCall,
  shape: ResponseShape,
  received: AsyncIterable<Uint8Array>,
): Promise<TransformedResponse> {
  const { encoding, status, contentType } = shape
  const { upstream, projection, reserve } = call
  if (shape.body === 'searched' && encoding !== 'identity') return searched(call, shape, encoding, received)
  const plain = encoding === 'identity' ? received : decode(upstream.name, encoding, received)
  if (!projection || shape.body === 'decoded') return { shape, pieces: plain }
  const body = await projectBody({
    upstreamName: upstream.name,
    status,
    contentType,
    body: plain,
    maxBytes: upstream.max_response_bytes,
    projection,
    reserve,
  })
  return { shape: body ? asJson(shape) : shape, pieces: inPieces(body ?? new Uint8Array(0)) }
}

/** What goes out as it came, or decoded where the key shows in time: then it is cut out, which a compressed body does not survive. */
async function searched(
  { upstream, key }: UpstreamCall,
  shape: ResponseShape,
  coding: Coding,
  received: AsyncIterable<Uint8Array>,
): Promise<TransformedResponse> {
  const isShort = shape.contentLength !== undefined && shape.contentLength <= READ_AHEAD
  const beforeHead = isEventStream(shape.contentType) ? 'nothing' : isShort ? 'short whole' : 'something'
  const upstreamName = upstream.name
  const body = await searchedBody({ upstreamName, coding, matcher: key!.matcher!, received, beforeHead })
  if (body.pieces) return { shape, pieces: body.pieces, matches: body.matches }
  return { shape: shape.decoded(), pieces: decode(upstreamName, coding, body.replayed) }
}

const asJson = (shape: ResponseShape): ResponseShape => ({
  ...shape,
  headers: [...shape.headers, ['content-type', 'application/json'] as const],
})

/** How long a body may be to be read and projected in one go: a tenth of what holds others up for a moment. */
const MOST_SHORT_BYTES = 8 * 1024

/** A body to be projected that may turn out short: most do, and what lets others take turns costs several times what they need. */
export class ShortBody {
  readonly #limit: number
  readonly #chunks: Uint8Array[] = []
  #length = 0

  private constructor(limit: number) {
    this.#limit = limit
  }

  /** `undefined` = what is transformed has to be transformed as it comes. */
  static of({ upstream }: UpstreamCall, { body, encoding }: ResponseShape): ShortBody | undefined {
    if (body !== 'projected' || encoding !== 'identity') return undefined
    return new ShortBody(Math.min(MOST_SHORT_BYTES, upstream.max_response_bytes))
  }

  get chunks(): readonly Uint8Array[] {
    return this.#chunks
  }

  /** False: it is not short, nor this chunk taken. */
  push(chunk: Uint8Array): boolean {
    if (this.#length + chunk.length > this.#limit) return false
    this.#chunks.push(chunk)
    this.#length += chunk.length
    return true
  }

  /** All of it, projected. */
  whole(
    { upstream, projection, reserve }: UpstreamCall,
    shape: ResponseShape,
  ): { shape: ResponseShape; body: Uint8Array } {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const options = { upstreamName: upstream.name, contentType: shape.contentType, projection: projection!, reserve }
    const body = projectShortBody(options, bytes)
    return { shape: body ? asJson(shape) : shape, body: body ?? new Uint8Array(0) }
  }
}

/** Each with its own look at whether it may still be handed out; others get their turn between the searches of a long body. */
async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  for (let start = 0; start < bytes.length; start += loopBudget.step) {
    await loopBudget.take(loopBudget.step)
    yield bytes.subarray(start, start + loopBudget.step)
  }
  return undefined
}
