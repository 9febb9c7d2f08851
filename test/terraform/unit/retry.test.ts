/** A server that is not able to answer at the moment, and one that never is. */
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/logical/clock.ts'
import { systemClock } from '../../../src/logical/clock.ts'
import type { ValueObject } from '../../../src/terraform/protocol/value.ts'
import { TerraformCore } from './terraform-core.ts'

interface ScriptedResponse {
  readonly status: number
  readonly body?: object
  /** Called when it is asked for; it is given once that is done. */
  readonly before?: () => Promise<unknown>
}
interface RecordedRequest {
  readonly method: string
  readonly path: string
  readonly token: string
  readonly namespace: string
}

let server: Server | undefined
let core: TerraformCore | undefined

afterEach(async () => {
  await core?.close()
  server?.closeAllConnections()
  server?.close()
})

/** Pauses of up to three seconds pass at once and are noted; deadlines never come. */
function hurried(pauses: number[]): Clock {
  return {
    ...systemClock,
    after(ms, callback) {
      if (ms > 3_000 || ms < 1_000) return () => undefined
      pauses.push(ms)
      const timer = setImmediate(callback)
      return () => {
        clearImmediate(timer)
      }
    },
  }
}

/** The responses to anything but the login and the farewell, in turn; the last one again and again. */
async function serve(responses: readonly ScriptedResponse[], config: ValueObject = {}) {
  const requests: RecordedRequest[] = []
  const pauses: number[] = []
  const left = [...responses]
  server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    const path = url.replace('/v1/', '')
    request.resume()
    const known: ScriptedResponse | undefined =
      path === 'auth/token/create'
        ? { status: 200, body: { auth: { client_token: 'hvs.child', lease_duration: 1200, renewable: false } } }
        : path === 'auth/token/revoke-self'
          ? { status: 204 }
          : undefined
    if (!known)
      requests.push({
        method,
        path,
        token: String(headers['x-vault-token']),
        namespace: String(headers['x-vault-namespace']),
      })
    const { status, body, before } = known ?? (left.length > 1 ? left.shift() : left[0]) ?? { status: 500 }
    void (before?.() ?? Promise.resolve()).then(() =>
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(body ? JSON.stringify(body) : ''),
    )
  })
  await new Promise<void>((resolve) => {
    server!.listen(0, '127.0.0.1', resolve)
  })
  core = await TerraformCore.start(
    {
      VAULT_ADDR: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
      VAULT_TOKEN: 'hvs.given',
      VAULT_NAMESPACE: 'team-a',
    },
    hurried(pauses),
  )
  expect(await core.configure(config)).toEqual([])
  return { asked: requests, pauses, terraform: core }
}

const busy = (status: number): ScriptedResponse => ({ status, body: { errors: ['try later'] } })
const list: ScriptedResponse = { status: 200, body: { data: { keys: ['b', 'a'] } } }

describe('a request', () => {
  it.each([412, 429, 500, 502, 503])(
    'answered with %i is sent again, twice, after a pause that grows',
    async (status) => {
      const { asked: requests, pauses, terraform } = await serve([busy(status), busy(status), list])
      expect((await terraform.data('mcp_agents', {})).state).toEqual({ names: ['a', 'b'] })
      expect(requests).toHaveLength(3)
      expect(pauses).toEqual([1000, 1500])
    },
  )

  it('is given up after that, with what the server said', async () => {
    const { asked: requests, terraform } = await serve([busy(503)])
    expect((await terraform.data('mcp_agents', {})).diagnostics).toMatchObject([
      {
        severity: 'error',
        summary: 'The server could not answer LIST mcp/agents',
        detail: expect.stringContaining('try later') as string,
      },
    ])
    expect(requests).toHaveLength(3)
  })

  it.each([400, 403, 404, 405])('answered with %i is not', async (status) => {
    const { asked: requests, terraform } = await serve([busy(status)])
    await terraform.importState('mcp_agent', 'a')
    expect(requests.filter(({ path }) => path === 'mcp/agents/a')).toHaveLength(1)
  })

  it('is sent as often as max_retries says', async () => {
    const { asked: requests, terraform } = await serve([busy(500)], { max_retries: 0 })
    await terraform.data('mcp_agents', {})
    expect(requests).toHaveLength(1)
  })

  it('that issues a token is sent again only where the server did nothing', async () => {
    for (const [status, times] of [
      [500, 1],
      [502, 1],
      [429, 3],
      [503, 3],
    ] as const) {
      const { asked: requests, terraform } = await serve([busy(status)])
      await terraform.open({ agent: 'a' })
      expect([status, requests.filter(({ path }) => path === 'mcp/creds/a').length]).toEqual([status, times])
      await terraform.close()
    }
    core = undefined
  })

  it('carries the child token and the namespace', async () => {
    const { asked: requests, terraform } = await serve([list])
    await terraform.data('mcp_agents', {})
    expect(requests).toEqual([{ method: 'GET', path: 'mcp/agents?list=true', token: 'hvs.child', namespace: 'team-a' }])
  })

  it('is not sent again once Terraform was interrupted', async () => {
    const { asked: requests, terraform } = await serve([busy(503)])
    await terraform.call('StopProvider', {})
    await terraform.data('mcp_agents', {})
    expect(requests).toHaveLength(1)
  })
})

