/** The ways this process ends, each of them once and within bounds. */
import { delay } from '../logical/clock.ts'
import type { Clock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'

/** Hosts kill two seconds after they asked for the exit. */
const CLOSE_MS = 1_000

export interface ExitConfig {
  readonly clock: Clock
  readonly logger: Logger
  readonly close: () => Promise<void>
}

/** Awaits `close`, for one second at most, and exits; later calls change nothing. */
export function orderlyExit({ clock, logger, close }: ExitConfig): (code: number) => void {
  let leaving = false
  return (code) => {
    if (leaving) return
    leaving = true
    // Holds should nothing keep the process alive until the exit below.
    process.exitCode = code
    const closed = Promise.resolve()
      .then(close)
      .catch((error: unknown) => {
        logger.error({ error }, 'the plugin did not close cleanly')
      })
    void Promise.race([closed, delay(clock, CLOSE_MS)]).then(() => process.exit(code))
  }
}

/**
 * SIGINT and SIGHUP are ignored: they reach the host's whole process group, and the host decides when its plugins end. SIGUSR1 is as
 * well, because Node would open a debugger on it, with everything in memory.
 */
export function handleSignals(exit: (code: number) => void): void {
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR1'] as const) process.on(signal, () => undefined)
  process.on('SIGTERM', () => {
    exit(0)
  })
}

/** What nobody caught is logged and ends the process at once: its state is unknown, and the host starts another when it needs one. */
export function handleFaults(logger: Logger): void {
  process.on('uncaughtException', (error: unknown) => {
    logger.error({ error }, 'uncaught exception; the plugin exits')
    process.exit(1)
  })
  process.on('unhandledRejection', (error) => {
    logger.error({ error }, 'unhandled rejection; the plugin exits')
    process.exit(1)
  })
}
