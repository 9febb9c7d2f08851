import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AGENT, expectations, policyRows, policyText, shippedPolicies } from './policy-table.ts'
import type { PolicyRow } from './policy-table.ts'
import { must } from './target/server.ts'
import { startTarget } from './target/index.ts'
import type { Server } from './target/index.ts'

let server: Server
const tokens = new Map<string, string>()

beforeAll(async () => {
  server = await startTarget()
  const { api, plugin } = server
  await must(
    api('POST', 'sys/mounts/mcp', {
      body: { type: 'mcp', ...(plugin && { config: { plugin_version: plugin.version } }) },
    }),
    'mounting mcp',
  )
  await must(api('POST', 'sys/mounts/secret', { body: { type: 'kv', options: { version: '2' } } }), 'mounting secret')
  for (const name of shippedPolicies)
    await must(api('POST', `sys/policies/acl/${name}`, { body: { policy: policyText(name) } }), name)
  for (const name of shippedPolicies)
    tokens.set(name, name === 'mcp-agent' ? await agentLogin() : await plainToken(name))
}, 60_000)
afterAll(() => server.stop())

async function plainToken(policy: string): Promise<string> {
  const { body } = await must(
    server.api('POST', 'auth/token/create', { body: { policies: [policy] } }),
    `token of ${policy}`,
  )
  return body.auth.client_token as string
}

/** As vault-config/agent/add-agent.sh has it: an AppRole whose entity is called as the agent is. */
async function agentLogin(): Promise<string> {
  const post = (path: string, body: unknown) => must(server.api('POST', path, { body }), path)
  await post('sys/auth/approle', { type: 'approle' })
  await post(`auth/approle/role/${AGENT}`, { token_policies: ['mcp-agent'] })
  const role_id = (await must(server.api('GET', `auth/approle/role/${AGENT}/role-id`), 'role-id')).body.data
    .role_id as string
  const { secret_id } = (await post(`auth/approle/role/${AGENT}/secret-id`, {})).body.data as { secret_id: string }
  const canonical_id = (await post('identity/entity', { name: AGENT })).body.data.id as string
  const mount_accessor = (await must(server.api('GET', 'sys/auth/approle'), 'accessor')).body.data.accessor as string
  await post('identity/entity-alias', { name: role_id, canonical_id, mount_accessor })
  return (await post('auth/approle/login', { role_id, secret_id })).body.auth.client_token as string
}

interface Met {
  readonly status: number
  readonly errors: string
}

/** How a call is met: many name what does not exist, which is for the engine to say once the call was let through. */
async function meets({ method, path }: PolicyRow, token: string): Promise<Met> {
  const { status, body } = await server.api(method, path, { token, ...(method === 'POST' && { body: {} }) })
  return { status, errors: JSON.stringify((body as { errors?: unknown } | undefined)?.errors ?? []) }
}

const noSuchRoute = /unsupported|no handler/

const named = (rows: readonly PolicyRow[]) => rows.map((row) => [row.policy, row.method, row.path, row] as const)
const isAllowed = (row: PolicyRow) => row.expected === 'allow'

it('every shipped policy has its table', () => {
  expect(Object.keys(expectations).sort()).toEqual(shippedPolicies)
})

describe('allow', () => {
  it.each(named(policyRows.filter(isAllowed)))('%s: %s %s', async (policy, _method, _path, row) => {
    const met = await meets(row, tokens.get(policy)!)
    expect(met.status).not.toBe(403)
    expect(met.errors).not.toMatch(noSuchRoute)
  })
})

describe('deny', () => {
  it.each(named(policyRows.filter((row) => !isAllowed(row))))('%s: %s %s', async (policy, _method, _path, row) => {
    expect((await meets(row, tokens.get(policy)!)).status).toBe(403)
  })
})

// A misspelt path would be denied as well: what is denied under the two mounts must be there for those who may.
describe('what is denied exists', () => {
  const underMounts = policyRows.filter(({ expected, path }) => expected === 'deny' && /^(mcp|secret)\//.test(path))
  it.each(named(underMounts))('for %s: %s %s', async (_policy, _method, _path, row) => {
    const met = await meets(row, server.rootToken)
    expect(met.status).not.toBe(403)
    expect(met.errors).not.toMatch(noSuchRoute)
  })
})
