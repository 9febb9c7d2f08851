import type { Clock } from '../../logical/clock.ts'
import type { Logger } from '../../logical/log.ts'
import type { CodesOf } from '../../error-code/index.ts'
import type { UpstreamDocument } from '../../document/index.ts'
import { GatewayFailure } from '../error.ts'

export interface OperatorLogConfig {
  readonly clock: Clock
  readonly logger: Logger
}

export type KeyRefusal = CodesOf<'upstream_error'>

/** One line for the operator about one upstream and one reason in this time, however many calls fail. */
const TOLD_AGAIN_MS = 60_000
const MOST_TOLD = 1_000

/** What is wrong with keys, for those who can do something about it: paths and commands, which agents are not told. */
export class OperatorLog {
  readonly #config: OperatorLogConfig
  readonly #toldMs = new Map<string, number>()

  constructor(config: OperatorLogConfig) {
    this.#config = config
  }

  /** `path` is the secret's, in the upstream's KV mount. A refresh token that is lost is an error: it stops an upstream until somebody acts. */
  tell(upstream: UpstreamDocument, path: string, code: KeyRefusal, message: string): void {
    const { clock, logger } = this.#config
    const name = JSON.stringify([upstream.name, path, code, message])
    const nowMs = clock.monotonic()
    if (nowMs - (this.#toldMs.get(name) ?? -Infinity) < TOLD_AGAIN_MS) return
    if (this.#toldMs.size >= MOST_TOLD) this.#toldMs.clear()
    this.#toldMs.set(name, nowMs)
    const fields = { code, upstream: upstream.name, kv_mount: upstream.kv_mount, kv_path: path }
    if (code === 'needs_reauthorization') logger.error(fields, message)
    else logger.warn(fields, message)
  }

  /** Tells it, and makes what the agent hears. */
  refuse(upstream: UpstreamDocument, path: string, code: KeyRefusal, message: string, cause?: unknown): GatewayFailure {
    this.tell(upstream, path, code, message)
    // Where the key lies, and what is wrong with it, is not the agent's to know: it cannot fix it.
    return new GatewayFailure(
      'upstream_error',
      code,
      `upstream ${upstream.name} is not ready for use: its operator must act. Ask them to look into the gateway's log`,
      { cause },
    )
  }
}
