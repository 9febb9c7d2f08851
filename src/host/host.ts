import { createAuditLog, redactCredentials } from '../audit/index.ts'
import type { AuditLog } from '../audit/index.ts'
import type { Factory } from '../logical/backend.ts'
import type { Clock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import { getJson, prefixStorage, putJson } from '../logical/storage.ts'
import type { Storage } from '../logical/storage.ts'
import { AuditBroker } from './audit/broker.ts'
import { AuditDevices } from './audit/devices.ts'
import { approleFactory } from './approle/backend.ts'
import { Authorizer } from './auth/authorizer.ts'
import { PolicyStore } from './auth/policy-store.ts'
import { tokenFactory } from './auth/token-engine.ts'
import type { RenewalTerms } from './auth/services.ts'
import { rootPolicy } from './auth/token-record.ts'
import type { TokenRecord } from './auth/token-record.ts'
import { TokenRoleStore } from './auth/role-store.ts'
import { TokenStore } from './auth/token-store.ts'
import { identityFactory } from './identity/backend.ts'
import { EntityStore } from './identity/entity-store.ts'
import { jwtFactory } from './jwt/backend.ts'
import { kvFactory } from './kv/backend.ts'
import { answerCall, standingOf } from './http/api.ts'
import type { HostResponse, HostCall } from './http/call.ts'
import { listen } from './http/listener.ts'
import type { ListenConfig, Listener } from './http/listener.ts'
import { Monitors } from './monitor/monitors.ts'
import { Expiration } from './lease/expiration.ts'
import { sysFactory } from './sys/backend.ts'
import type { StorageType } from './sys/status.ts'
import { PluginCatalog } from './sys/plugin-catalog.ts'
import { Core } from './core/core.ts'
import { noteVersion } from './core/version-history.ts'
import type { InstalledVersion } from './core/version-history.ts'
import { Issuing } from './core/issuing.ts'
import { EngineCalls } from './core/engine-call.ts'
import { Wrapping } from './wrapping/wrapping.ts'
import { uuid } from './base/ids.ts'
import type { Random } from './base/ids.ts'
import { Mounts } from './base/mounts.ts'
import { Rollback } from './core/rollback.ts'
import { Router } from './base/router.ts'
import { systemDefaultLeaseTtl, systemMaxLeaseTtl } from './base/mount.ts'

export interface HostConfig {
  /** Everything the host keeps. One host per storage. */
  readonly storage: Storage
  /** What that is, as `sys/seal-status` names it; `inmem` unless given. */
  readonly storageType?: StorageType
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** What can be mounted in addition to `kv`, by mount type: `mcp`, … */
  readonly engines: Readonly<Record<string, Factory>>
  /** The root token's id; made if there is no such token yet. Without it a random one is made on the very first start. */
  readonly devRootTokenId?: string
  /** The Vault version clients are told; a plain semantic version. */
  readonly version?: string
  /** Enables a file audit device at this path, if none is enabled yet. */
  readonly auditPath?: string
  /** Opens the file of an audit device; a durable log of `src/audit` unless given. */
  readonly openAuditLog?: (filePath: string) => AuditLog
  /** Whether what belongs to the server, such as the gateway beside it, serves; `sys/health` answers 200 only then. */
  readonly ready?: () => boolean
}

export interface Host {
  /** A root token made by this start. */
  readonly rootToken?: string
  handle(call: HostCall): Promise<HostResponse>
  listen(options: Omit<ListenConfig, 'respond' | 'standing' | 'clock'>): Promise<Listener>
  /** Stops listeners and timers, lets the engines clean up. What was acknowledged is in the storage already. */
  close(): Promise<void>
}

export async function createHost(given: HostConfig): Promise<Host> {
  const monitors = new Monitors(given.clock)
  const config = { ...given, logger: monitors.logger(given.logger) }
  const versions = await noteVersion(prefixStorage(config.storage, 'core/'), config.clock, versionOf(config))
  const components = assemble(config, versions, monitors)
  const { mounts, tokens, leases, rollback, broker } = components
  const fresh = await startComponents(config, components)
  const rootToken = await makeRootToken(config, tokens, fresh)
  const api = {
    core: components.core,
    random: config.random,
    logger: config.logger,
    status: {
      clock: config.clock,
      version: versionOf(config),
      clusterId: await clusterId(config),
      storageType: config.storageType ?? 'inmem',
      ready: config.ready ?? (() => true),
    },
  }
  const listeners: Listener[] = []
  const handle = (call: HostCall): Promise<HostResponse> => answerCall(api, call)
  return {
    ...(rootToken !== undefined && { rootToken }),
    handle,
    async listen(options) {
      const listener = await listen({
        ...options,
        clock: config.clock,
        standing: (head) => standingOf(api, head),
        respond: handle,
      })
      listeners.push(listener)
      return listener
    },
    async close() {
      monitors.close()
      await Promise.all(listeners.map((listener) => listener.close()))
      rollback.stop()
      leases.close()
      tokens.close()
      await mounts.close()
      await broker.close()
    },
  }
}

/** In the order in which they need each other. True on the very first start. */
async function startComponents(config: HostConfig, components: ReturnType<typeof assemble>): Promise<boolean> {
  const { mounts, tokens, leases, policies, audits, rollback, wrapping, entities } = components
  await policies.start()
  await entities.start()
  await audits.start()
  const fresh = await mounts.start()
  // Engines first: what tokens and leases find ended is revoked at once. Leases next: tokens hand them their own.
  await leases.load()
  await tokens.start()
  await wrapping.start()
  leases.start()
  rollback.start()
  if (config.auditPath !== undefined && audits.all().length === 0) {
    await audits.enable({
      path: 'file/',
      type: 'file',
      description: '',
      local: false,
      options: { file_path: config.auditPath },
    })
  }
  return fresh
}

const defaults = { default_ttl: systemDefaultLeaseTtl, max_ttl: systemMaxLeaseTtl }

/** What keeps records of its own: audit devices, policies, tokens, leases, wrapped responses. */
function assembleStores(config: HostConfig, router: Router, calls: EngineCalls, monitors: Monitors) {
  const { storage, clock, random, logger } = config
  const at = (prefix: string): Storage => prefixStorage(storage, prefix)
  const broker = new AuditBroker(logger, () => clock.now())
  const audits = new AuditDevices({
    storage: at('core/'),
    broker,
    random,
    openLog: config.openAuditLog ?? ((path) => createAuditLog({ path, clock, logger, redact: redactCredentials })),
  })
  const policies = new PolicyStore(at('sys/policy/'), logger)
  const entities = new EntityStore(at('sys/identity/'), clock, random)
  const authorizer = new Authorizer(policies, entities)
  const tokens: TokenStore = new TokenStore({
    storage: at('sys/token/'),
    clock,
    random,
    logger,
    onEnded: (idHash) => {
      leases.ownerEnded(idHash)
      wrapping.forget(idHash)
      monitors.ownerEnded(idHash)
    },
  })
  const wrapping: Wrapping = new Wrapping({ storage: at('sys/wrapping/'), clock, logger, tokens })
  const leases: Expiration = new Expiration({
    storage: at('sys/expire/'),
    clock,
    random,
    logger,
    callEngine: (call) => calls.lease(call),
    limits: (path) => router.find(path)?.mount.limits() ?? defaults,
    ownerAlive: (owner) => tokens.findByHash(owner) !== undefined,
  })
  return { broker, audits, policies, authorizer, tokens, leases, wrapping, entities }
}

/** Builds the parts and ties the knots between them; nothing runs yet. */
function assemble(config: HostConfig, versions: readonly InstalledVersion[], monitors: Monitors) {
  const { storage, clock, random, logger } = config
  const router = new Router()
  const calls = new EngineCalls(router, clock)
  const rollback = new Rollback(clock, router, calls, logger)
  const stores = assembleStores(config, router, calls, monitors)
  const { broker, policies, authorizer, tokens, leases, wrapping, audits, entities } = stores
  const engines: Record<string, Factory> = { kv: kvFactory, ...config.engines }
  const mounts = new Mounts({
    storage,
    clock,
    random,
    logger,
    router,
    engines,
    authMethods: { approle: approleFactory, jwt: jwtFactory },
    rollback: (mount) => rollback.last(mount),
    revokeLeases: async (path) => {
      await tokens.endMadeBelow(path)
      await leases.revokeAllNow(path)
    },
  })
  engines.token = tokenFactory({
    clock,
    tokens,
    authorizer,
    entities,
    roles: new TokenRoleStore(prefixStorage(storage, 'sys/token-role/')),
    limits: () => router.at('auth/token/')?.limits() ?? defaults,
    renewalTerms: (record) => renewalTerms(router, calls, record),
  })
  engines.identity = identityFactory({ entities, router })
  engines.system = sysFactory({
    clock,
    logger,
    random,
    router,
    mounts,
    policies,
    authorizer,
    tokens,
    leases,
    audits,
    catalog: new PluginCatalog(prefixStorage(storage, 'sys/plugin-catalog/')),
    wrapping,
    monitors,
    versions: () => versions,
    version: versionOf(config),
  })
  const issuing = new Issuing({ tokens, leases, entities })
  const core = new Core({ clock, router, tokens, authorizer, issuing, audit: broker, wrapping })
  return { ...stores, rollback, mounts, core }
}

const versionOf = ({ version }: HostConfig): string => version ?? '1.19.0'

/** A token of a login is renewed as the method it came from says. */
async function renewalTerms(
  router: Router,
  calls: EngineCalls,
  { path, meta }: TokenRecord,
): Promise<RenewalTerms | undefined> {
  const mount = router.find(path)?.mount
  if (!mount || mount.entry.type === 'token') return undefined
  const response = await calls.renewLogin(path, meta ?? {})
  return response?.auth && { auth: response.auth, limits: mount.limits() }
}

async function makeRootToken(config: HostConfig, tokens: TokenStore, fresh: boolean): Promise<string | undefined> {
  const id = config.devRootTokenId
  if (id !== undefined ? tokens.find(id) !== undefined : !fresh) return id
  const { token } = await tokens.create({
    ...(id !== undefined && { id }),
    policies: [rootPolicy],
    path: 'auth/token/root',
    meta: null,
    display_name: 'root',
    num_uses: 0,
    parent: '',
    ttl: 0,
    explicit_max_ttl: 0,
    period: 0,
    renewable: false,
  })
  return token
}

async function clusterId({ storage, random }: HostConfig): Promise<string> {
  const core = prefixStorage(storage, 'core/')
  const known = await getJson<string>(core, 'cluster-id')
  if (known !== undefined) return known
  const made = uuid(random)
  await putJson(core, 'cluster-id', made)
  return made
}
