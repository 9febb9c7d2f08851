import type { IncomingMessage, ServerResponse } from 'node:http'
import { RequestError } from '../logical/errors.ts'
import { contentLength } from './request.ts'

export interface BodyLimits {
  /** Bytes of one body. */
  readonly each: number
  /** Bytes of all bodies that are held at a time. */
  readonly total: number
}

/** Reads whole request bodies within a bound for each and one for all that are held at a time. */
export class BodyReader {
  readonly #limits: BodyLimits
  #held = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  /**
   * What is read counts until `response` is closed. Throws `too_large` and `unavailable`, with the rest of the body unread; undefined
   * when the client went away while it was sending.
   */
  async read(request: IncomingMessage, response: ServerResponse): Promise<Buffer | undefined> {
    if ((contentLength(request) ?? 0) > this.#limits.each) throw this.#tooLarge()
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let size = 0
      response.once('close', () => {
        this.#held -= size
      })
      const stop = (error: RequestError) => {
        request.pause()
        chunks.length = 0
        reject(error)
      }
      request.on('data', (chunk: Buffer) => {
        size += chunk.length
        this.#held += chunk.length
        if (size > this.#limits.each) stop(this.#tooLarge())
        else if (this.#held > this.#limits.total)
          stop(new RequestError('unavailable', 'too many request bodies are being read at once; try again'))
        else chunks.push(chunk)
      })
      request.once('end', () => {
        resolve(Buffer.concat(chunks))
      })
      for (const gone of ['close', 'error'] as const)
        request.once(gone, () => {
          resolve(undefined)
        })
    })
  }

  #tooLarge(): RequestError {
    return new RequestError('too_large', `request body too large; the limit is ${inWords(this.#limits.each)}`)
  }
}

function inWords(bytes: number): string {
  const [mebi, kibi] = [1024 * 1024, 1024]
  if (bytes % mebi === 0) return `${String(bytes / mebi)} MiB`
  return bytes % kibi === 0 ? `${String(bytes / kibi)} KiB` : `${String(bytes)} bytes`
}
