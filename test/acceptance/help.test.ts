/** Help on every path. A server asks for it while it writes its own API document: nothing may make it fail. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from './engine.ts'
import { startTarget } from './target/index.ts'
import type { ApiResponse, Server } from './target/index.ts'

let server: Server
let engine: Engine
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
})
afterAll(() => server.stop())

const help = (path: string): Promise<ApiResponse> => server.api('GET', `${path}?help=1`)

const patterns = [
  'agents/',
  'agents/:agent_id',
  'agents/:agent_id/revoke',
  'agents/:agent_id/scopes/',
  'agents/:agent_id/scopes/:environment',
  'agents/:agent_id/sessions/',
  'config',
  'config/rotate-check-key',
  'config/ttl-ceiling',
  'creds/:agent',
  'creds/:agent/:session',
  'feed',
  'introspect',
  'policies/',
  'policies/:name',
  'sessions/',
  'sessions/:session_id',
  'sessions/revoke-all',
  'tidy',
  'tidy/status',
  'tools/',
  'tools/:upstream/',
  'tools/:upstream/:name...',
  'upstreams/',
  'upstreams/:name',
]

describe('help', () => {
  it('of the mount names every path', async () => {
    const { status, body } = await help(engine.mount)
    const [description, paths] = (body.help as string).split('## PATHS')
    expect([status, description]).toEqual([200, expect.stringContaining('issues leased phantom tokens')])
    expect(
      paths!
        .match(/^ {4}\S+$/gm)!
        .map((line) => line.trim())
        .sort(),
    ).toEqual([...patterns].sort())
    expect((await help(`${engine.mount}/`)).body.help).toBe(body.help)
  })

  it.each(patterns)('of %s, with a slash at the end and without', async (pattern) => {
    const path = `${engine.mount}/${pattern.replace(/\/$/, '').replaceAll(/:[a-z_]+(\.\.\.)?/g, 'x')}`
    for (const end of ['', '/']) {
      const { status, body } = await help(`${path}${end}`)
      expect([status, body.help]).toEqual([
        200,
        expect.stringMatching(
          /^Request: .*\nMatching Route: .+\n\n.+\n\n## OPERATIONS\n[^]*## PARAMETERS\n[^]*## DESCRIPTION\n\n.+/,
        ),
      ])
    }
  })

  it('of a path says its fields, with an example and whether sudo is needed', async () => {
    expect((await help(`${engine.mount}/creds/billing`)).body.help).toContain('requested_scopes (list)')
    expect((await help(`${engine.mount}/tidy`)).body.help).toContain('(sudo)')
  })

  it('of an unknown path is 404', async () => {
    expect((await help(`${engine.mount}/nothing/here/at/all`)).status).toBe(404)
  })

  it('is not for unauthenticated callers', async () => {
    expect((await server.api('GET', `${engine.mount}/config?help=1`, { token: 'nobody' })).status).toBe(403)
  })
})
