import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expected } from './differences.ts'
import { Engine, keysOf } from './engine.ts'
import { eventually } from './eventually.ts'
import { startTarget } from './target/index.ts'
import type { ApiResponse, Server } from './target/index.ts'

let server: Server
let engine: Engine
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
  await engine.declare('billing')
})
afterAll(() => server.stop())

describe('a wrapped response', () => {
  it.each([
    ['POST', 'creds/billing'],
    ['GET', 'creds/billing'],
    ['GET', 'agents/billing'],
  ])('to %s %s is wrapped, and never in the clear', async (method, path) => {
    const response = await engine.call(method, path, method === 'POST' ? {} : undefined, { wrapTtl: '60' })
    expect(response.status).toBe(200)
    expect(JSON.stringify(response.body)).not.toMatch(/svt_|platform-team/)
  })

  it('that is refused for its request is refused in the clear', async () => {
    expect((await engine.write('creds/none', {}, { wrapTtl: '60' })).status).toBe(400)
  })
})

const unwrap = (token: string): Promise<ApiResponse> => server.api('POST', 'sys/wrapping/unwrap', { token, body: {} })

describe('wrapping', () => {
  it('gives the lease to anyone who unwraps, once', async () => {
    const wrapped = await engine.write('creds/billing', { purpose: 'wrapped' }, { wrapTtl: '60' })
    expect(wrapped.body).toMatchObject({
      lease_id: '',
      data: null,
      wrap_info: { ttl: 60, creation_path: `${engine.mount}/creds/billing` },
    })
    const token = wrapped.body.wrap_info.token as string
    const plain = await unwrap(token)
    expect([plain.status, plain.body.lease_duration, plain.body.data.purpose, keysOf(plain)]).toEqual([
      200,
      900,
      'wrapped',
      keysOf(await engine.write('creds/billing')),
    ])
    expect(await engine.state(plain.body.data)).toBe('active')
    expect((await unwrap(token)).status).toBe(400)
    expect((await engine.sys('PUT', 'leases/revoke', { lease_id: plain.body.lease_id, sync: true })).status).toBe(204)
    expect(await engine.state(plain.body.data)).toBe('revoked')
  })

  it('that nobody unwraps in time gives nothing away', async () => {
    const { body } = await engine.write('creds/billing', {}, { wrapTtl: '1s' })
    await eventually(
      'the wrapping token is over',
      async () => (await unwrap(body.wrap_info.token as string)).status,
      400,
    )
  })

  it('of a list', async () => {
    expect((await engine.list('agents', { wrapTtl: '60' })).status).toBe(expected('wrappedList', server))
  })
})
