import type { Clock } from '../logical/clock.ts'
import { RequestError } from '../logical/errors.ts'
import type { RecordLog } from './audit-log.ts'
import type { Logger } from '../logical/log.ts'
import { LineBatch } from './line-batch.ts'
import type { LineWaiter } from './line-batch.ts'
import { MovingDeadline } from './moving-deadline.ts'
import type { AuditSink } from './sink.ts'

export interface BatchLogConfig {
  readonly clock: Clock
  readonly maxQueuedBytes: number
  readonly timeoutMs: number
  readonly open: () => Promise<AuditSink>
  /** Both without newline: the line of a record, and one of members that are text already. */
  readonly lineOf: (record: object) => string
  readonly lineOfMembers: (members: string) => string
  readonly logger: Logger
}

// Long enough that a full disk is not hammered with opens, short enough that recovery goes unnoticed.
const RETRY_PAUSE_MS = 250
/** How often an idle log makes sure that its file is where it was: a loss must not wait for the next record to show. */
const LOOK_EVERY_MS = 1000
/** A write is followed by such a look when the last one is older: what is lost between two is lost as what was written before them is. */
const LOOK_AFTER_WRITE_MS = 20
/** How long a line that may wait for company does. */
const COMPANY_MS = 5

/** What the sink is busy with: a batch of lines, or a chore. Told once. */
interface Operation {
  succeeded(): void
  failed(error: RequestError): void
}

interface Chore extends Operation {
  readonly act: () => Promise<void>
  /** Runs once so many batches have been taken: those with lines that were there before it. */
  readonly afterBatches: number
}

const unavailable = (reason: string, cause?: unknown): RequestError =>
  new RequestError('unavailable', `the audit log ${reason}`, { cause })

/** One thing at a time is done with the sink: a batch of all lines that are there, or a chore (opening, looking, closing) in its turn among them. */
export class BatchLog implements RecordLog {
  readonly #config: BatchLogConfig
  readonly #clock: Clock
  #sink: AuditSink | undefined
  #waiting: LineBatch
  #spare: LineBatch
  #batchesTaken = 0
  #chores: Chore[] = []
  #isScheduled = false
  /** Something is under way at the sink, or hangs there; no second thing is begun meanwhile: it could mix their lines. */
  #isBusy = false
  /** Who is to be told of what is under way; undefined once it has timed out. */
  #current: Operation | undefined
  #closed: Promise<void> | undefined
  readonly #timeout: MovingDeadline
  readonly #nextLook: MovingDeadline
  readonly #company: MovingDeadline
  /** Monotonic. */
  #lookedAtMs = -Infinity
  /** Set by a failure: monotonic time before which nothing is taken. Infinity while a call that timed out still hangs. */
  #refusingUntilMs = -Infinity

