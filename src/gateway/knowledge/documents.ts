import { delay } from '../../logical/clock.ts'
import type { Clock } from '../../logical/clock.ts'
import type { Logger } from '../../logical/log.ts'
import type { PolicyDocument } from '../../policy/index.ts'
import type { Tool } from '../../scope/index.ts'
import type { VaultClient } from '../../vault-client/index.ts'
import { DocumentError, readAgent, readPolicy, readScopes, readTools, readUpstream } from '../../document/index.ts'
import { GatewayFailure, unavailable } from '../error.ts'
import type { AgentDocument, AgentScopes, NumberedEvent, Reading, UpstreamDocument } from '../../document/index.ts'
import type { FeedListener } from './listeners.ts'

export interface DocumentsConfig {
  readonly vault: VaultClient
  readonly mount: string
  readonly clock: Clock
  readonly logger: Logger
}

/** The oldest state of a document that may still be used. */
interface Floor {
  readonly version: number
  readonly deleted: boolean
}

interface Slot {
  /** `undefined` = nothing is stored there. */
  readonly reading: Reading<unknown> | undefined
  /** What was known of newer versions when the read began. */
  readonly floors: ReadonlyMap<string, Floor>
}
type Reader<T> = (path: string, data: unknown) => Reading<T>

const TIMEOUT_MS = 5_000
const ATTEMPTS = 5
const PAUSE_MS = 50
const READS_AT_ONCE = 256
/** Documents kept, and versions known of: past that everything is dropped and read again. */
const LARGEST = 100_000

/**
 * The engine's documents, each read once and kept until an event, or the versions an introspection names, say there is a newer
 * one. An event that arrives while a document is being read counts against what is read. A tool is kept with its upstream's others.
 */
export class Documents implements FeedListener {
  readonly #config: DocumentsConfig
  readonly #slots = new Map<string, Slot>()
  readonly #floors = new Map<string, Floor>()
  readonly #reading = new Map<string, Promise<Slot>>()
  #resets = 0
  #revision = 0

  constructor(config: DocumentsConfig) {
    this.#config = config
  }

  /** Grows whenever anything kept here may have changed: what was derived at one revision holds while it stands. */
  get revision(): number {
    return this.#revision
  }

  /** Grows whenever versions known of were forgotten: what an introspection told has to be told again. */
  get resets(): number {
    return this.#resets
  }

