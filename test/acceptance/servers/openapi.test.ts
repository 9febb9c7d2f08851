/** One plugin that answers help badly breaks the document of the whole server, and with it UI and generated clients. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../engine.ts'
import { startTarget } from '../target/index.ts'
import type { Server } from '../target/index.ts'

let server: Server
beforeAll(async () => {
  server = await startTarget()
  for (let mounts = 0; mounts < 2; mounts++) await Engine.at(server)
})
afterAll(() => server.stop())

describe('OpenAPI', () => {
  it.each(['', '?generic_mount_paths=true'])('the server\'s own document%s is whole', async (query) => {
    const { status, body } = await server.api('GET', `sys/internal/specs/openapi${query}`)
    expect([status, body.openapi]).toEqual([200, '3.0.2'])
    expect(Object.keys(body.paths as object).length).toBeGreaterThan(100)
    expect(body.paths).toHaveProperty(['/sys/mounts'])
  })
})
