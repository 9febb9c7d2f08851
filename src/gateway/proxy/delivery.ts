import { GatewayCallError } from '../call/call-error.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import { loopBudget } from '../loop-budget.ts'
import { Scrubber } from '../call/scrub.ts'
import type { UpstreamExchange } from './exchange.ts'
import { endReason, throwIfEnded } from './upstream-call.ts'
import type { UpstreamResponse, UpstreamCall, CallOutcome } from './upstream-call.ts'

const resultOf = (error: unknown): CallOutcome['result'] => (error instanceof GatewayCallError ? error.code : 'error')

/** Hands the body out chunk by chunk: scrubbed, counted, and only while the call may go on. */
export class Delivery {
  readonly #call: UpstreamCall
  readonly #upstreamMs: number
  readonly #exchange: UpstreamExchange
  readonly #finished: Promise<CallOutcome>
  #settle!: (outcome: CallOutcome) => void
  #echoes: number
  #bytes = 0

  constructor(call: UpstreamCall, upstreamMs: number, headerEchoes: number, exchange: UpstreamExchange) {
    this.#call = call
    this.#upstreamMs = upstreamMs
    this.#echoes = headerEchoes
    this.#exchange = exchange
    this.#finished = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  response(
    status: number,
    headers: HeaderPairs,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): UpstreamResponse {
    const chunks = this.#deliver(source)
    // A generator that was never started, or is waiting, does not run its `finally` when it is given up.
    const body: AsyncIterableIterator<Uint8Array, undefined> = {
      next: () => chunks.next(),
      return: () => {
        this.#abandon()
        return chunks.return(undefined)
      },
      [Symbol.asyncIterator]: () => body,
    }
    const { signal } = this.#call
    const onAbort = () => {
      this.#finish(resultOf(endReason(signal)))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    void this.#finished.then(() => {
      signal.removeEventListener('abort', onAbort)
    })
    return {
      status,
      headers,
      upstream_ms: this.#upstreamMs,
      body,
      cancel: () => {
        this.#abandon()
      },
      finished: this.#finished,
    }
  }

  #finish(result: CallOutcome['result']): void {
    this.#settle({ bytes: this.#bytes, result, upstream_ms: this.#upstreamMs, key_echoes: this.#echoes })
  }

  #abandon(): void {
    this.#exchange.fail(new GatewayCallError('call_ended', 'the response was abandoned'))
    this.#finish('abandoned')
  }

  async *#deliver(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
    const matcher = this.#call.key?.matcher
    const scrubber = matcher && new Scrubber(matcher)
    const headerEchoes = this.#echoes
    const countEchoes = () => {
      this.#echoes = headerEchoes + (scrubber?.matches ?? 0)
    }
    try {
      for await (const chunk of scrubbed(source, scrubber)) yield this.#handOut(chunk)
      throwIfEnded(this.#call)
      countEchoes()
      this.#finish('complete')
    } catch (error) {
      this.#exchange.fail(error as Error)
      countEchoes()
      this.#finish(resultOf(error))
      throw error
    } finally {
      this.#abandon()
    }
    return undefined
  }

  #handOut(bytes: Uint8Array): Uint8Array {
    throwIfEnded(this.#call)
    this.#bytes += bytes.length
    return bytes
  }
}

/** What is left of the chunks once the key is removed; as they are where there is none. A long one is searched in steps. */
async function* scrubbed(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  scrubber: Scrubber | undefined,
): AsyncGenerator<Uint8Array, undefined> {
  for await (const chunk of source) {
    if (!scrubber) {
      if (chunk.length > 0) yield chunk
      continue
    }
    for (let start = 0; start < chunk.length; start += loopBudget.step) {
      if (chunk.length > loopBudget.step) await loopBudget.take(loopBudget.step)
      const out = scrubber.push(chunk.subarray(start, start + loopBudget.step))
      if (out.length > 0) yield out
    }
  }
  const rest = scrubber?.flush()
  if (rest && rest.length > 0) yield rest
  return undefined
}
