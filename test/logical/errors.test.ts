import { describe, expect, it } from 'vitest'
import {
  RequestError,
  errorTable,
  fromUnknown,
  kindFromGrpc,
  kindFromHttp,
  kindFromPb,
} from '../../src/logical/errors.ts'
import type { ErrorKind } from '../../src/logical/errors.ts'

const kinds = Object.keys(errorTable) as ErrorKind[]

describe('the error table, there and back', () => {
  // One HTTP status or gRPC code stands for several kinds; going back must keep the status and the code, not the name.
  it.each(kinds)('%s keeps its HTTP status', (kind) => {
    expect(errorTable[kindFromHttp(errorTable[kind].http)].http).toBe(errorTable[kind].http)
  })

  it.each(kinds)('%s keeps its gRPC code', (kind) => {
    expect(errorTable[kindFromGrpc(errorTable[kind].grpc)].grpc).toBe(errorTable[kind].grpc)
  })

  it.each(kinds)('%s keeps its status through a plugin error', (kind) => {
    const { pb, http, text } = errorTable[kind]
    expect(errorTable[kindFromPb(pb, http, text)].http).toBe(http)
  })

  it.each(kinds)('%s survives being wrapped by other errors', (kind) => {
    const wrapped = new Error('outer', { cause: new Error('inner', { cause: new RequestError(kind, 'why') }) })
    expect(fromUnknown(wrapped)).toMatchObject({ kind, message: 'why' })
  })

  it('pins what the wires call the common ones', () => {
    expect(errorTable.bad_request).toMatchObject({ http: 400, pb: 4, grpc: 3 })
    expect(errorTable.permission_denied).toMatchObject({ http: 403, pb: 8, grpc: 7 })
    expect(errorTable.unsupported_path).toMatchObject({ http: 404, pb: 6 })
    expect(errorTable.unsupported_operation).toMatchObject({ http: 405, pb: 5 })
    expect(errorTable.unavailable).toMatchObject({ http: 503, grpc: 14 })
    expect(errorTable.unauthenticated).toMatchObject({ http: 401, grpc: 16 })
    expect(errorTable.readonly.text).toBe('cannot write to readonly storage')
  })
})

describe('what is not ours', () => {
  it.each([
    ['an error', new Error('sk_live_secret')],
    ['a text', 'sk_live_secret'],
    ['nothing', undefined],
  ])('%s becomes internal and tells the caller nothing', (_what, thrown) => {
    expect(fromUnknown(thrown)).toMatchObject({ kind: 'internal', message: 'internal error' })
  })

  it.each([
    [418, 'bad_request'],
    [404, 'not_found'],
    [500, 'internal'],
    [503, 'unavailable'],
    [504, 'unavailable'],
    [473, 'unavailable'],
  ])('status %i reads as %s', (status, kind) => {
    expect(kindFromHttp(status)).toBe(kind)
  })

  it.each([
    [3, 'bad_request'],
    [5, 'not_found'],
    [13, 'internal'],
    [14, 'unavailable'],
    [16, 'unauthenticated'],
    [99, 'internal'],
  ])('gRPC code %i reads as %s', (code, kind) => {
    expect(kindFromGrpc(code)).toBe(kind)
  })

  it('a plugin error of an unknown type is internal', () => {
    expect(kindFromPb(99, 0, 'x')).toBe('internal')
  })
})
