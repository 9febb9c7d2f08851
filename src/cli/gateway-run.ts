import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pino } from 'pino'
import { startGateway } from '../gateway/gateway.ts'
import type { Gateway, GatewayConfig, ServiceTokenConfig } from '../gateway/gateway.ts'
import { hardenProcess, tuneCollector } from '../gateway/process.ts'
import { rehearse } from '../gateway/rehearse.ts'
import type { Logger } from '../logical/log.ts'
import { readConfigFile } from './config-file.ts'
import { addressOf, gatewayConfig } from './gateway-config.ts'
import type { GatewayFile } from './gateway-config.ts'
import { vaultLogin } from './gateway-login.ts'
import type { LoginSettings } from './gateway-login.ts'
import type { Io } from './io.ts'
import { jsonLimitsOf } from './settings.ts'
import { AuditFiles, readTls, startFailure, untilAborted } from './service.ts'
import type { CertificateFiles } from './service.ts'
import { packageVersion } from './version.ts'

const DRAIN_MS = 10_000
const random = (bytes: number): Uint8Array => randomBytes(bytes)

/** `mcp-vault gateway -config=<file>`: a gateway that knows Vault only through its HTTP API, until it is told to stop. */
export async function runGateway(io: Io, file: string): Promise<number> {
  const config = await readConfigFile(io, file, gatewayConfig)
  const logger = pino({ level: config.log_level }, pino.destination({ fd: 2, sync: true }))
  hardenProcess(process)
  tuneCollector()
  const audits = new AuditFiles(logger)
  try {
    const settings = await settingsOf(io, config, audits, logger)
    if (config.rehearsal) await rehearse(settings, { signal: io.signal })
    const gateway = await startGateway(settings).catch(startFailure('The gateway cannot start'))
    try {
      io.stdout(banner(config, gateway))
      void gateway.ready.then(() => {
        logger.info({ vault: addressOf(config.vault) }, 'in contact with Vault')
      })
      await untilAborted(io)
      await gateway.drain(DRAIN_MS)
      return 0
    } finally {
      await gateway.close()
    }
  } finally {
    audits.stop()
  }
}

async function settingsOf(io: Io, config: GatewayFile, audits: AuditFiles, logger: Logger): Promise<GatewayConfig> {
  const { clock } = io
  const {
    vault,
    listener: { http, grpc },
    upstream_listener,
    service_token,
    upstream_ca_file: upstreamCa,
  } = config
  const place = {
    address: addressOf(vault),
    ...(vault.namespace !== undefined && { namespace: vault.namespace }),
    ...(vault.ca_file !== undefined && { caFile: vault.ca_file }),
  }
  const login = (settings: LoginSettings) => vaultLogin({ ...place, clock }, settings)
  const services = Object.entries(service_token).map(
    async ([
      name,
      { sha256, agents, vault_token_file: token_file, vault_approle: approle },
    ]): Promise<ServiceTokenConfig> => ({
      name,
      sha256,
      agents,
      ...((token_file !== undefined || approle !== undefined) && { vaultLogin: await login({ token_file, approle }) }),
    }),
  )
  const upstreams = Object.entries(upstream_listener).map(async ([upstream, { address, ...tls }]) => ({
    upstream,
    address,
    ...(await tlsOf('tls', tls)),
  }))
  return {
    vault: { ...place, mount: vault.mount, login: await login(vault) },
    httpAddress: http?.address ?? '127.0.0.1:8251',
    ...(await tlsOf('httpTls', http ?? {})),
    ...(http && { httpJson: jsonLimitsOf(http), httpCheck: checkOf(http) }),
    grpcAddress: grpc?.address ?? '127.0.0.1:8250',
    ...(await tlsOf('grpcTls', grpc ?? {})),
    upstreamListeners: await Promise.all(upstreams),
    allowedHosts: config.allowed_hosts,
    auditPath: resolve(config.audit_path),
    auditPaths: config.audit_paths,
    openAuditLog: (path) => audits.log({ path, clock }),
    serviceTokens: await Promise.all(services),
    requireKeyConsent: config.require_key_consent,
    consentUpstreams: config.consent_upstreams,
    maxStaleness: definedOf(config.max_staleness),
    limits: definedOf(config.limits),
    ...(upstreamCa !== undefined && {
      upstreamCa: await readFile(upstreamCa, 'utf8').catch(
        startFailure(`The upstream_ca_file ${upstreamCa} cannot be read`),
      ),
    }),
    clock,
    random,
    logger,
  }
}

const checkOf = ({
  check_open: open,
  check_scope_header: scopeHeader,
}: NonNullable<GatewayFile['listener']['http']>) => ({
  open,
  scopeHeader,
})

/** The files of a listener that has some, after a look at them: a start should fail for a wrong file, with a sentence. */
async function tlsOf<K extends string>(
  name: K,
  files: CertificateFiles,
): Promise<Partial<Record<K, { certFile: string; keyFile: string }>>> {
  if (!(await readTls(files))) return {}
  return { [name]: { certFile: files.tls_cert_file, keyFile: files.tls_key_file } } as Record<
    K,
    { certFile: string; keyFile: string }
  >
}

const definedOf = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }

function banner(config: GatewayFile, gateway: Gateway): string {
  const lines = [
    `==> mcp-vault ${packageVersion()}, gateway of ${[addressOf(config.vault)].flat().join(', ')}, mount ${config.vault.mount}/`,
    `    HTTP          ${gateway.httpUrl}`,
    `    gRPC          ${gateway.grpcAddress ?? ''}`,
    ...Object.entries(gateway.upstreamUrls).map(([upstream, url]) => `    Upstream      ${upstream} at ${url}`),
    `    Audit         ${resolve(config.audit_path)}`,
    ...(config.require_key_consent
      ? []
      : ["    WARNING       require_key_consent is false: keys are used without their owners' consent"]),
    ...(config.consent_upstreams === 'warn'
      ? ['    WARNING       consent_upstreams is "warn": run mcp-vault consent migrate, then remove it']
      : []),
  ]
  return `${lines.join('\n')}\n`
}
