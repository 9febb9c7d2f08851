import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pino } from 'pino'
import { redactCredentials } from '../audit/index.ts'
import { hardenProcess, tuneCollector } from '../gateway/process.ts'
import { createHost } from '../host/index.ts'
import type { Host } from '../host/index.ts'
import { openEncryptedStorage } from '../host/physical/encrypted.ts'
import { openLevelStorage } from '../host/physical/level.ts'
import type { DurableStorage } from '../host/physical/level.ts'
import { STORE_KEY_VARIABLE, loadStoreKey } from '../host/physical/store-key.ts'
import type { Logger } from '../logical/log.ts'
import type { Storage } from '../logical/storage.ts'
import { mcpFactory } from '../mcp/backend.ts'
import { readConfigFile } from './config-file.ts'
import type { Io } from './io.ts'
import { firstRootToken } from './root-token.ts'
import { serverConfig } from './server-config.ts'
import type { ServerConfig } from './server-config.ts'
import { jsonLimitsOf } from './settings.ts'
import { AuditFiles, readTls, startFailure, untilAborted } from './service.ts'
import { packageVersion } from './version.ts'

const random = (bytes: number): Uint8Array => randomBytes(bytes)

/** `mcp-vault server -config=<file>`: the embedded host on a store of its own, until it is told to stop. */
export async function serveConfigured(io: Io, file: string): Promise<number> {
  const config = await readConfigFile(io, file, serverConfig)
  const logger = pino({ level: config.log_level }, pino.destination({ fd: 2, sync: true }))
  const data = resolve(config.storage.level.path)
  await mkdir(data, { recursive: true, mode: 0o700 }).catch(startFailure(`The directory ${data} cannot be created`))
  const level = await openLevelStorage(join(data, 'store'))
  try {
    const storage = await openSealed(level, config, io)
    // After the store key has been read; what is started from here on inherits neither that nor anything else of Vault's.
    hardenProcess(process)
    tuneCollector()
    return await serve({ io, config, data, storage, logger })
  } finally {
    await level.close()
  }
}

async function openSealed(level: DurableStorage, config: ServerConfig, io: Io): Promise<Storage> {
  const { key_file } = config.storage.level
  const isNew = (await level.list('', { limit: 1 })).length === 0
  const key = await loadStoreKey({
    // Taken out of the real environment, which `io.env` is.
    environment: io.env,
    // A key made for a store that has one already could only be the wrong one.
    create: isNew,
    random,
    ...(key_file === undefined ? {} : { file: resolve(key_file) }),
  })
  return openEncryptedStorage({ inner: level, key, random })
}

interface ServeOptions {
  readonly io: Io
  readonly config: ServerConfig
  readonly data: string
  readonly storage: Storage
  readonly logger: Logger
}

async function serve(options: ServeOptions): Promise<number> {
  const { io, config, data, storage, logger } = options
  const tls = await readTls(config.listener.tcp)
  const rootTokenFile = resolve(config.root_token_file ?? join(data, 'root-token'))
  const root = await firstRootToken(storage, rootTokenFile, random)
  const audits = new AuditFiles(logger)
  const auditPath = resolve(config.audit_path ?? join(data, 'audit.jsonl'))
  let host: Host | undefined
  try {
    host = await createHost({
      storage,
      storageType: 'level',
      random,
      logger,
      auditPath,
      clock: io.clock,
      engines: { mcp: mcpFactory },
      openAuditLog: (path) => audits.log({ path, clock: io.clock, redact: redactCredentials }),
      ...(root && { devRootTokenId: root.id }),
    })
    await root?.made()
    if (!audits.paths.includes(auditPath))
      logger.warn(
        { audit_path: auditPath, devices: audits.paths },
        "audit_path is not where this store's audit devices write; to change them: mcp-vault audit enable, mcp-vault audit disable",
      )
    const { address, max_request_size: maxRequestSize } = config.listener.tcp
    const { url } = await host
      .listen({
        address,
        allowedHosts: config.allowed_hosts,
        json: jsonLimitsOf(config.listener.tcp),
        ...(maxRequestSize !== undefined && { maxRequestSize }),
        ...(tls && { tls }),
      })
      .catch(startFailure(`The server cannot listen on ${address}`))
    io.stdout(banner(options, url, audits.paths, root && rootTokenFile))
    await untilAborted(io)
    return 0
  } finally {
    audits.stop()
    await host?.close()
  }
}

function banner(
  { data, config }: ServeOptions,
  url: string,
  auditPaths: readonly string[],
  rootTokenFile: string | undefined,
): string {
  const key = config.storage.level.key_file
  const lines = [
    `==> mcp-vault ${packageVersion()}, one node, unsealed.`,
    `    Vault API     ${url}`,
    `    Store         ${join(data, 'store')}, encrypted; key from ${key === undefined ? STORE_KEY_VARIABLE : resolve(key)}`,
    `    Audit         ${auditPaths.join(', ')}`,
    ...(rootTokenFile === undefined
      ? []
      : [
          `    Root token    in ${rootTokenFile}, readable by you alone. Set up policies with it, then revoke it and remove the file:`,
          `      export VAULT_ADDR=${url} VAULT_TOKEN=$(cat ${rootTokenFile})`,
          '      mcp-vault secrets enable mcp',
        ]),
  ]
  return `${lines.join('\n')}\n`
}
