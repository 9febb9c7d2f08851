import type { UpstreamDocument } from '../../document/index.ts'
import { withoutChunkSignatures } from '../call/aws-chunked.ts'
import { noBodyForKey, spliceIntoBody, takeFromBody } from '../call/body-placement.ts'
import type { TakenBody } from '../call/body-placement.ts'
import { decodedBody } from '../call/content-coding.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import type { PreparedKey } from '../call/key.ts'
import { placementsOf } from '../call/placements.ts'
import type { CompiledPlacements } from '../call/placements.ts'
import { requestHeaderPlan, sentHeader } from '../call/request-headers.ts'
import { bodyParameters } from '../decision/body-parameters.ts'
import { mayOverride, refuseBodyOverride } from '../decision/overrides.ts'
import { bodyTooLarge } from '../decision/refusals.ts'
import type { CallHolds } from './call-holds.ts'

interface BodyOf {
  readonly token: string
  readonly upstream: string
  readonly headers: HeaderPairs
  /** Undefined = the request has none. */
  readonly body: AsyncIterable<Uint8Array> | undefined
}

/** The request's body: passed on as it comes, unless a parameter rule needed to see it first, or the key goes in it. */
export class CallerBody {
  readonly #request: BodyOf
  readonly #held: CallHolds
  #read: Buffer | undefined
  #decoded: Buffer | undefined
  #taken: { readonly places: CompiledPlacements; readonly body: TakenBody } | undefined

  constructor(request: BodyOf, held: CallHolds) {
    this.#request = request
    this.#held = held
  }

  /** With the key, where it goes in the body. Throws `bad_request` where there is none to put it in. */
  toSend(upstream: UpstreamDocument, key: PreparedKey | undefined): AsyncIterable<Uint8Array> | Uint8Array | undefined {
    if (key === undefined || key.body.length === 0) return this.#read ?? this.#request.body
    if (this.#taken?.places !== placementsOf(upstream)) throw noBodyForKey(placementsOf(upstream))
    return spliceIntoBody(this.#taken.body, key.body)
  }

  /** Read whole, as it came. */
  async whole({ max_request_bytes: maxBytes }: Pick<UpstreamDocument, 'max_request_bytes'>): Promise<Buffer> {
    this.#read ??= await collect(this.#request, maxBytes, this.#held)
    return this.#read
  }

  /** A form or a JSON object may name another method in a field, so it is read before it is sent. Throws `bad_request`. */
  async refuseOverride(upstream: UpstreamDocument): Promise<void> {
    const contentType = this.#sent(upstream, 'content-type')
    if (this.#request.body === undefined) return
    if (!mayOverride(contentType) && placementsOf(upstream).body.size === 0) return
    await refuseBodyOverride(contentType, await this.#judged(upstream))
  }

  /** By the content type it is sent with: headers that repeat it, or keep it from being passed on, make it another. */
  async parameters(upstream: UpstreamDocument) {
    return bodyParameters(this.#sent(upstream, 'content-type'), await this.#judged(upstream))
  }

  /** What is judged of it: all but the fields that the key goes in. */
  async #judged(upstream: UpstreamDocument): Promise<Buffer> {
    const read = await this.whole(upstream)
    const places = placementsOf(upstream)
    if (places.body.size === 0) return this.#readable(read, upstream)
    if (this.#taken?.places !== places) {
      const { headers, token } = this.#request
      this.#taken = {
        places,
        body: takeFromBody(places, { headers, token }, this.#sent(upstream, 'content-type'), read),
      }
    }
    return this.#taken.body.rest
  }

  /** As a server reads it, which may be compressed; what is sent stays as it came. */
  async #readable(sent: Buffer, upstream: UpstreamDocument): Promise<Buffer> {
    if (this.#decoded) return this.#decoded
    const stated = this.#request.headers.find(([name]) => name.toLowerCase() === 'x-amz-content-sha256')?.[1].trim()
    const isInPieces = stated?.startsWith('STREAMING-') === true && upstream.auth.includes('aws_sigv4')
    // The pieces are joined before anybody reads them.
    const bytes = isInPieces ? await joined(withoutChunkSignatures([sent], false)) : sent
    const codings = this.#sent(upstream, 'content-encoding')?.split(',') ?? []
    const coding = codings.filter((name) => !isInPieces || name.trim().toLowerCase() !== 'aws-chunked').join(',')
    this.#decoded = await decodedBody(coding, bytes, {
      maxBytes: upstream.max_request_bytes,
      tooLarge: () => bodyTooLarge(upstream.name, upstream.max_request_bytes),
      take: (taken) => {
        this.#held.take(taken)
      },
    })
    return this.#decoded
  }

  #sent(upstream: UpstreamDocument, name: string): string | undefined {
    return sentHeader(requestHeaderPlan(upstream).apply(this.#request.headers, { range: false }), name)
  }
}

async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

async function collect({ body, upstream }: BodyOf, maxBytes: number, held: CallHolds): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) throw bodyTooLarge(upstream, maxBytes)
    held.take(chunk.length)
    chunks.push(chunk)
  }
  // Whole and in chunks at once, for a moment.
  held.take(bytes)
  const whole = Buffer.concat(chunks)
  held.take(-bytes)
  return whole
}
