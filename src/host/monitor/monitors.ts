import type { Readable } from 'node:stream'
import type { Clock } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import { logLevels, logLine } from './log-line.ts'
import type { LogFormat, LogLevel } from './log-line.ts'
import { Monitor } from './monitor.ts'

/** A monitor costs memory for as long as its reader stays: a few are enough for those who look after a server. */
const mostMonitors = 8

interface Watch {
  readonly monitor: Monitor
  readonly level: LogLevel
  readonly format: LogFormat
  /** Hash of the token whose end ends it. */
  readonly owner: string | undefined
}

/** The server's log, as it is written, for those who watch it with `sys/monitor`. Vault's `helper/monitor` is the model. */
export class Monitors {
  readonly #clock: Clock
  readonly #watches = new Set<Watch>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `inner`, whose lines are shown to every monitor too, whatever level `inner` itself writes. */
  logger(inner: Logger): Logger {
    const both =
      (level: keyof Logger) =>
      (fields: object, message: string): void => {
        inner[level](fields, message)
        this.#show(level, fields, message)
      }
    return { debug: both('debug'), info: both('info'), warn: both('warn'), error: both('error') }
  }

  /** Ends with the owner's token, with the server, or when it is destroyed. Throws `rate_limited` when there are too many. */
  open(watch: Omit<Watch, 'monitor'>): Readable {
    if (this.#watches.size >= mostMonitors)
      throw new RequestError(
        'rate_limited',
        `${String(mostMonitors)} monitors are open, which is the most this server serves; end one of them first`,
      )
    const opened = { ...watch, monitor: new Monitor(this.#clock) }
    this.#watches.add(opened)
    opened.monitor.once('close', () => {
      this.#watches.delete(opened)
    })
    return opened.monitor
  }

  /** A token has ended. */
  ownerEnded(idHash: string): void {
    for (const watch of [...this.#watches]) {
      if (watch.owner !== idHash) continue
      this.#watches.delete(watch)
      watch.monitor.finish()
    }
  }

  close(): void {
    for (const { monitor } of [...this.#watches]) monitor.destroy()
  }

  #show(level: LogLevel, fields: object, message: string): void {
    const rank = logLevels.indexOf(level)
    const entry = { time: this.#clock.now(), level, fields, message }
    for (const watch of this.#watches)
      if (rank >= logLevels.indexOf(watch.level)) watch.monitor.offer(logLine(entry, watch.format))
  }
}
