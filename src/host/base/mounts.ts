import type { BackendConfig, Factory } from '../../logical/backend.ts'
import type { Clock } from '../../logical/clock.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import { collectKeys, prefixStorage } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { uuid } from './ids.ts'
import type { Random } from './ids.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import { Mount, checkTtls, isAuthPath, untuned } from './mount.ts'
import type { MountConfig, MountEntry } from './mount.ts'
import { loadMounts, saveMounts } from './mount-table.ts'
import type { Router } from './router.ts'

export interface MountsConfig {
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly router: Router
  /** By mount type; `system` and `token` are the host's own. */
  readonly engines: Readonly<Record<string, Factory>>
  /** Those that are mounted below `auth/`. */
  readonly authMethods: Readonly<Record<string, Factory>>
  /** The last tick of a mount that is going. */
  readonly rollback: (mount: Mount) => Promise<void>
  /** Revokes every lease of a mount, or rejects with the first failure. */
  readonly revokeLeases: (path: string) => Promise<void>
}

export interface MountRequest {
  readonly path: string
  readonly type: string
  readonly description: string
  readonly config: Partial<MountConfig>
  readonly options: Readonly<Record<string, string>> | null
  readonly local: boolean
  readonly seal_wrap: boolean
  readonly external_entropy_access: boolean
}

/** What `tune` may change; an absent member stays as it is. */
export interface MountChanges {
  readonly config?: Partial<MountConfig>
  readonly description?: string
  readonly options?: Readonly<Record<string, string>>
}

/** Mounts of the server itself. */
const own = { 'sys/': 'system', 'auth/token/': 'token', 'identity/': 'identity' }
const builtIn = new Set(Object.values(own))
const reserved = ['sys/', 'audit/', 'identity/', 'cubbyhole/']
const pathPattern = /^(?:[A-Za-z0-9_.~-]+\/)+$/

/** Mounts come, change and go here. One change at a time; each is durable before it takes effect for clients. */
export class Mounts {
  readonly #config: MountsConfig
  readonly #lock = new KeyedLock()

  constructor(config: MountsConfig) {
    this.#config = config
  }

  /** Brings up what is stored. An engine that does not start is logged and answers 503; the others serve. True on first start. */
  async start(): Promise<boolean> {
    const { storage, router, logger } = this.#config
    const stored = await loadMounts(prefixStorage(storage, 'core/'))
    // Older versions had no identity store.
    const missing = Object.entries(own).filter(([path]) => !stored?.some((entry) => entry.path === path))
    const entries = [...(stored ?? []), ...missing.map(([path, type]) => this.#entry(path, type))]
    if (missing.length > 0) await saveMounts(prefixStorage(storage, 'core/'), entries)
    for (const entry of entries) {
      const mount = this.#mount(entry)
      router.add(mount)
      try {
        await this.#build(mount)
      } catch (cause) {
        if (builtIn.has(entry.type)) throw cause
        logger.error({ cause, mount: entry.path }, 'engine did not start; its paths answer 503')
      }
    }
    return stored === undefined
  }

  /** Names of the auth methods that can be enabled, sorted; the token store is always there. */
  authTypes(): string[] {
    return Object.keys(this.#config.authMethods).sort()
  }

  /** Names of the secrets engines that can be mounted, sorted. */
  types(): string[] {
    return Object.keys(this.#config.engines)
      .filter((type) => !builtIn.has(type))
      .sort()
  }

  /** Below `auth/` an auth method is mounted, elsewhere a secrets engine. */
  enable(request: MountRequest): Promise<void> {
    return this.#change(async () => {
      this.#checkPath(request.path)
      const types = isAuthPath(request.path) ? this.authTypes() : this.types()
      if (!types.includes(request.type)) {
        throw badRequest(
          `plugin not found in the catalog: ${request.type || '(no type)'}; type is one of ${types.join(', ')}, for example type=${types[0] ?? 'kv'}.`,
        )
      }
      const config = checkTtls({ ...untuned, ...request.config })
      const mount = this.#mount({ ...this.#entry(request.path, request.type), ...request, config })
      await this.#build(mount)
      try {
        await this.#save([...this.#entries(), mount.entry])
      } catch (cause) {
        await mount.backend?.cleanup()
        throw cause
      }
      this.#config.router.add(mount)
    })
  }

  /**
   * Taint, wait for running requests, last rollback, revoke every lease, clean up, delete the storage, forget. A failing revoke
   * stops it and leaves the mount tainted, so that disabling can be tried again. Disabling what is not there succeeds.
   */
  disable(path: string): Promise<void> {
    const untaint = this.#own(path)?.taint()
    return this.#change(async () => {
      const mount = this.#own(path)
      if (!mount) return
      await this.#drain(mount, untaint)
      await mount.backend?.cleanup()
      for (const key of await collectKeys(mount.storage, '')) await mount.storage.delete(key)
      await this.#save(this.#entries().filter((entry) => entry.path !== path))
      this.#config.router.remove(path)
    })
  }

