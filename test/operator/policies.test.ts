import { afterAll, beforeAll, expect, describe, it } from 'vitest'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { expectations, policyRows, policyText, shippedPolicies } from '../acceptance/policy-table.ts'
import type { PolicyRow } from '../acceptance/policy-table.ts'
import { deploy } from './deployment.ts'
import type { Deployment } from './deployment.ts'

let deployment: Deployment
const clients = new Map<string, VaultClient>()

beforeAll(async () => {
  deployment = await deploy()
  for (const name of shippedPolicies) {
    await deployment.root.write(`sys/policies/acl/${name}`, { policy: policyText(name) })
    const { auth } = await deployment.root.write('auth/token/create', { policies: [name] })
    clients.set(name, deployment.root.withToken(auth!.client_token))
  }
})
afterAll(() => deployment.close())

interface Met { readonly status: number; readonly text: string }

/** How a call is met: many name what does not exist, which is for the engine to say once it was let through. */
async function meets(client: VaultClient, { method, path: target }: PolicyRow): Promise<Met> {
  const [path = '', query = ''] = target.split('?')
  const met = await client.request(method as 'GET', path, { ...(method === 'POST' && { body: {} }), query: Object.fromEntries(new URLSearchParams(query)) })
    .then(({ status }) => ({ status, text: '' }), (error: unknown) => ({ status: (error as { status?: number }).status ?? 0, text: String(error) }))
  expect(met.status).toBeGreaterThan(0)
  return met
}

it('every shipped policy has its table', () => {
  expect(Object.keys(expectations).sort()).toEqual(shippedPolicies)
})

const rows = (expected: 'allow' | 'deny') => policyRows.filter((row) => row.expected === expected).map((row) => [row.policy, row.method, row.path, row] as const)
// This host has no identity entities, so the templates of an agent's paths stay empty and match nothing.
const templated = (policy: string) => policy === 'mcp-agent'

describe('allow', () => {
  it.each(rows('allow').filter(([policy]) => !templated(policy)))('%s: %s %s', async (policy, _method, _path, row) => {
    const { status, text } = await meets(clients.get(policy)!, row)
    expect(status).not.toBe(403)
    expect(text).not.toMatch(/unsupported|no handler/)
  })
})

describe('deny', () => {
  it.each(rows('deny'))('%s: %s %s', async (policy, _method, _path, row) => {
    expect((await meets(clients.get(policy)!, row)).status).toBe(403)
  })
  it.each(rows('allow').filter(([policy]) => templated(policy)))('%s, without an entity: %s %s', async (policy, _method, _path, row) => {
    expect((await meets(clients.get(policy)!, row)).status).toBe(403)
  })
})

// A misspelt path would be denied too: what is denied under the two mounts must be there for those who may.
const underMounts = rows('deny').filter(([, , path]) => /^(mcp|secret)\//.test(path))
it.each(underMounts)('what %s is denied exists: %s %s', async (_policy, _method, _path, row) => {
  const { status, text } = await meets(deployment.root, row)
  expect(status).not.toBe(403)
  expect(text).not.toMatch(/unsupported|no handler/)
})
