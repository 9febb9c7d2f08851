import type { Header } from './wire.ts'

export interface RequestContent {
  readonly headers: readonly Header[]
  readonly body: AsyncIterable<Uint8Array>
}

/** Headers and body as the platform's `fetch` would send them: types and lengths are named where they are known. */
export async function requestContent({
  headers: given,
  body,
}: Pick<RequestInit, 'headers' | 'body'>): Promise<RequestContent> {
  const headers = new Headers(given)
  if (body === undefined || body === null) return { headers: listed(headers), body: concatenated() }
  const carrier = new Response(body)
  const type = carrier.headers.get('content-type')
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type)
  if (isStream(body)) return { headers: listed(headers), body: carrier.body! }
  const bytes = new Uint8Array(await carrier.arrayBuffer())
  headers.set('content-length', String(bytes.length))
  return { headers: listed(headers), body: concatenated(bytes) }
}

const isStream = (body: object | string): boolean =>
  body instanceof ReadableStream || (typeof body === 'object' && Symbol.asyncIterator in body)

const listed = (headers: Headers): Header[] => [...headers].map(([name, value]) => ({ name, value }))

async function* concatenated(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}
