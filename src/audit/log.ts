import type { Writable } from 'node:stream'
import type { Clock } from '../logical/clock.ts'
import { RequestError } from '../logical/errors.ts'
import { silentLogger } from '../logical/log.ts'
import type { Logger } from '../logical/log.ts'
import { openFileSink } from './file-sink.ts'
import { auditLine } from './line.ts'
import type { Redact } from './line.ts'
import { nodeFileSystem } from './node-file-system.ts'
import type { AuditFileSystem, AuditSink } from './sink.ts'
import { streamSink } from './stream-sink.ts'

export interface AuditLogOptions {
  /** One process per file. Created with mode 0600, its directory with 0700. */
  readonly path?: string
  /** Instead of a file; nothing is synced. */
  readonly stream?: Writable
  readonly clock: Clock
  /** False gives up durability over a loss of power, not over a crash of the process. Default true. */
  readonly fsync?: boolean
  /** Instead of `redactText` and `redactCredentials`, for every string; the host's audit device hashes before it appends. */
  readonly redact?: Redact
  /** Bytes of lines that may wait; beyond, `append` rejects at once. Default 8 MiB. */
  readonly maxQueuedBytes?: number
  /** How long a batch may take before those who wait are told that it failed. Default 5 s. */
  readonly timeoutMs?: number
  readonly fileSystem?: AuditFileSystem
  /** Is told when the file is moved, removed, replaced or truncated while it is in use. */
  readonly logger?: Logger
}

/**
 * Lines of JSON that are durable before their `append` resolves. After a failure everything that waits is rejected, and
 * so is what comes within the next quarter of a second; then an append tries again, on the file opened again.
 */
export interface AuditLog {
  /** Opens the file now instead of at the first append, so that a path that cannot be written shows at the start. */
  open(): Promise<void>
  /** Resolves when the line is on the disk. Rejects with `RequestError` `unavailable`: then nothing may rest on it. */
  append(record: object): Promise<void>
  /** For SIGHUP after a rotation: what waits goes to the old file, what comes after to a new one at `path`. */
  reopen(): Promise<void>
  /** Writes what waits, then closes. Later appends are rejected. */
  close(): Promise<void>
}

const MAX_QUEUED_BYTES = 8 * 1024 * 1024
const TIMEOUT_MS = 5000
// Long enough that a full disk is not hammered with opens, short enough that recovery goes unnoticed.
const RETRY_PAUSE_MS = 250
/** How often an idle log makes sure that its file is where it was: a loss must not wait for the next record to show. */
const LOOK_EVERY_MS = 1000

interface Waiting {
  readonly line: Buffer
  readonly resolve: () => void
  readonly reject: (error: RequestError) => void
}

const unavailable = (reason: string, cause?: unknown): RequestError =>
  new RequestError('unavailable', `the audit log ${reason}`, { cause })

export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { path, stream, clock, fsync = true, fileSystem = nodeFileSystem, logger = silentLogger } = options
  if ((path === undefined) === (stream === undefined))
    throw new RequestError('bad_request', 'audit log: give either path or stream')
  const time = () => new Date(clock.now()).toISOString()
  const sink = stream && streamSink(stream)
  const open = sink ? () => Promise.resolve(sink) : () => openFileSink(fileSystem, path!, fsync, time(), logger)
  return new BatchLog(options, open, (record) => auditLine(record, time(), options.redact))
}

class BatchLog implements AuditLog {
  readonly #clock: Clock
  readonly #maxQueuedBytes: number
  readonly #timeoutMs: number
  readonly #open: () => Promise<AuditSink>
  readonly #write: (record: object) => string
  #sink: AuditSink | undefined
  #queue: Waiting[] = []
  #queuedBytes = 0
  /** Settles when everything asked before has been done; batches, openings and closings run one after another on it. */
  #turn: Promise<void> = Promise.resolve()
  /** Settles when a failed attempt has let go of the file. */
  #recovery: Promise<void> = Promise.resolve()
  #scheduled = false
  #closed: Promise<void> | undefined
  #cancelLook: (() => void) | undefined
  /** Monotonic; a sync looks too. */
  #syncedAtMs = -Infinity
  /** Set by a failure: monotonic time before which nothing is tried. Infinity while a call that timed out still hangs. */
  #refusingUntilMs = -Infinity

  constructor(options: AuditLogOptions, open: () => Promise<AuditSink>, write: (record: object) => string) {
    this.#clock = options.clock
    this.#maxQueuedBytes = options.maxQueuedBytes ?? MAX_QUEUED_BYTES
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS
    this.#open = open
    this.#write = write
  }

