/**
 * `server -dev`: the embedded host in memory with the engine and KV mounted, and a gateway beside it that knows Vault only
 * through its HTTP API, under policies of its own. Loopback only.
 */
import { readFileSync } from 'node:fs'
import { redactCredentials } from '../audit/index.ts'
import type { AuditLogOptions, RecordLog } from '../audit/index.ts'
import type { Clock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import { MemoryStorage } from '../logical/storage.ts'
import { startGateway } from '../gateway/gateway.ts'
import type { Gateway, GatewayConfig } from '../gateway/gateway.ts'
import { createHost } from '../host/index.ts'
import type { Host } from '../host/index.ts'
import { mcpFactory } from '../mcp/backend.ts'
import { tokenDigest } from '../scope/index.ts'
import { createVaultClient } from '../vault-client/index.ts'
import type { VaultClient } from '../vault-client/index.ts'

export interface DevServerOptions {
  readonly rootTokenId?: string
  /** `host:port`; port 0 = a free one. */
  readonly listenAddress: string
  readonly grpcAddress: string
  readonly httpAddress: string
  readonly upstreamListeners: readonly { readonly upstream: string; readonly address: string }[]
  /** Decision and outcome records. */
  readonly auditPath: string
  /** Records of calls hold their paths, too. */
  readonly auditPaths?: boolean
  /** Opens an audit file, the gateway's and the host's alike; a durable log of `src/audit` unless given. */
  readonly openAuditLog?: ((options: AuditLogOptions & { readonly path: string }) => RecordLog) | undefined
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly logger: Logger
  /** What must be there before `sys/health` says 200; a failure ends the start. */
  readonly provision?: (server: DevServer) => Promise<void>
}

export interface DevServer {
  readonly host: Host
  readonly gateway: Gateway
  readonly vaultAddress: string
  readonly rootToken: string
  /** For MCP servers: may validate, call upstreams, and open sessions of any agent. */
  readonly serviceToken: string
  /** Vault under the root token. */
  readonly admin: VaultClient
  close(): Promise<void>
}

/**
 * Resolves once the gateway follows the feed and everything is provisioned; until then `sys/health` does not say 200. A start
 * that fails leaves nothing open: a process that has said why it cannot start must end.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const { clock, random, logger, openAuditLog: open } = options
  let ready = false
  const host = await createHost({
    storage: new MemoryStorage(),
    clock,
    random,
    logger,
    engines: { mcp: mcpFactory },
    ...(open && { openAuditLog: (path: string) => open({ path, clock, redact: redactCredentials }) }),
    ...(options.rootTokenId !== undefined && { devRootTokenId: options.rootTokenId }),
    ready: () => ready,
  })
  const toClose: { close(): Promise<void> }[] = [host]
  const close = async () => {
    for (const part of toClose.splice(0).reverse()) await part.close()
  }
  try {
    const { url } = await host.listen({ address: options.listenAddress })
    const rootToken = host.rootToken ?? ''
    const admin = createVaultClient({ address: url, token: rootToken, clock })
    toClose.push(admin)
    await mountEngines(admin)
    const serviceToken = `gst_dev_${Buffer.from(random(24)).toString('hex')}`
    const gateway = await startGateway(await gatewayConfig(options, url, admin, serviceToken))
    toClose.push(gateway)
    await gateway.ready
    const server: DevServer = { host, gateway, vaultAddress: url, rootToken, serviceToken, admin, close }
    await options.provision?.(server)
    ready = true
    return server
  } catch (error) {
    await close()
    throw error
  }
}

async function gatewayConfig(
  options: DevServerOptions,
  vaultAddress: string,
  admin: VaultClient,
  serviceToken: string,
): Promise<GatewayConfig> {
  const { grpcAddress, httpAddress, upstreamListeners, auditPath, openAuditLog, clock, random, logger } = options
  return {
    vault: { address: vaultAddress, token: await tokenFor(admin, 'mcp-gateway'), mount: 'mcp' },
    grpcAddress,
    httpAddress,
    upstreamListeners,
    auditPath,
    auditPaths: options.auditPaths,
    ...(openAuditLog && { openAuditLog: (path: string) => openAuditLog({ path, clock }) }),
    serviceTokens: [
      {
        name: 'dev',
        sha256: tokenDigest(serviceToken),
        vaultToken: await tokenFor(admin, 'mcp-service'),
        agents: ['*'],
      },
    ],
    clock,
    random,
    logger,
  }
}

async function mountEngines(admin: VaultClient): Promise<void> {
  await admin.write('sys/mounts/secret', {
    type: 'kv',
    description: 'keys and values, version 2',
    options: { version: '2' },
  })
  await admin.write('sys/mounts/mcp', { type: 'mcp', description: 'phantom tokens for MCP agents' })
}

/** A token under one of the shipped policies (vault-config/policies), renewed by its holder. */
async function tokenFor(admin: VaultClient, policy: string): Promise<string> {
  const text = readFileSync(new URL(`../../vault-config/policies/${policy}.hcl`, import.meta.url), 'utf8')
  await admin.write(`sys/policies/acl/${policy}`, { policy: text })
  const response = await admin.write('auth/token/create', {
    policies: [policy],
    no_default_policy: false,
    period: '1h',
    display_name: policy,
  })
  return response.auth?.client_token ?? ''
}