  /** Moves a mount: its leases are revoked first, its storage and UUID stay. */
  async remount(from: string, to: string): Promise<void> {
    const mount = this.#movable(from, to)
    const untaint = mount.taint()
    await this.#change(async () => {
      // The target may have been taken, or the mount moved, while this waited for its turn.
      if (this.#config.router.conflict(to) !== undefined) untaint()
      this.#movable(from, to)
      await this.#drain(mount, untaint)
      const moved = { ...mount.entry, path: to, tainted: false }
      await this.#save([...this.#entries().filter((entry) => entry.path !== from), moved])
      this.#config.router.remove(from)
      mount.entry = moved
      this.#config.router.add(mount)
    })
  }

  tune(path: string, changes: MountChanges): Promise<void> {
    return this.#change(async () => {
      const mount = this.#config.router.at(path)
      if (!mount) throw badRequest(`no mount at ${path}`)
      const { entry } = mount
      const version = changes.options?.version
      if (entry.type === 'kv' && version !== undefined && version !== (entry.options?.version ?? '1')) {
        throw badRequest(
          'options.version of a kv mount cannot be changed here: its data would be unreadable. Mount a new one and copy.',
        )
      }
      const next: MountEntry = {
        ...entry,
        config: checkTtls({ ...entry.config, ...changes.config }),
        description: changes.description ?? entry.description,
        options:
          changes.options && Object.keys(changes.options).length > 0
            ? { ...entry.options, ...changes.options }
            : entry.options,
      }
      await this.#save(this.#entries().map((other) => (other.path === path ? next : other)))
      mount.entry = { ...next, tainted: mount.entry.tainted }
      if (JSON.stringify(next.options) !== JSON.stringify(entry.options)) await this.#rebuild(mount)
    })
  }

  /** Starts the engine of a mount again, between requests; one that had failed to start is tried again. */
  reload(path: string): Promise<void> {
    return this.#change(async () => {
      const mount = this.#config.router.at(path)
      if (!mount) throw badRequest(`cannot fetch mount entry on ${JSON.stringify(path)}`)
      if (builtIn.has(mount.entry.type))
        throw badRequest(
          `cannot reload plugin on ${JSON.stringify(path)}: singleton plugin cannot be reloaded: ${JSON.stringify(mount.entry.type)}`,
        )
      await this.#rebuild(mount)
    })
  }

  async close(): Promise<void> {
    for (const mount of this.#config.router.all()) {
      await mount.backend?.cleanup().catch((cause: unknown) => {
        this.#config.logger.warn({ cause, mount: mount.entry.path }, 'engine did not clean up')
      })
    }
  }

  #change<T>(task: () => Promise<T>): Promise<T> {
    return this.#lock.run('mounts', task)
  }

  #own(path: string): Mount | undefined {
    const mount = this.#config.router.at(path)
    if (mount && builtIn.has(mount.entry.type)) throw badRequest(`cannot unmount ${path}: it is part of the server.`)
    return mount
  }

  #movable(from: string, to: string): Mount {
    const mount = this.#own(from)
    if (!mount) throw badRequest(`no matching mount at ${from}`)
    // Their tokens carry the path they were made at.
    if (isAuthPath(from) || isAuthPath(to))
      throw badRequest(
        `cannot move ${from} to ${to}: auth methods stay where they are. Enable another one and disable this.`,
      )
    this.#checkPath(to)
    return mount
  }

  async #drain(mount: Mount, untaint = mount.taint()): Promise<void> {
    await this.#save(this.#entries()).catch((cause: unknown) => {
      untaint()
      throw cause
    })
    await mount.idle()
    await this.#config.rollback(mount)
    await this.#config.revokeLeases(mount.entry.path)
  }

  /** The engine is started again with its changed options, between requests. */
  async #rebuild(mount: Mount): Promise<void> {
    const before = mount.backend
    await this.#build(mount)
    await mount.idle()
    await before?.cleanup()
  }

  async #build(mount: Mount): Promise<void> {
    const { entry } = mount
    const { engines, authMethods } = this.#config
    const factory = engines[entry.type] ?? authMethods[entry.type]
    if (!factory) throw new Error(`no engine of type ${entry.type}`)
    const config: BackendConfig = {
      storage: mount.storage,
      system: mount.system,
      logger: this.#config.logger,
      clock: this.#config.clock,
      random: this.#config.random,
      config: { ...entry.options, plugin_name: entry.type, plugin_type: isAuthPath(entry.path) ? 'auth' : 'secret' },
      backend_uuid: entry.uuid,
    }
    const backend = await factory(config)
    await backend.initialize()
    mount.backend = backend
  }

  #mount(entry: MountEntry): Mount {
    const folder = isAuthPath(entry.path) ? 'auth' : 'logical'
    return new Mount(entry, prefixStorage(this.#config.storage, `${folder}/${entry.uuid}/`))
  }

  #entry(path: string, type: string): MountEntry {
    const { random } = this.#config
    return {
      path,
      type,
      uuid: uuid(random),
      accessor: `${isAuthPath(path) ? 'auth_' : ''}${type}_${Buffer.from(random(4)).toString('hex')}`,
      description: '',
      config: untuned,
      options: null,
      local: false,
      seal_wrap: false,
      external_entropy_access: false,
      tainted: false,
    }
  }

  #entries(): MountEntry[] {
    return this.#config.router.all().map((mount) => mount.entry)
  }

  #save(entries: readonly MountEntry[]): Promise<void> {
    return saveMounts(prefixStorage(this.#config.storage, 'core/'), entries)
  }

  #checkPath(path: string): void {
    if (!pathPattern.test(path))
      throw badRequest(
        `path ${JSON.stringify(path)} is not a mount path: letters, digits, "_", "-", "." and "/", for example mcp.`,
      )
    const conflict = reserved.find((prefix) => path.startsWith(prefix)) ?? this.#config.router.conflict(path)
    // Auth methods are known by what follows auth/.
    if (conflict !== undefined)
      throw badRequest(`path is already in use at ${isAuthPath(path) ? conflict.slice('auth/'.length) : conflict}`)
  }
}
