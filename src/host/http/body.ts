import type { IncomingMessage, ServerResponse } from 'node:http'

const largestBody = 32 * 1024 * 1024
/** Of all requests together: bodies are read before anybody knows who sends them. */
const largestTotal = 128 * 1024 * 1024

export type Body = Buffer | 'too large' | 'too many' | 'gone'

/** Reads request bodies within a bound for each and one for all that are held at a time. */
export class BodyReader {
  #held = 0

  /** What is read counts until `response` is closed. 'gone': the client went away while sending. */
  read(request: IncomingMessage, response: ServerResponse): Promise<Body> {
    if (Number(request.headers['content-length'] ?? 0) > largestBody) return Promise.resolve('too large')
    return new Promise((resolve) => {
      const chunks: Buffer[] = []
      let size = 0
      response.once('close', () => {
        this.#held -= size
      })
      const stop = (why: Body) => {
        request.pause()
        chunks.length = 0
        resolve(why)
      }
      request.on('data', (chunk: Buffer) => {
        size += chunk.length
        this.#held += chunk.length
        if (size > largestBody) stop('too large')
        else if (this.#held > largestTotal) stop('too many')
        else chunks.push(chunk)
      })
      request.once('end', () => {
        resolve(Buffer.concat(chunks))
      })
      request.once('close', () => {
        resolve('gone')
      })
      request.once('error', () => {
        resolve('gone')
      })
    })
  }
}