describe('a token', () => {
  it('that is issued while the user interrupts is taken back, though Terraform will not ask for it', async () => {
    const issued: ScriptedResponse = {
      status: 200,
      body: {
        lease_id: 'mcp/creds/a/1',
        lease_duration: 900,
        renewable: false,
        data: { session_id: 'sess_1', token: 'svt_x' },
      },
      // The interrupt has been dealt with before the token arrives.
      before: () => core!.call('StopProvider', {}),
    }
    const { asked: requests, terraform } = await serve([issued, { status: 204 }])
    await terraform.open({ agent: 'a' })
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST mcp/creds/a',
      'PUT sys/leases/revoke',
    ])
  })
})

describe('something that is not a Vault', () => {
  const state = {
    name: 'a',
    owner: 'o',
    environment: 'production',
    description: '',
    policies: null,
    disabled: false,
    id: 'mcp/agents/a',
  }

  it.each<[string, ScriptedResponse]>([
    ['an empty 200', { status: 200 }],
    ['an empty 204', { status: 204 }],
    ['JSON of its own', { status: 200, body: { hello: 'world' } }],
    ['a 404 of its own', { status: 404, body: { message: 'nothing here' } }],
  ])('that answers %s changes nothing in the state', async (_name, response) => {
    const { terraform } = await serve([response], { max_retries: 0 })
    const read = await terraform.refresh('mcp_agent', state)
    expect(read.state).toEqual(state)
    expect(read.diagnostics.map(({ severity }) => severity)).toEqual(['error'])
  })

  it.each<[string, string, object]>([
    ['text for a number', 'timeout', { timeout: 'soon' }],
    ['an object for text', 'url', { url: { a: 1 } }],
    ['text for a truth', 'allow_private_addresses', { allow_private_addresses: 'false' }],
    ['a list for an object', 'headers', { headers: ['a'] }],
  ])('that answers %s changes nothing in the state, and says where', async (_name, field, data) => {
    const { terraform } = await serve([{ status: 200, body: { data } }], { max_retries: 0 })
    const state = {
      ...Object.fromEntries(
        terraform.schemas.resource_schemas.mcp_upstream!.block.attributes.map(({ name }) => [name, null]),
      ),
      name: 'a',
      url: 'https://a.example',
      id: 'mcp/upstreams/a',
    }
    const read = await terraform.refresh('mcp_upstream', state)
    expect(read.state).toEqual(state)
    expect(read.diagnostics).toMatchObject([
      { severity: 'error', summary: expect.stringContaining(`response for ${field}`) as string },
    ])
  })

  it('that answers operations nobody can read changes nothing in the state', async () => {
    const { terraform } = await serve([{ status: 200, body: { data: { operations: [{ method: 5 }] } } }], {
      max_retries: 0,
    })
    const state = {
      ...Object.fromEntries(
        terraform.schemas.resource_schemas.mcp_tool!.block.attributes.map(({ name }) => [name, null]),
      ),
      upstream: 'a',
      name: 'b',
      id: 'mcp/tools/a/b',
    }
    expect(await terraform.refresh('mcp_tool', state)).toMatchObject({
      state,
      diagnostics: [{ severity: 'error', summary: expect.stringContaining('response for operations') as string }],
    })
  })

  it.each<[string, object]>([
    ['no data', {}],
    ['no token', { data: { session_id: 'sess_1' } }],
    ['a token that is none', { data: { token: 5 } }],
  ])('that answers a request for a credential with %s lends nothing', async (_name, body) => {
    const { terraform } = await serve([{ status: 200, body }], { max_retries: 0 })
    expect(await terraform.open({ agent: 'a' })).toMatchObject({
      state: null,
      diagnostics: [{ severity: 'error', summary: 'The response of mcp/creds/a holds no token' }],
    })
  })

  it('that fails a write creates nothing', async () => {
    const { terraform } = await serve([busy(502)], { max_retries: 0 })
    const made = await terraform.apply('mcp_agent', null, { name: 'a', owner: 'o', environment: 'production' })
    expect(made.state).toBeNull()
    expect(made.diagnostics.map(({ summary }) => summary)).toEqual(['The server could not answer POST mcp/agents/a'])
  })
})
