/** One plugin that answers help badly breaks the document of the whole server, and with it UI and generated clients. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from './engine.ts'
import { startTarget } from './target/index.ts'
import type { Server } from './target/index.ts'

let server: Server
const mounts: string[] = []
beforeAll(async () => {
  server = await startTarget()
  for (let count = 0; count < 2; count++) mounts.push((await Engine.at(server)).mount)
})
afterAll(() => server.stop())

describe('OpenAPI', () => {
  it.each(['', '?generic_mount_paths=true'])("the server's own document%s is whole", async (query) => {
    const { status, body } = await server.api('GET', `sys/internal/specs/openapi${query}`)
    expect([status, body.openapi]).toEqual([200, '3.0.2'])
    expect(Object.keys(body.paths as object).length).toBeGreaterThan(100)
    expect(body.paths).toHaveProperty(['/sys/mounts'])
  })

  it.each(['', '?generic_mount_paths=true'])(
    "the server's own document%s has every path of the engine, and what it asks and answers",
    async (query) => {
      const { body } = await server.api('GET', `sys/internal/specs/openapi${query}`)
      const { paths, components } = body as {
        paths: Record<string, Record<string, unknown>>
        components: { schemas: Record<string, { properties: object }> }
      }
      const own = (await server.api('GET', `${mounts[0]!}?help=1`)).body.openapi as { paths: object }
      for (const mount of mounts) {
        const at = query === '' ? mount : `{${mount.replaceAll('-', '_')}_mount_path}`
        expect(
          Object.keys(paths)
            .filter((path) => path.startsWith(`/${at}/`))
            .map((path) => path.slice(at.length + 1))
            .sort(),
        ).toEqual(Object.keys(own.paths).sort())
        const write = paths[`/${at}/upstreams/{name}`]!.post as {
          requestBody: { content: { 'application/json': { schema: { $ref: string } } } }
        }
        const name = write.requestBody.content['application/json'].schema.$ref.replace('#/components/schemas/', '')
        expect(components.schemas[name]!.properties).toMatchObject({
          url: { type: 'string' },
          timeout: { type: 'integer', default: 60 },
          sensitivity: { enum: ['high', 'standard', 'low'] },
        })
        expect(paths[`/${at}/sessions/revoke-all`]).toMatchObject({ 'x-vault-sudo': true })
      }
    },
  )
})
