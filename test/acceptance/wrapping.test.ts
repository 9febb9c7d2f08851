import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expected } from './differences.ts'
import { Engine } from './engine.ts'
import { startTarget } from './target/index.ts'
import type { Server } from './target/index.ts'

let server: Server
let engine: Engine
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
  await engine.declare('billing')
})
afterAll(() => server.stop())

describe('a wrapped answer', () => {
  it.each([
    ['POST', 'creds/billing'],
    ['GET', 'creds/billing'],
    ['GET', 'agents/billing'],
  ])('to %s %s is wrapped or refused, and never in the clear', async (method, path) => {
    const answer = await engine.call(method, path, method === 'POST' ? {} : undefined, { wrapTtl: '60' })
    expect(answer.status).toBe(expected('wrapping', server))
    expect(JSON.stringify(answer.body)).not.toMatch(/svt_|platform-team/)
  })

  it('that is refused for its request is refused in the clear', async () => {
    expect((await engine.write('creds/none', {}, { wrapTtl: '60' })).status).toBe(400)
  })
})
