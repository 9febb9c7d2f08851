import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mcpFactory } from '../../../src/mcp/backend.ts'
import { decodeAsHost, operationsOf } from '../../framework/openapi-decoder.ts'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

let harness: HostHarness
beforeAll(async () => {
  harness = await startHostHarness({
    version: '1.20.1',
    random: (bytes) => randomBytes(bytes),
    engines: { mcp: mcpFactory },
  })
  for (const path of ['mcp', 'team-a/mcp']) await harness.call('POST', `sys/mounts/${path}`, { type: 'mcp' })
  await harness.call('POST', 'sys/mounts/kv1', { type: 'kv' })
  await harness.call('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  await harness.call('POST', 'sys/auth/approle', { type: 'approle' })
})
afterAll(() => harness.host.close())

const references = (part: unknown): string[] =>
  [...JSON.stringify(part).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!)

describe("the server's OpenAPI document", () => {
  it("is bare, and has every mount's paths", async () => {
    const { status, body } = await harness.call('GET', 'sys/internal/specs/openapi')
    expect([status, Object.keys(body), body.info]).toEqual([
      200,
      ['openapi', 'info', 'paths', 'components'],
      expect.objectContaining({ title: 'HashiCorp Vault API', version: '1.20.1' }),
    ])
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/sys/mounts/{path}',
        '/sys/internal/specs/openapi',
        '/auth/token/lookup-self',
        '/auth/approle/login',
        '/auth/approle/role/{role_name}',
        '/secret/data/{path}',
        '/secret/metadata/{path}/',
        '/kv1/{path}',
        '/mcp/config',
        '/mcp/upstreams/',
        '/mcp/upstreams/{name}',
        '/team-a/mcp/creds/{agent}',
      ]),
    )
  })

  it('can be decoded, refers to what it has and to all of it, and names each operation once', async () => {
    const { body } = await harness.call('GET', 'sys/internal/specs/openapi')
    const operations = operationsOf(decodeAsHost(body))
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
    expect([...new Set(references(body.paths))].sort()).toEqual(Object.keys(body.components.schemas).sort())
    for (const { path, parameters } of operations)
      expect(
        parameters
          .filter((one) => one.in === 'path')
          .map((one) => `{${one.name}}`)
          .sort(),
      ).toEqual((path.match(/\{\w+\}/g) ?? []).sort())
  })

  it('means the same by a name for every engine', async () => {
    const { body } = await harness.call('GET', 'sys/internal/specs/openapi')
    for (const [mount, type] of [
      ['kv1', 'Kv'],
      ['secret', 'Kv'],
      ['mcp', 'Mcp'],
      ['auth/approle', 'Approle'],
      ['auth/token', 'Token'],
      ['sys', 'System'],
    ]) {
      const { schemas } = (await harness.call('GET', `${mount}?help=1`)).body.openapi.components
      const { StandardListResponse, ...own } = schemas
      expect(body.components.schemas.StandardListResponse).toEqual(
        StandardListResponse ?? body.components.schemas.StandardListResponse,
      )
      expect(body.components.schemas).toMatchObject(
        Object.fromEntries(Object.entries(own).map(([name, schema]) => [`${type}${name}`, schema])),
      )
    }
  })

  it('has mounts as parameters on request, but those there is one of', async () => {
    const { body } = await harness.call('GET', 'sys/internal/specs/openapi?generic_mount_paths=true')
    expect(body.paths['/{team_a_mcp_mount_path}/config'].parameters).toEqual([
      expect.objectContaining({
        name: 'team_a_mcp_mount_path',
        in: 'path',
        required: true,
        schema: { type: 'string', default: 'team-a/mcp' },
      }),
    ])
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/auth/{approle_mount_path}/login',
        '/{secret_mount_path}/data/{path}',
        '/sys/mounts',
        '/auth/token/create',
      ]),
    )
    expect(Object.keys(body.paths).filter((path) => path.startsWith('/mcp/'))).toEqual([])
  })

  it('shows a caller the mounts it can reach, and an unauthenticated caller nothing', async () => {
    const token = await harness.tokenFor({ reader: 'path "mcp/creds/a" { capabilities = ["update"] }' })
    const { status, body } = await harness.call('GET', 'sys/internal/specs/openapi', undefined, token)
    const mounts = new Set(Object.keys(body.paths).map((path) => path.split('/')[1]))
    expect([status, mounts.has('mcp'), mounts.has('secret'), mounts.has('kv1'), mounts.has('team-a')]).toEqual([
      200,
      true,
      false,
      false,
      false,
    ])
    expect((await harness.call('GET', 'sys/internal/specs/openapi', undefined, 'nobody')).status).toBe(403)
    expect((await harness.call('GET', 'sys/internal/specs/openapi', undefined, '')).status).toBe(403)
  })

  it('cannot be written or listed', async () => {
    expect((await harness.call('POST', 'sys/internal/specs/openapi', {})).status).toBe(405)
    expect((await harness.call('LIST', 'sys/internal/specs/openapi')).status).toBe(405)
  })
})
