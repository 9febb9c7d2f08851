import type { Clock } from '../../logical/clock.ts'
import { fromUnknown } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import type { EngineCalls } from './engine-call.ts'
import type { Mount } from '../base/mount.ts'
import type { Router } from '../base/router.ts'

const tickMs = 60_000

/** Every minute each mount is asked to tidy up after itself; one at a time per mount, a slow one just misses ticks. */
export class Rollback {
  readonly #clock: Clock
  readonly #router: Router
  readonly #engines: EngineCalls
  readonly #logger: Logger
  readonly #running = new Map<string, Promise<void>>()
  #cancel: () => void = () => undefined

  constructor(clock: Clock, router: Router, engines: EngineCalls, logger: Logger) {
    this.#clock = clock
    this.#router = router
    this.#engines = engines
    this.#logger = logger
  }

  start(): void {
    this.#cancel = this.#clock.after(tickMs, () => {
      for (const mount of this.#router.all()) if (mount.backend && !mount.entry.tainted) void this.run(mount)
      this.start()
    })
  }

  stop(): void {
    this.#cancel()
  }

  /** The tick of one mount; joins the one already running. Never rejects: a failing tick is logged and the next tries again. */
  run(mount: Mount): Promise<void> {
    const { uuid } = mount.entry
    const running =
      this.#running.get(uuid) ??
      this.#once(mount).finally(() => {
        this.#running.delete(uuid)
      })
    this.#running.set(uuid, running)
    return running
  }

  /** A tick that begins after this call: the engine is to see that its mount is going. */
  async last(mount: Mount): Promise<void> {
    await this.#running.get(mount.entry.uuid)
    await this.run(mount)
  }

  async #once(mount: Mount): Promise<void> {
    try {
      await this.#engines.rollback(mount)
    } catch (cause) {
      if (fromUnknown(cause).kind !== 'unsupported_operation')
        this.#logger.error({ cause, mount: mount.entry.path }, 'error rolling back')
    }
  }
}
