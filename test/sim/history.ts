/** What happened in an episode, in order: all that the checker judges by, and what the digest of a trace is taken over. */
import { createHash } from 'node:crypto'

export type OpKind =
  | 'open'
  | 'refresh'
  | 'renew'
  | 'revoke-lease'
  | 'lease-ran-out'
  | 'undo'
  | 'end-session'
  | 'end-agent'
  | 'end-mount'
  | 'declare'
  | 'introspect'

/** A request as it stood at the engine's own door: begun, and ended in one of three ways or never. */
export type OpOutcome = 'ok' | 'refused' | 'unknown'

export type HistoryEvent =
  | {
      readonly kind: 'begin'
      readonly op: number
      readonly what: OpKind
      readonly agent?: string
      readonly session?: string
      readonly token?: string
      readonly scopes?: readonly string[]
      /** Asked for, in seconds. */
      readonly ttl?: number
    }
  | { readonly kind: 'end'; readonly op: number; readonly outcome: OpOutcome; readonly why?: string }
  /** Ends an `open` or `refresh` that was answered. Times in Unix seconds. */
  | {
      readonly kind: 'issued'
      readonly op: number
      readonly session: string
      readonly token: string
      readonly agent: string
      readonly parent: string | undefined
      readonly scopes: readonly string[]
      readonly expires: number
    }
  | { readonly kind: 'renewed'; readonly op: number; readonly token: string; readonly expires: number }
  /** Ends an `introspect`; `reason` undefined = active. */
  | { readonly kind: 'introspected'; readonly op: number; readonly token: string; readonly reason: string | undefined }
  /** Something was allowed. `key`: the real key left for an upstream; `byte`: a part of its response was handed on; `work`: a tool went on. */
  | {
      readonly kind: 'accept'
      readonly how: 'validate' | 'key' | 'byte' | 'work' | 'result'
      readonly at: string
      readonly request: string
      readonly token: string
      readonly scope: string
      readonly limitMs: number
    }
  | {
      readonly kind: 'refuse'
      readonly at: string
      readonly token: string
      readonly scope: string
      readonly type: string
      readonly code: string
    }
  | { readonly kind: 'durable'; readonly at: string; readonly request: string }
  /** The engine's clock is from now on so far ahead of the true time. */
  | { readonly kind: 'engine-clock'; readonly offsetMs: number }
  | { readonly kind: 'woke'; readonly at: string }
  /** What a document holds at the end. */
  | { readonly kind: 'read'; readonly agent: string; readonly scopes: readonly string[] }
  /** From now on nothing is wrong with network, disk and machines. */
  | { readonly kind: 'healed' }
  | { readonly kind: 'fault'; readonly what: string }
  | { readonly kind: 'broken'; readonly what: string }

export interface Entry {
  /** True milliseconds. */
  readonly t: number
  readonly event: HistoryEvent
}

export class History {
  readonly entries: Entry[] = []
  readonly #now: () => number
  #ops = 0

  constructor(now: () => number) {
    this.#now = now
  }

  get now(): number {
    return this.#now()
  }

  add(event: HistoryEvent): void {
    this.entries.push({ t: this.#now(), event })
  }

  begin(event: Omit<Extract<HistoryEvent, { kind: 'begin' }>, 'kind' | 'op'>): number {
    const op = ++this.#ops
    this.add({ kind: 'begin', op, ...event })
    return op
  }

  digest(): string {
    const hash = createHash('sha256')
    for (const entry of this.entries) hash.update(`${lineOf(entry)}\n`)
    return hash.digest('hex')
  }
}

export function lineOf({ t, event }: Entry): string {
  const { kind, ...rest } = event
  const fields = Object.entries(rest).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${Array.isArray(value) ? value.join(',') : String(value)}`],
  )
  return `${t.toFixed(3).padStart(10)} ${kind.padEnd(12)} ${fields.join(' ')}`
}
