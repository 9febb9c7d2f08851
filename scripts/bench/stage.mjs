// What is measured: the built product, started as its users start it, and provisioned through its API.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..', '..')
const main = join(root, 'dist/cli/main.js')
export const AGENT = 'bench'
export const SCOPES = ['read:bench:things', 'read:bench:stream']

export const vaultClient = ({ client }, url, token, connections) =>
  client(url, { 'x-vault-token': token, 'content-type': 'application/json' }, connections)

function writeConfig({ folder }, name, config) {
  const path = join(folder, `${name}.json`)
  writeFileSync(path, JSON.stringify(config))
  return `-config=${path}`
}

export async function startBare({ start }, ...recordingTo) {
  const [url, grpcAddress] = await start(
    [resolve(import.meta.dirname, 'bare-server.mjs'), ...recordingTo],
    /bare (\S+) (\S+)/,
  )
  return { url, grpcAddress }
}

/** In memory, with a gateway in the same process: `server -dev`. */
export async function startDev(processes) {
  const addresses = [
    '-dev-listen-address=127.0.0.1:0',
    '-gateway-grpc-address=127.0.0.1:0',
    '-gateway-http-address=127.0.0.1:0',
  ]
  const printed = /Vault API\s+(\S+)[\s\S]*gRPC (\S+)\s+HTTP (\S+)[\s\S]*MCP servers: (\S+)/
  const [url, grpcAddress, gatewayUrl, serviceToken] = await processes.start(
    [main, 'server', '-dev', '-dev-root-token-id=root', ...addresses],
    printed,
  )
  return { url, vault: vaultClient(processes, url, 'root'), grpcAddress, gatewayUrl, serviceToken }
}

/** On an encrypted store on disk, every acknowledged write synced: `server -config`. */
export async function startDurable(processes) {
  const config = writeConfig(processes, 'server', {
    storage: { level: { path: join(processes.folder, 'data'), key_file: join(processes.folder, 'store.key') } },
    listener: { tcp: { address: '127.0.0.1:0' } },
    log_level: 'warn',
  })
  const [url, tokenFile] = await processes.start(
    [main, 'server', config],
    /Vault API\s+(\S+)[\s\S]*Root token\s+in (\S+),/,
  )
  const rootToken = readFileSync(tokenFile, 'utf8').trim()
  const vault = vaultClient(processes, url, rootToken)
  await vault('POST', '/v1/sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  await vault('POST', '/v1/sys/mounts/mcp', { type: 'mcp' })
  return { vault, url, rootToken }
}

/** A process of its own beside a durable server: `gateway -config`. Returns its URL once it follows the feed. */
export const startGateway = async (processes, server, name) => (await startGatewayWith(processes, server, name)).url

/** The same with `settings` of its own, under Node options; returns where it listens for both, and what else it says at the start. */
export async function startGatewayWith(processes, { vault, url: address, namespace }, name, own = {}) {
  const { settings = {}, nodeOptions = [] } = own
  const policy = readFileSync(join(root, 'vault-config/policies/mcp-gateway.hcl'), 'utf8')
  await vault('POST', '/v1/sys/policies/acl/mcp-gateway', { policy })
  const { auth } = await vault('POST', '/v1/auth/token/create', { policies: ['mcp-gateway'], period: '1h' })
  const tokenFile = join(processes.folder, `${name}.token`)
  writeFileSync(tokenFile, auth.client_token, { mode: 0o600 })
  const config = writeConfig(processes, name, {
    vault: { address, token_file: tokenFile, ...(namespace !== undefined && { namespace }) },
    listener: { http: { address: '127.0.0.1:0' }, grpc: { address: '127.0.0.1:0' } },
    audit_path: join(processes.folder, `${name}.jsonl`),
    log_level: 'info',
    ...settings,
  })
  const printed = /HTTP\s+(\S+)\s+gRPC\s+(\S+)([\s\S]*)in contact with Vault/
  const [url, grpcAddress, banner] = await processes.start([...nodeOptions, main, 'gateway', config], printed)
  return { url, grpcAddress, banner }
}

/** Upstream `bench` with its key and consent, its tools, and one agent that may use them. */
export async function provision(vault, upstreamUrl) {
  const documents = {
    'secret/data/mcp/bench': { data: { api_key: 'not-a-real-key-of-any-upstream' } },
    'secret/metadata/mcp/bench': { custom_metadata: { mcp_origins: upstreamUrl } },
    'mcp/upstreams/bench': { url: upstreamUrl, allow_private_addresses: true },
    'mcp/tools/bench/things': { operations: ['GET /things'] },
    'mcp/tools/bench/stream': { operations: ['GET /stream'] },
    [`mcp/agents/${AGENT}`]: { owner: 'bench', environment: 'test' },
    [`mcp/agents/${AGENT}/scopes`]: { scopes: SCOPES },
  }
  for (const [path, document] of Object.entries(documents)) await vault('POST', `/v1/${path}`, document)
}

/** Opens a session; answers Vault's whole envelope. */
export const issue = (vault) => vault('POST', `/v1/mcp/creds/${AGENT}`, { purpose: 'bench' })