  agent(agentId: string): Promise<AgentDocument | undefined> {
    return this.#get(`agents/${agentId}`, readAgent)
  }
  /** `environment` undefined = the agent's own. */
  scopes(agentId: string, environment: string | undefined): Promise<AgentScopes | undefined> {
    return this.#get(
      environment === undefined ? `agents/${agentId}/scopes` : `agents/${agentId}/scopes/${environment}`,
      readScopes,
    )
  }

  policy(name: string): Promise<PolicyDocument | undefined> {
    return this.#get(`policies/${name}`, readPolicy)
  }
  upstream(name: string): Promise<UpstreamDocument | undefined> {
    return this.#get(`upstreams/${name}`, readUpstream)
  }
  /** As `upstream`, of what is at hand: undefined also where it has not been read. */
  knownUpstream(name: string): UpstreamDocument | undefined {
    return this.#slots.get(`upstreams/${name}`)?.reading?.value as UpstreamDocument | undefined
  }
  async tools(upstream: string): Promise<readonly Tool[]> {
    return (await this.#get(`tools/${upstream}`, readTools)) ?? []
  }

  /** An upstream and its tools where both are kept here; `undefined` = they have to be asked for. */
  kept(name: string): { readonly upstream: UpstreamDocument; readonly tools: readonly Tool[] } | undefined {
    const upstream = this.#slots.get(`upstreams/${name}`)?.reading?.value as UpstreamDocument | undefined
    const tools = this.#slots.get(`tools/${name}`)?.reading?.value as readonly Tool[] | undefined
    return upstream && tools && { upstream, tools }
  }

  /** An introspection says which versions were there when it was answered: older ones kept here are out of date. */
  atLeast(versions: Readonly<Record<string, number | null>>): void {
    for (const [path, version] of Object.entries(versions))
      if (version !== null) this.#raise(path, { version, deleted: false })
  }

  changed(events: readonly NumberedEvent[]): void {
    for (const event of events) if (event.type === 'document') this.#raise(event.path, event)
  }

  reset(): void {
    this.#resets++
    this.#revision++
    this.#slots.clear()
    this.#floors.clear()
    this.#reading.clear()
  }

  async #get<T>(path: string, reader: Reader<T>): Promise<T | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const kept = this.#slots.get(path)
      if (kept) return kept.reading?.value as T | undefined
      // A node that lags behind may need a moment to see what the event has told.
      if (attempt > 1) await delay(this.#config.clock, PAUSE_MS * attempt)
      const resets = this.#resets
      const slot = await this.#read(path, reader)
      if (resets !== this.#resets || this.#slots.has(path) || !this.#isCurrent(path, slot, attempt)) continue
      this.#keep(path, slot)
      return slot.reading?.value as T | undefined
    }
    throw unavailable(
      'vault_behind',
      `${this.#config.mount}/${path} cannot be read in its newest version at the moment; try again`,
    )
  }

  /** One read at a time per document; anyone who asks meanwhile shares it, and judges for itself whether it is new enough. */
  #read(path: string, reader: Reader<unknown>): Promise<Slot> {
    const under = this.#reading.get(path)
    if (under) return under
    if (this.#reading.size >= READS_AT_ONCE) throw unavailable('busy', 'too many documents are being read; try again')
    const read = this.#fetch(path, reader).finally(() => {
      if (this.#reading.get(path) === read) this.#reading.delete(path)
    })
    this.#reading.set(path, read)
    return read
  }

  async #fetch(path: string, reader: Reader<unknown>): Promise<Slot> {
    const { vault, mount, logger } = this.#config
    const floors = this.#floorsBelow(path)
    try {
      const full = `${mount}/${path}`
      const response = await (path.startsWith('tools/')
        ? vault.list(full, { timeoutMs: TIMEOUT_MS })
        : vault.read(full, { timeoutMs: TIMEOUT_MS }))
      return { reading: response && reader(path, response.data), floors }
    } catch (error) {
      if (error instanceof DocumentError) throw unreadable(error, this.#config)
      logger.warn({ path, error: error instanceof Error ? error.name : 'unexpected' }, 'a document cannot be read')
      throw unavailable(
        'vault_unavailable',
        `${mount}/${path} cannot be read from Vault at the moment; try again`,
        error,
      )
    }
  }

  #isCurrent(path: string, { reading, floors }: Slot, attempt: number): boolean {
    for (const [document, floor] of this.#floorsBelow(path)) {
      const version = reading?.versions.get(document)
      if (version !== undefined && version < floor.version) return false
      // Absence has no version. Told of a write, it is believed when a second read, begun after that, finds it again.
      const accepted = floor.deleted || (attempt > 0 && floors.get(document)?.version === floor.version)
      if (version === undefined && !accepted) return false
    }
    return true
  }

  #keep(path: string, slot: Slot): void {
    // Anybody may ask for upstreams that do not exist.
    if (!slot.reading && path.startsWith('upstreams/')) return
    if (this.#slots.size >= LARGEST) this.reset()
    this.#slots.set(path, slot)
    this.#revision++
  }

  #raise(path: string, floor: Floor): void {
    const known = this.#floors.get(path)
    // Documents that came and went leave theirs behind.
    if (!known && this.#floors.size >= LARGEST) this.reset()
    if (!known || known.version < floor.version)
      this.#floors.set(path, { version: floor.version, deleted: floor.deleted })
    const slotPath = slotOf(path)
    const kept = this.#slots.get(slotPath)
    const version = kept?.reading?.versions.get(path)
    const covered = version === undefined ? floor.deleted : version >= floor.version
    if (!kept || covered) return
    this.#slots.delete(slotPath)
    this.#revision++
  }

  #floorsBelow(path: string): ReadonlyMap<string, Floor> {
    if (!path.startsWith('tools/')) {
      const floor = this.#floors.get(path)
      return new Map(floor ? [[path, floor]] : [])
    }
    return new Map([...this.#floors].filter(([document]) => document.startsWith(`${path}/`)))
  }
}

/** Nothing is judged by a document that does not read, and asking again changes nothing: its operator must act. */
function unreadable(error: DocumentError, { mount, logger }: DocumentsConfig): GatewayFailure {
  logger.error({ problem: error.message }, 'a document cannot be used; write it again')
  const message = `${mount}/${error.message}; ask its operator to write it again`
  return error.message.startsWith('upstreams/')
    ? new GatewayFailure('upstream_error', 'upstream_misconfigured', message)
    : unavailable('document_unreadable', message)
}

/** The kept document an event's document belongs to: tools are kept together, under their upstream. */
export function slotOf(path: string): string {
  return path.startsWith('tools/') ? path.split('/', 2).join('/') : path
}
