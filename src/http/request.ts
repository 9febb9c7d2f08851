import type { IncomingMessage } from 'node:http'

type Head = Pick<IncomingMessage, 'headers' | 'headersDistinct'>

/** Bytes, as declared; undefined when they are not. */
export function contentLength({ headers }: Pick<Head, 'headers'>): number | undefined {
  const text = headers['content-length']
  return text === undefined ? undefined : Number(text)
}

export const hasBody = (request: Pick<Head, 'headers'>): boolean =>
  request.headers['transfer-encoding'] !== undefined || (contentLength(request) ?? 0) > 0

/** Whether a header is given more than once: node:http keeps the first of several credentials, a proxy in between may keep another. */
export const isRepeated = ({ headersDistinct }: Head, name: string): boolean => (headersDistinct[name]?.length ?? 0) > 1

/** The request line's target, parted: the path as sent, and the query without its `?`. */
export function originForm(target: string): { path: string; query: string } {
  const mark = target.indexOf('?')
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}
