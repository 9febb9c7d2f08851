/** Every method an operation may name: the one list, for documents, judging and sending. */

export interface MethodRule {
  /** The capability an operation has that names none; absent = the operation must name it. */
  readonly capability?: string
  /** `declared`: only where the operation says `body: true`, because servers differ in what they make of one. */
  readonly body: 'usual' | 'declared' | 'never'
}

/**
 * RFC 9110, 9.3 and RFC 5789; RFC 4918 (WebDAV), RFC 3253 (REPORT), RFC 5323 (SEARCH), RFC 4791 (MKCALENDAR). CONNECT and TRACE are not
 * among them: one asks for a tunnel, the other for the request as it was sent, key included.
 */
export const operationMethods: ReadonlyMap<string, MethodRule> = new Map<string, MethodRule>([
  ['GET', { capability: 'read', body: 'declared' }],
  ['HEAD', { capability: 'read', body: 'never' }],
  ['POST', { capability: 'create', body: 'usual' }],
  ['PUT', { capability: 'update', body: 'usual' }],
  ['PATCH', { capability: 'update', body: 'usual' }],
  ['DELETE', { capability: 'delete', body: 'usual' }],
  ['OPTIONS', { capability: 'read', body: 'declared' }],
  ['PROPFIND', { capability: 'read', body: 'usual' }],
  ['REPORT', { capability: 'read', body: 'usual' }],
  ['SEARCH', { capability: 'read', body: 'usual' }],
  ['PROPPATCH', { capability: 'update', body: 'usual' }],
  ['MKCOL', { capability: 'create', body: 'usual' }],
  ['MKCALENDAR', { capability: 'create', body: 'usual' }],
  // What these two overwrite, and whether what was there goes, is for the operator to name.
  ['COPY', { body: 'usual' }],
  ['MOVE', { body: 'usual' }],
  ['LOCK', { capability: 'update', body: 'usual' }],
  ['UNLOCK', { capability: 'update', body: 'usual' }],
])

/** Whether a request for the operation may have a body. */
export function takesBody({ method, body }: { readonly method: string; readonly body?: boolean }): boolean {
  const rule = operationMethods.get(method)?.body
  return rule === 'usual' || (rule === 'declared' && body === true)
}
