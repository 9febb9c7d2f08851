// What is attacked: the built server and the built gateway as processes of their own, an upstream, and two agents that use it.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { request } from 'undici'
import { startDurable, startGateway } from '../bench/stage.mjs'

const SENSITIVE = { destination: [] }
const policy = `path "tools/shop/refunds" {
  capabilities = ["create"]
  denied_parameters = ${JSON.stringify(SENSITIVE).replaceAll(':', ' = ')}
}`
const agents = {
  honest: { scopes: ['read:shop:things'] },
  greedy: { scopes: ['read:shop:things', 'read:shop:stream', 'read:shop:page', 'read:shop:endless'] },
  refunder: { policies: ['refunds'] },
}

/** `pids` are those of the server and the gateway; `lines` reads an audit log. */
export async function startStage(processes) {
  const [upstreamUrl] = await processes.start([resolve(import.meta.dirname, 'upstream.mjs')], /upstream (\S+)/)
  const before = processes.pids().length
  const durable = await startDurable(processes)
  const gatewayUrl = await startGateway(processes, durable, 'gateway')
  const [server, gateway] = processes.pids().slice(before)
  await provision(durable.vault, upstreamUrl)
  const lines = (file) => readFileSync(join(processes.folder, file), 'utf8').trimEnd().split('\n')
  return {
    ...durable,
    gatewayUrl,
    pids: { server, gateway },
    send: (method, path, body) => statusOf(durable, method, path, body),
    serverLines: () => lines('data/audit.jsonl'),
    gatewayLines: () => lines('gateway.jsonl'),
  }
}

/** Under the root token; answers the status. */
async function statusOf({ url, rootToken }, method, path, body) {
  const headers = { 'x-vault-token': rootToken, 'content-type': 'application/json' }
  const response = await request(url + path, { method, headers, body: body && JSON.stringify(body) })
  await response.body.dump()
  return response.statusCode
}

async function provision(vault, url) {
  const documents = {
    'secret/data/mcp/shop': { data: { api_key: 'not-a-real-key-of-any-upstream' } },
    'secret/metadata/mcp/shop': { custom_metadata: { mcp_origins: url } },
    'mcp/upstreams/shop': { url, allow_private_addresses: true },
    'mcp/tools/shop/things': { operations: ['GET /things'] },
    'mcp/tools/shop/stream': { operations: ['GET /stream'] },
    'mcp/tools/shop/page': { operations: ['GET /page/{name}'], fields: ['id', '[]', '[].id'] },
    'mcp/tools/shop/endless': { operations: ['GET /endless'], fields: ['id'] },
    'mcp/tools/shop/refunds': { operations: ['POST /refunds'] },
    'mcp/policies/refunds': { policy },
  }
  for (const [path, document] of Object.entries(documents)) await vault('POST', `/v1/${path}`, document)
  for (const [name, { scopes, policies }] of Object.entries(agents)) {
    await vault('POST', `/v1/mcp/agents/${name}`, {
      owner: 'hostile',
      environment: 'test',
      ...(policies && { policies }),
    })
    if (scopes) await vault('POST', `/v1/mcp/agents/${name}/scopes`, { scopes })
  }
}

/** A new session of an agent: its token, and what ends it. */
export async function openSession(vault, agent) {
  const { lease_id, data } = await vault('POST', `/v1/mcp/creds/${agent}`, { purpose: 'hostile' })
  return { leaseId: lease_id, sessionId: data.session_id, token: data.token }
}
