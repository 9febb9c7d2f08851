/** `pb.SystemView`: what the server tells a mount about itself. */
import type { Client } from '@grpc/grpc-js'
import { serviceDefinition } from '../goplugin/index.ts'
import type { SystemView } from '../logical/backend.ts'
import type { Clock } from '../logical/clock.ts'
import { vaultBackend } from '../proto/vault-backend.ts'
import type { LocalMountReply, ReplicationStateReply, TaintedReply, TtlReply } from '../proto/vault-backend.ts'
import { secondsOf } from './duration.ts'
import { Remembered } from './remembered.ts'
import { reverseCalls } from './reverse-call.ts'

/** Bits of ReplicationState. */
const PERFORMANCE_SECONDARY = 64
const DR_SECONDARY = 512
const PERFORMANCE_STANDBY = 16_384

type ViewRequest = <Reply>(method: string) => Promise<Reply>

/** Asking costs three times what a request costs that asks nothing, and the responses hardly ever change: see `Remembered`. */
export class SystemViewClient implements SystemView {
  readonly #ask: ViewRequest
  readonly #defaultLeaseTtl: Remembered<number>
  readonly #maxLeaseTtl: Remembered<number>
  readonly #readOnly: Remembered<boolean>

  constructor(client: Client, clock: Clock) {
    const call = reverseCalls(client, serviceDefinition(vaultBackend, 'pb.SystemView'), clock)
    this.#ask = (method) => call(method, {})
    this.#defaultLeaseTtl = new Remembered(clock, async () =>
      secondsOf((await this.#ask<TtlReply>('DefaultLeaseTTL')).TTL),
    )
    this.#maxLeaseTtl = new Remembered(clock, async () => secondsOf((await this.#ask<TtlReply>('MaxLeaseTTL')).TTL))
    this.#readOnly = new Remembered(clock, () => this.#askReadOnly())
  }

  defaultLeaseTtl(): Promise<number> {
    return this.#defaultLeaseTtl.get()
  }
  maxLeaseTtl(): Promise<number> {
    return this.#maxLeaseTtl.get()
  }
  readOnly(): Promise<boolean> {
    return this.#readOnly.get()
  }
  /** Asked each time: it changes once, and what is done then depends on it. */
  async tainted(): Promise<boolean> {
    return (await this.#ask<TaintedReply>('Tainted')).tainted
  }

  async #askReadOnly(): Promise<boolean> {
    const { state } = await this.#ask<ReplicationStateReply>('ReplicationState')
    if ((state & (PERFORMANCE_STANDBY | DR_SECONDARY)) !== 0) return true
    // A local mount of a secondary is its own and is written there.
    return (state & PERFORMANCE_SECONDARY) !== 0 && !(await this.#ask<LocalMountReply>('LocalMount')).local
  }
}
