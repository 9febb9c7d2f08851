import { readFile, readdir } from 'node:fs/promises'
import { afterAll, beforeAll, expect, describe, it } from 'vitest'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { deploy } from './deployment.ts'
import type { Deployment } from './deployment.ts'

type Method = 'GET' | 'LIST' | 'POST' | 'DELETE'
type Ask = readonly [Method, string]

/** What each shipped policy is for, and what its first lines promise to deny. */
const shipped: Readonly<Record<string, { readonly may: readonly Ask[]; readonly mayNot: readonly Ask[] }>> = {
  'mcp-gateway': {
    may: [['GET', 'mcp/feed?wait=0'], ['POST', 'mcp/introspect'], ['GET', 'mcp/agents/a'], ['GET', 'mcp/agents/a/scopes/staging'], ['GET', 'mcp/policies/p'], ['GET', 'mcp/upstreams/u'], ['LIST', 'mcp/tools/u'], ['GET', 'secret/data/mcp/u'], ['GET', 'secret/metadata/mcp/u']],
    mayNot: [['POST', 'sys/leases/revoke'], ['POST', 'sys/leases/lookup'], ['POST', 'sys/leases/renew'], ['POST', 'sys/renew'], ['POST', 'mcp/creds/a'], ['GET', 'mcp/creds/a'], ['POST', 'mcp/agents/a'], ['POST', 'mcp/upstreams/u'], ['DELETE', 'mcp/tools/u/t'], ['POST', 'mcp/config'], ['DELETE', 'mcp/sessions/s'], ['GET', 'secret/data/other'], ['POST', 'secret/data/mcp/u'], ['POST', 'secret/metadata/mcp/u']],
  },
  'mcp-operator': {
    may: [['POST', 'mcp/config'], ['POST', 'mcp/upstreams/u'], ['LIST', 'mcp/upstreams'], ['POST', 'mcp/tools/u/t'], ['POST', 'mcp/policies/p'], ['DELETE', 'mcp/policies/p'], ['POST', 'mcp/agents/a'], ['POST', 'mcp/agents/a/scopes'], ['POST', 'mcp/agents/a/revoke'], ['LIST', 'mcp/agents/a/sessions'], ['LIST', 'mcp/sessions'], ['GET', 'mcp/sessions/s'], ['DELETE', 'mcp/sessions/s'], ['POST', 'mcp/sessions/revoke-all'], ['POST', 'mcp/tidy'], ['GET', 'mcp/tidy/status'], ['POST', 'sys/leases/revoke-prefix/mcp/creds/a'], ['LIST', 'sys/leases/lookup/mcp/creds/a']],
    mayNot: [['GET', 'secret/data/mcp/u'], ['POST', 'secret/data/mcp/u'], ['POST', 'secret/metadata/mcp/u'], ['POST', 'mcp/introspect'], ['POST', 'mcp/creds/a'], ['GET', 'mcp/creds/a'], ['GET', 'mcp/feed'], ['POST', 'sys/leases/revoke-prefix/secret'], ['POST', 'sys/leases/revoke-force/mcp/creds/a']],
  },
  'mcp-auditor': {
    may: [['GET', 'mcp/config'], ['LIST', 'mcp/upstreams'], ['GET', 'mcp/tools/u/t'], ['GET', 'mcp/policies/p'], ['LIST', 'mcp/agents'], ['GET', 'mcp/agents/a/scopes'], ['GET', 'mcp/sessions/s'], ['GET', 'mcp/tidy/status']],
    mayNot: [['POST', 'mcp/creds/a'], ['GET', 'mcp/creds/a'], ['POST', 'mcp/introspect'], ['POST', 'mcp/config'], ['POST', 'mcp/upstreams/u'], ['DELETE', 'mcp/agents/a'], ['DELETE', 'mcp/sessions/s'], ['POST', 'mcp/sessions/revoke-all'], ['POST', 'mcp/tidy'], ['GET', 'secret/data/mcp/u'], ['GET', 'secret/metadata/mcp/u']],
  },
  'mcp-service': {
    may: [['POST', 'mcp/creds/a'], ['GET', 'mcp/creds/a'], ['POST', 'mcp/creds/a/s'], ['DELETE', 'mcp/creds/a/s']],
    mayNot: [['POST', 'mcp/introspect'], ['GET', 'mcp/feed'], ['GET', 'mcp/agents/a'], ['POST', 'mcp/agents/a'], ['DELETE', 'mcp/sessions/s'], ['GET', 'secret/data/mcp/u']],
  },
  'mcp-agent': {
    // The embedded host has no identity entities, so the template of its paths stays empty: what it may is for a real Vault to show.
    may: [],
    mayNot: [['POST', 'mcp/creds/a'], ['POST', 'mcp/introspect'], ['GET', 'mcp/agents/a'], ['POST', 'mcp/agents/a'], ['GET', 'secret/data/mcp/u']],
  },
}

let deployment: Deployment
const clients = new Map<string, VaultClient>()

beforeAll(async () => {
  deployment = await deploy()
  for (const name of Object.keys(shipped)) {
    const policy = await readFile(new URL(`../../vault-config/policies/${name}.hcl`, import.meta.url), 'utf8')
    await deployment.root.write(`sys/policies/acl/${name}`, { policy })
    const { auth } = await deployment.root.write('auth/token/create', { policies: [name] })
    clients.set(name, deployment.root.withToken(auth!.client_token))
  }
})
afterAll(() => deployment.close())

/** 403, or how the request was met once it was let through: many name what does not exist. */
async function meets(name: string, [method, path]: Ask): Promise<'denied' | 'let through'> {
  const [bare = '', query] = path.split('?')
  const status = await clients.get(name)!.request(method, bare, { ...(method === 'POST' && { body: {} }), ...(query && { query: Object.fromEntries(new URLSearchParams(query)) }) })
    .then((answer) => answer.status, (error: unknown) => (error as { status?: number }).status ?? 0)
  expect(status).toBeGreaterThan(0)
  return status === 403 ? 'denied' : 'let through'
}

it('every shipped policy is tested', async () => {
  const files = await readdir(new URL('../../vault-config/policies', import.meta.url))
  expect(files.sort()).toEqual(Object.keys(shipped).map((name) => `${name}.hcl`).sort())
})

const asks = (which: 'may' | 'mayNot') => Object.entries(shipped).flatMap(([name, table]) => table[which].map(([method, path]) => [name, method, path] as const))

describe('allow', () => {
  it.each(asks('may'))('%s: %s %s', async (name, method, path) => { expect(await meets(name, [method, path])).toBe('let through') })
})

describe('deny', () => {
  it.each(asks('mayNot'))('%s: %s %s', async (name, method, path) => { expect(await meets(name, [method, path])).toBe('denied') })
})