  open(): Promise<void> {
    if (this.#closed) return Promise.reject(unavailable('is closed'))
    return this.#inTurn(() =>
      this.#attempt(async () => {
        await this.#opened()
      }),
    )
  }

  async append(record: object): Promise<void> {
    if (this.#closed) throw unavailable('is closed')
    if (this.#clock.monotonic() < this.#refusingUntilMs) throw unavailable('cannot be written at the moment')
    const line = this.#serialise(record)
    if (this.#queuedBytes + line.length > this.#maxQueuedBytes) throw unavailable('is behind; too many records wait')
    return new Promise((resolve, reject) => {
      this.#queue.push({ line, resolve, reject })
      this.#queuedBytes += line.length
      this.#schedule()
    })
  }

  reopen(): Promise<void> {
    if (this.#closed) return Promise.reject(unavailable('is closed'))
    return this.#inTurn(() =>
      this.#attempt(async () => {
        await this.#drop()
        await this.#opened()
      }),
    )
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#inTurn(() => this.#drop()))
  }

  #serialise(record: object): Buffer {
    try {
      return Buffer.from(`${this.#write(record)}\n`)
    } catch (thrown) {
      throw unavailable('was given a record that cannot be written', thrown)
    }
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    // A call that timed out may still hang: a second one on the same file could mix their lines.
    const done = this.#turn.then(() => this.#recovery).then(act)
    this.#turn = done.catch(() => undefined)
    return done
  }

  /**
   * One write for all that is there when its turn comes: the longer a sync takes, the more records share the next. While
   * anything waits, a turn is scheduled.
   */
  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return
    this.#scheduled = true
    void this.#inTurn(async () => {
      // Lets every request that has arrived in this turn of the event loop come aboard.
      await new Promise<void>((resolve) => {
        setImmediate(resolve)
      })
      this.#scheduled = false
      await this.#flush()
    })
  }

  async #flush(): Promise<void> {
    const batch = this.#queue.splice(0)
    this.#queuedBytes = 0
    if (batch.length === 0) return
    try {
      await this.#attempt(async () => {
        const sink = await this.#opened()
        await sink.write(Buffer.concat(batch.map(({ line }) => line)))
        await sink.sync()
        this.#syncedAtMs = this.#clock.monotonic()
      })
      for (const { resolve } of batch) resolve()
    } catch (thrown) {
      batch.push(...this.#queue.splice(0))
      this.#queuedBytes = 0
      for (const { reject } of batch) reject(thrown as RequestError)
    }
  }

  async #opened(): Promise<AuditSink> {
    if (this.#sink) return this.#sink
    const sink = (this.#sink = await this.#open())
    if (sink.check) this.#lookLater()
    return sink
  }

  #lookLater(): void {
    this.#cancelLook?.()
    this.#cancelLook = this.#clock.after(LOOK_EVERY_MS, () => {
      void this.#inTurn(() => this.#look()).catch(() => undefined)
    })
  }

  /** A loss is treated as a write that fails: what comes within the pause is refused, then the file is opened again. */
  async #look(): Promise<void> {
    const sink = this.#sink
    if (!sink?.check) return
    if (this.#clock.monotonic() - this.#syncedAtMs >= LOOK_EVERY_MS) await this.#attempt(() => sink.check!())
    this.#lookLater()
  }

  async #drop(): Promise<void> {
    const sink = this.#sink
    this.#cancelLook?.()
    this.#cancelLook = undefined
    this.#sink = undefined
    await sink?.close()
  }

  /**
   * Does `act` within the time-out. After a failure the file is closed: on Linux a failed sync is reported once, later
   * ones on the same descriptor succeed without the data being there.
   */
  async #attempt(act: () => Promise<void>): Promise<void> {
    let cancelTimer = (): void => undefined
    const acting = act()
    const late = new Promise<never>((_resolve, reject) => {
      cancelTimer = this.#clock.after(this.#timeoutMs, () => {
        reject(new Error(`storage did not respond within ${String(this.#timeoutMs)} ms`))
      })
    })
    try {
      await Promise.race([acting, late])
      this.#refusingUntilMs = -Infinity
    } catch (thrown) {
      this.#refusingUntilMs = Infinity
      this.#recovery = acting
        .catch(() => undefined)
        .then(() => this.#drop())
        .catch(() => undefined)
        .then(() => {
          this.#refusingUntilMs = this.#clock.monotonic() + RETRY_PAUSE_MS
        })
      throw unavailable('cannot be written', thrown)
    } finally {
      cancelTimer()
    }
  }
}
