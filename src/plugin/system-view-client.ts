/** `pb.SystemView`: what the server tells a mount about itself. */
import type { Client } from '@grpc/grpc-js'
import { serviceDefinition } from '../goplugin/index.ts'
import type { SystemView } from '../logical/backend.ts'
import type { Clock } from '../logical/clock.ts'
import { vaultBackend } from '../proto/vault-backend.ts'
import { secondsOf } from './duration.ts'
import { reverseCalls } from './reverse-call.ts'
import type { ReverseCall } from './reverse-call.ts'

/** Bits of ReplicationState. */
const PERFORMANCE_SECONDARY = 64
const DR_SECONDARY = 512
const PERFORMANCE_STANDBY = 16_384

/** The server tells nobody when a mount is tuned or a node changes its part, and asking costs more than issuing a token. */
const FRESH_MS = 1_000

interface View { readonly defaultLeaseTtl: number; readonly maxLeaseTtl: number; readonly readOnly: boolean }

export class SystemViewClient implements SystemView {
  readonly #call: ReverseCall
  readonly #clock: Clock
  #view: Promise<View> | undefined
  /** When the view was asked for, on the monotonic clock. */
  #askedAt = 0

  constructor(client: Client, clock: Clock) {
    this.#call = reverseCalls(client, serviceDefinition(vaultBackend, 'pb.SystemView'), clock)
    this.#clock = clock
  }

  async defaultLeaseTtl(): Promise<number> { return (await this.#current()).defaultLeaseTtl }
  async maxLeaseTtl(): Promise<number> { return (await this.#current()).maxLeaseTtl }
  async readOnly(): Promise<boolean> { return (await this.#current()).readOnly }
  async tainted(): Promise<boolean> { return (await this.#call<{ tainted: boolean }>('Tainted', {})).tainted }

  #current(): Promise<View> {
    const now = this.#clock.monotonic()
    if (this.#view && now - this.#askedAt < FRESH_MS) return this.#view
    const view = this.#ask()
    this.#askedAt = now
    this.#view = view
    // A failure is not kept: the next request asks again.
    view.catch(() => { if (this.#view === view) this.#view = undefined })
    return view
  }

  async #ask(): Promise<View> {
    const [standard, max, replication, mount] = await Promise.all([
      this.#call<{ TTL: string }>('DefaultLeaseTTL', {}),
      this.#call<{ TTL: string }>('MaxLeaseTTL', {}),
      this.#call<{ state: number }>('ReplicationState', {}),
      this.#call<{ local: boolean }>('LocalMount', {}),
    ])
    const { state } = replication
    // A local mount of a secondary is its own and may be written there.
    const readOnly = (state & (PERFORMANCE_STANDBY | DR_SECONDARY)) !== 0 || ((state & PERFORMANCE_SECONDARY) !== 0 && !mount.local)
    return { defaultLeaseTtl: secondsOf(standard.TTL), maxLeaseTtl: secondsOf(max.TTL), readOnly }
  }
}
