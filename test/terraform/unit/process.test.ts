/** The executable itself, launched as Terraform launches it, and what it makes of calls Terraform would never make. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { buildProvider, providerFile } from '../../../scripts/build-provider.mjs'
import { serviceDefinition } from '../../../src/goplugin/index.ts'
import { tfplugin6 } from '../../../src/proto/tfplugin6.ts'
import { decodeValue, encodeValue } from '../../../src/terraform/protocol/value.ts'
import type { Value } from '../../../src/terraform/protocol/value.ts'
import { launchPlugin } from '../../fakes/go-plugin-host.ts'
import type { GoPluginHost } from '../../fakes/go-plugin-host.ts'
import { filled } from './terraform-core.ts'
import type { Schemas } from './terraform-core.ts'
import { deploy } from './with-host.ts'
import type { Deployment } from './with-host.ts'

const provider = serviceDefinition(tfplugin6, 'tfplugin6.Provider')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-provider-'))
const cookie = {
  name: 'TF_PLUGIN_MAGIC_COOKIE',
  value: 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2',
}
let deployment: Deployment
let host: GoPluginHost | undefined

beforeAll(async () => {
  await buildProvider({ outDir: scratch, version: '1.2.3' })
  deployment = await deploy()
  await deployment.admin.write('mcp/agents/billing', { owner: 'o', environment: 'production' })
  await deployment.admin.write('mcp/agents/billing/scopes', { scopes: ['read:stripe:invoices'] })
})
afterEach(async () => {
  await host?.kill()
  host = undefined
})
afterAll(async () => {
  await deployment.close()
  rmSync(scratch, { recursive: true, force: true })
})

async function launch(env: Record<string, string | undefined> = {}): Promise<GoPluginHost> {
  host = await launchPlugin({
    command: join(scratch, providerFile),
    cookie,
    versions: [5, 6],
    env: { VAULT_ADDR: deployment.address, VAULT_TOKEN: 'root', ...env },
  })
  return host
}

const dynamic = (value: Value): object => ({ msgpack: encodeValue(value) })
interface Reply {
  readonly diagnostics?: readonly { readonly severity: number; readonly summary: string; readonly detail: string }[]
  readonly error?: { readonly text: string } | null
  readonly result?: { readonly msgpack: Buffer }
}
const call = (at: GoPluginHost, method: string, request: object): Promise<Reply> =>
  at.call<Reply>(provider, method, request)

async function configured(at: GoPluginHost): Promise<Schemas> {
  const schemas = await at.call<Schemas>(provider, 'GetProviderSchema', {})
  await call(at, 'ConfigureProvider', { config: dynamic(filled(schemas.provider, {})) })
  return schemas
}

describe('the executable', () => {
  it('speaks protocol 6 and has all of the provider', async () => {
    const at = await launch()
    const schemas = await configured(at)
    expect(at.handshake.version).toBe(6)
    expect(Object.keys(schemas.resource_schemas).sort()).toEqual([
      'mcp_agent',
      'mcp_agent_scopes',
      'mcp_config',
      'mcp_policy',
      'mcp_tool',
      'mcp_upstream',
    ])
    expect(Object.keys(schemas.data_source_schemas).sort()).toEqual([
      'mcp_access_check',
      'mcp_agents',
      'mcp_policy_document',
      'mcp_preset',
    ])
    expect(Object.keys(schemas.ephemeral_resource_schemas)).toEqual(['mcp_creds'])
    expect(Object.keys(schemas.functions).sort()).toEqual(['parse_scope', 'scope', 'scope_covers'])
  })

  it('asks the server by the HTTP client within it', async () => {
    const at = await launch()
    const schemas = await configured(at)
    const reply = await at.call<{ readonly state: { readonly msgpack: Buffer } }>(provider, 'ReadDataSource', {
      type_name: 'mcp_agents',
      config: dynamic(filled(schemas.data_source_schemas.mcp_agents!, {})),
    })
    expect(decodeValue(reply.state.msgpack)).toEqual({ names: ['billing'] })
  })

  it.each(['SIGTERM', 'Shutdown', 'a host that is gone'] as const)('takes back what it lent on %s', async (how) => {
    const at = await launch()
    const schemas = await configured(at)
    const opened = await call(at, 'OpenEphemeralResource', {
      type_name: 'mcp_creds',
      config: dynamic(filled(schemas.ephemeral_resource_schemas.mcp_creds!, { agent: 'billing' })),
    })
    expect(opened.diagnostics?.filter(({ severity }) => severity === 1)).toEqual([])
    expect(await deployment.leases('billing')).toHaveLength(1)
    const accessors = await deployment.accessors()
    if (how === 'SIGTERM') at.process.child.kill('SIGTERM')
    else if (how === 'Shutdown') await at.kill()
    else at.disconnect()
    await at.process.exited
    expect(await deployment.leases('billing')).toBeUndefined()
    expect(await deployment.accessors()).toBe(accessors - 1)
  })
})

describe('a call that makes no sense', () => {
  const methods = [
    'ValidateProviderConfig',
    'ConfigureProvider',
    'ValidateResourceConfig',
    'ValidateDataResourceConfig',
    'ValidateEphemeralResourceConfig',
    'UpgradeResourceState',
    'ReadResource',
    'PlanResourceChange',
    'ApplyResourceChange',
    'ImportResourceState',
    'MoveResourceState',
    'ReadDataSource',
    'OpenEphemeralResource',
    'RenewEphemeralResource',
    'CloseEphemeralResource',
    'CallFunction',
  ]
  const garbage = { msgpack: Buffer.from('c1ff00de', 'hex') }
  const bodies: readonly [string, object][] = [
    ['nothing', {}],
    [
      'no such type',
      {
        type_name: 'mcp_nosuch',
        name: 'nosuch',
        config: dynamic({}),
        current_state: dynamic({}),
        proposed_new_state: dynamic({}),
        planned_state: dynamic({}),
        private: Buffer.from('x'),
      },
    ],
    [
      '__proto__ as type',
      {
        type_name: '__proto__',
        name: 'constructor',
        config: dynamic({}),
        current_state: dynamic({}),
        proposed_new_state: dynamic({}),
        planned_state: dynamic({}),
        private: Buffer.from('x'),
      },
    ],
    [
      'bytes that are no MessagePack',
      {
        type_name: 'mcp_agent',
        config: garbage,
        current_state: garbage,
        prior_state: garbage,
        proposed_new_state: garbage,
        planned_state: garbage,
        raw_state: { json: Buffer.from('{') },
        name: 'scope',
        arguments: [garbage],
        private: Buffer.from('{'),
      },
    ],
    [
      'objects without attributes',
      {
        type_name: 'mcp_upstream',
        config: dynamic({}),
        current_state: dynamic({}),
        prior_state: dynamic({}),
        proposed_new_state: dynamic({}),
        planned_state: dynamic({}),
        raw_state: { json: Buffer.from('[]') },
        name: 'scope',
        arguments: [],
      },
    ],
    [
      'values of other types',
      {
        type_name: 'mcp_tool',
        config: dynamic({ name: 7, upstream: [], operations: 'x', fields: [1], id: {} }),
        current_state: dynamic(7),
        prior_state: dynamic('x'),
        proposed_new_state: dynamic([]),
        planned_state: dynamic({ operations: [[7]] }),
        name: 'scope_covers',
        arguments: [dynamic(7), dynamic({})],
      },
    ],
  ]

  it.each(bodies)('%s: is answered, whatever the method, and the next one is served', async (_name, body) => {
    const at = await launch()
    await configured(at)
    const replies = await Promise.all(methods.map((method) => call(at, method, body)))
    const said = JSON.stringify(replies)
    expect(said).not.toMatch(/\bat .*:\d+:\d+/)
    expect(said).not.toContain(scratch)
    for (const { diagnostics = [] } of replies) for (const { summary } of diagnostics) expect(summary).not.toBe('')
    expect(Object.keys((await configured(at)).resource_schemas)).toHaveLength(6)
  })
})