  constructor(config: BatchLogConfig) {
    this.#config = config
    this.#clock = config.clock
    const { clock, timeoutMs, logger } = config
    const waiterFailed = (cause: unknown) => {
      logger.error({ cause }, 'what waited for an audit record failed when it was told; please report this')
    }
    this.#waiting = new LineBatch(waiterFailed)
    this.#spare = new LineBatch(waiterFailed)
    this.#timeout = new MovingDeadline(clock, () => {
      this.#fail(new Error(`storage did not respond within ${String(timeoutMs)} ms`))
    })
    this.#nextLook = new MovingDeadline(clock, () => {
      void this.#inTurn(() => this.#look()).catch(() => undefined)
    })
    this.#company = new MovingDeadline(clock, () => {
      // The lines it was set for may have gone with others.
      this.#waiting.isUrgent ||= this.#waiting.awaitsCompany
      this.#continue()
    })
  }

  open(): Promise<void> {
    if (this.#closed) return Promise.reject(unavailable('is closed'))
    return this.#inTurn(async () => {
      await this.#opened()
    })
  }

  append(record: object): Promise<void> {
    const refused = this.#refusal()
    if (refused) return Promise.reject(refused)
    let line: string
    try {
      line = this.#config.lineOf(record)
    } catch (thrown) {
      return Promise.reject(unavailable('was given a record that cannot be written', thrown))
    }
    return new Promise((resolve, reject) => {
      this.#add(line, { durable: resolve, notDurable: reject }, false)
    })
  }

  appendMembers(members: string, waiter: LineWaiter, mayWait: boolean): void {
    const refused = this.#refusal()
    if (refused) refuse(waiter, refused)
    else this.#add(this.#config.lineOfMembers(members), waiter, mayWait)
  }

  reopen(): Promise<void> {
    if (this.#closed) return Promise.reject(unavailable('is closed'))
    return this.#inTurn(async () => {
      await this.#drop()
      await this.#opened()
    })
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#inTurn(() => {
      this.#timeout.cancel()
      this.#company.cancel()
      return this.#drop()
    }))
  }

  #refusal(): RequestError | undefined {
    if (this.#closed) return unavailable('is closed')
    const isRefusing = this.#refusingUntilMs !== -Infinity && this.#clock.monotonic() < this.#refusingUntilMs
    return isRefusing ? unavailable('cannot be written at the moment') : undefined
  }

  #add(line: string, waiter: LineWaiter, mayWait: boolean): void {
    const batch = this.#waiting
    if (!batch.add(`${line}\n`, waiter, this.#config.maxQueuedBytes)) {
      refuse(waiter, unavailable('is behind; too many records wait'))
      return
    }
    if (!mayWait) batch.isUrgent = true
    else if (!batch.awaitsCompany) {
      batch.awaitsCompany = true
      this.#company.set(this.#clock.monotonic() + COMPANY_MS)
    }
    this.#continue()
  }

  /** Whatever was appended before is written first. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    return new Promise((succeeded, failed) => {
      const afterBatches = this.#batchesTaken + (this.#waiting.isEmpty ? 0 : 1)
      this.#chores.push({ act, afterBatches, succeeded, failed })
      this.#continue()
    })
  }

  /** Not at once: every request that has arrived in this turn of the event loop comes aboard. */
  #continue(): void {
    if (this.#isBusy || this.#isScheduled || !(this.#waiting.isUrgent || this.#chores.length > 0)) return
    this.#isScheduled = true
    setImmediate(this.#next)
  }

  readonly #next = (): void => {
    this.#isScheduled = false
    const chore = this.#chores[0]
    if (chore && (this.#waiting.isEmpty || this.#batchesTaken >= chore.afterBatches)) {
      this.#chores.shift()
      this.#begin(chore)
      const ended = (error?: unknown): void => {
        this.#ended(chore, error)
      }
      chore.act().then(() => {
        ended()
      }, ended)
    } else if (!this.#waiting.isEmpty) this.#writeBatch()
  }

  #writeBatch(): void {
    const batch = this.#waiting
    this.#waiting = this.#spare
    this.#batchesTaken++
    this.#begin(batch)
    if (this.#sink) this.#write(this.#sink, batch)
    else
      this.#opened().then(
        (sink) => {
          this.#write(sink, batch)
        },
        (error: unknown) => {
          this.#ended(batch, error)
        },
      )
  }

  #write(sink: AuditSink, batch: LineBatch): void {
    const ended = (error?: unknown): void => {
      this.#ended(batch, error)
    }
    // Opening may have taken so long that those who wait have been told.
    if (this.#current !== batch) ended()
    else
      sink.write(batch.bytes, (error) => {
        const isLookDue = this.#clock.monotonic() - this.#lookedAtMs >= LOOK_AFTER_WRITE_MS
        if (error !== undefined || !isLookDue || this.#current !== batch) ended(error)
        else
          this.#look().then(() => {
            ended()
          }, ended)
      })
  }

  #begin(operation: Operation): void {
    this.#isBusy = true
    this.#current = operation
    this.#timeout.set(this.#clock.monotonic() + this.#config.timeoutMs)
  }

  /** What was under way has let go of the sink. */
  #ended(operation: Operation, error?: unknown): void {
    const isOnTime = this.#current === operation
    if (isOnTime && error === undefined) {
      this.#current = undefined
      this.#timeout.clear()
      this.#refusingUntilMs = -Infinity
      operation.succeeded()
      this.#letGo(operation)
      return
    }
    if (isOnTime) this.#fail(error)
    // On Linux a failed sync is reported once; later ones on the same descriptor succeed without the data being there.
    void this.#drop()
      .catch(() => undefined)
      .then(() => {
        this.#refusingUntilMs = this.#clock.monotonic() + RETRY_PAUSE_MS
        this.#letGo(operation)
      })
  }

  #letGo(operation: Operation): void {
    if (operation instanceof LineBatch) {
      operation.clear()
      this.#spare = operation
    }
    this.#isBusy = false
    this.#continue()
  }

  /** Tells all that wait. */
  #fail(cause: unknown): void {
    const error = unavailable('cannot be written', cause)
    const failed = this.#current
    this.#current = undefined
    this.#timeout.clear()
    this.#refusingUntilMs = Infinity
    failed?.failed(error)
    this.#waiting.failed(error)
    this.#waiting.clear()
  }

  async #opened(): Promise<AuditSink> {
    if (this.#sink) return this.#sink
    const atMs = this.#clock.monotonic()
    const sink = (this.#sink = await this.#config.open())
    if (sink.check) this.#looked(atMs)
    return sink
  }

  #looked(atMs: number): void {
    this.#lookedAtMs = atMs
    this.#nextLook.set(atMs + LOOK_EVERY_MS)
  }

  /** A loss is treated as a write that fails: what comes within the pause is refused, then the file is opened again. */
  async #look(): Promise<void> {
    const sink = this.#sink
    if (!sink?.check) return
    const atMs = this.#clock.monotonic()
    await sink.check()
    this.#looked(atMs)
  }

  async #drop(): Promise<void> {
    const sink = this.#sink
    this.#nextLook.cancel()
    this.#sink = undefined
    await sink?.close()
  }
}

function refuse(waiter: LineWaiter, error: RequestError): void {
  queueMicrotask(() => {
    waiter.notDurable(error)
  })
}
