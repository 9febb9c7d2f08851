/** What was true of sessions, tokens and scopes at each moment, built from what the engine was asked and what it answered. */
import type { Entry, HistoryEvent } from './history.ts'
import { START_UNIX_MS } from './machine.ts'
import { Timeline } from './timeline.ts'
import type { Span } from './timeline.ts'

/** An attempt to end something. `ackedAt` undefined = it may or may not have had an effect. */
export interface End {
  readonly startedAt: number
  ackedAt: number | undefined
}

export interface TokenTruth {
  readonly name: string
  readonly session: SessionTruth
  /** The request it was issued by. */
  readonly op: number
  readonly issuedAt: number
  /** Unix seconds. */
  readonly expiry: Timeline<number>
  readonly ends: End[]
}

export interface SessionTruth {
  readonly name: string
  readonly agent: AgentTruth
  readonly parent: SessionTruth | undefined
  readonly openedAt: number
  readonly scopes: readonly string[]
  readonly tokens: TokenTruth[]
  readonly ends: End[]
  /** Requests to issue a token for it, answered or not. */
  readonly issueOps: number[]
}

export interface AgentTruth {
  readonly name: string
  readonly ends: End[]
  readonly scopes: Timeline<readonly string[]>
}

type Begin = Extract<HistoryEvent, { kind: 'begin' }>

interface Op {
  readonly begin: Begin
  readonly startedAt: number
  /** Attempts to end something that this request stands for. */
  readonly ends: End[]
  readonly declared:
    { readonly timeline: Timeline<readonly string[]>; readonly span: Span<readonly string[]> } | undefined
  /** Of a renewal: the token's expiry while it is not known what it was moved to. */
  readonly moved: Span<number> | undefined
  endedAt: number | undefined
  /** It has told what it issued, or that it issued nothing. */
  isSettled: boolean
}

export class Truth {
  readonly tokens = new Map<string, TokenTruth>()
  readonly sessions = new Map<string, SessionTruth>()
  readonly mountEnds: End[] = []
  readonly #agents = new Map<string, AgentTruth>()
  readonly #ops = new Map<number, Op>()
  readonly #offsets: { readonly from: number; readonly offsetMs: number }[] = []

  agent(name: string): AgentTruth {
    const known = this.#agents.get(name)
    if (known) return known
    const agent: AgentTruth = { name, ends: [], scopes: new Timeline() }
    this.#agents.set(name, agent)
    return agent
  }

  startOf(op: number): number {
    return this.#ops.get(op)?.startedAt ?? 0
  }

  /** The session itself, and those it was delegated from. */
  chainOf(session: SessionTruth): SessionTruth[] {
    return session.parent ? [session, ...this.chainOf(session.parent)] : [session]
  }

  /** The earliest moment at which it was acknowledged that this session, by itself, is over. */
  endedAt(session: SessionTruth): number | undefined {
    const byAgentOrMount = [...session.agent.ends, ...this.mountEnds].filter((end) => end.startedAt > session.openedAt)
    const acked = [...session.ends, ...byAgentOrMount].flatMap(({ ackedAt }) => ackedAt ?? [])
    return acked.length === 0 ? undefined : Math.min(...acked)
  }

  /** Somebody has at least begun to end it by `at`. */
  mayHaveEnded(session: SessionTruth, at: number): boolean {
    const overlapping = [...session.agent.ends, ...this.mountEnds].filter(
      (end) => end.ackedAt === undefined || end.ackedAt >= this.startOf(session.tokens[0]?.op ?? 0),
    )
    return [...session.ends, ...overlapping].some((end) => end.startedAt <= at)
  }

  /**
   * Until when, in Unix milliseconds on the engine's clock, a session may live by tokens that nobody was told of: a refresh whose
   * outcome is unknown may have stored one.
   */
  inDoubtUntil({ issueOps }: SessionTruth, at: number): number {
    const ends = issueOps.flatMap((id) => {
      const op = this.#ops.get(id)
      if (!op || op.isSettled) return []
      return this.engineClock(op.startedAt, op.endedAt ?? at).most + (op.begin.ttl ?? 0) * 1000
    })
    return Math.max(-Infinity, ...ends)
  }

  /** Unix milliseconds on the engine's clock at `at`, as it may have been known of at any moment since `from`: the least and the most. */
  engineClock(from: number, at: number): { readonly least: number; readonly most: number } {
    const offsets = this.#offsets
      .filter((offset, index) => offset.from <= at && (this.#offsets[index + 1]?.from ?? Infinity) >= from)
      .map(({ offsetMs }) => offsetMs)
    return { least: START_UNIX_MS + at + Math.min(...offsets), most: START_UNIX_MS + at + Math.max(...offsets) }
  }

  learn({ t, event }: Entry): void {
    switch (event.kind) {
      case 'begin':
        this.#begin(t, event)
        break
      case 'end':
        this.#end(t, event.op, event.outcome)
        break
      case 'issued':
        this.#issued(t, event)
        break
      case 'renewed':
        this.#renewed(t, event)
        break
      case 'engine-clock':
        this.#offsets.push({ from: t, offsetMs: event.offsetMs })
        break
      default:
        break
    }
  }

  #begin(t: number, begin: Begin): void {
    const session = begin.session === undefined ? undefined : this.sessions.get(begin.session)
    if (begin.what === 'refresh') session?.issueOps.push(begin.op)
    const ends = this.#targetsOf(begin, session, t).map((list) => {
      const end: End = { startedAt: t, ackedAt: undefined }
      list.push(end)
      return end
    })
    const timeline = begin.what === 'declare' ? this.agent(begin.agent ?? '').scopes : undefined
    const declared = timeline && { timeline, span: timeline.begin(begin.scopes ?? [], t) }
    const moved = begin.what === 'renew' ? this.tokens.get(begin.token ?? '')?.expiry.begin(Infinity, t) : undefined
    this.#ops.set(begin.op, { begin, startedAt: t, ends, declared, moved, endedAt: undefined, isSettled: false })
  }

  #renewed(t: number, { op, token, expires }: Extract<HistoryEvent, { kind: 'renewed' }>): void {
    const expiry = this.tokens.get(token)?.expiry
    const moved = this.#ops.get(op)?.moved
    if (!expiry || !moved) return
    expiry.refused(moved)
    expiry.made(expiry.begin(expires, moved.from), t)
  }

  /** Where to write down that somebody tries to end something. What comes first is what an acknowledgement counts for. */
  #targetsOf({ what, token, agent }: Begin, session: SessionTruth | undefined, t: number): End[][] {
    const its = token === undefined ? undefined : this.tokens.get(token)
    switch (what) {
      case 'revoke-lease':
        return its ? [its.ends, its.session.ends] : []
      case 'lease-ran-out':
        // After a renewal in doubt the host may think it shorter than the engine does, and the engine take this for a revocation.
        if (its?.expiry.possible(t, t).includes(Infinity)) return [its.ends, its.session.ends]
        return its ? [its.ends] : []
      case 'undo':
        if (!its) return []
        return its.session.tokens.length === 1 ? [its.ends, its.session.ends] : [its.ends]
      case 'end-session':
        return session ? [session.ends] : []
      case 'end-agent':
        return [this.agent(agent ?? '').ends]
      case 'end-mount':
        return [this.mountEnds]
      default:
        return []
    }
  }

  #end(t: number, opId: number, outcome: 'ok' | 'refused' | 'unknown'): void {
    const op = this.#ops.get(opId)
    if (!op) return
    op.endedAt = t
    op.isSettled = outcome !== 'unknown'
    if (op.declared) {
      const { timeline, span } = op.declared
      if (outcome === 'ok') timeline.made(span, t)
      else if (outcome === 'refused') timeline.refused(span)
      else timeline.inDoubt(span)
    }
    if (op.moved && outcome === 'refused') this.tokens.get(op.begin.token ?? '')?.expiry.refused(op.moved)
    if (outcome !== 'ok') return
    const [first, second] = op.ends
    if (first && this.#counts(op, t)) first.ackedAt = t
    if (second && first?.ackedAt === t && this.#endsSession(op)) second.ackedAt = t
  }

  /** What has expired by the engine's own clock is over without a write, so that ending it promises nothing. */
  #counts({ begin, startedAt }: Op, t: number): boolean {
    if (begin.what === 'lease-ran-out' || begin.what === 'undo') return false
    const token = begin.token === undefined ? undefined : this.tokens.get(begin.token)
    if (token) return !this.#mayHaveExpired(token, startedAt, t)
    const session = begin.session === undefined ? undefined : this.sessions.get(begin.session)
    return !session || session.tokens.some((one) => !this.#mayHaveExpired(one, startedAt, t))
  }

  /** Revoking the newest token's lease ends the session; whether an older one's does is the engine's rule of thumb. */
  #endsSession({ begin, ends }: Op): boolean {
    const token = this.tokens.get(begin.token ?? '')
    if (begin.what !== 'revoke-lease' || !token) return false
    return token.op === token.session.issueOps.at(-1) && token.ends.every((end) => ends.includes(end))
  }

  #mayHaveExpired(token: TokenTruth, from: number, to: number): boolean {
    const { most } = this.engineClock(from, to)
    return token.expiry.possible(from, to).some((expires) => most >= expires * 1000)
  }

  #issued(t: number, event: Extract<HistoryEvent, { kind: 'issued' }>): void {
    const parent = event.parent === undefined ? undefined : this.tokens.get(event.parent)?.session
    const session: SessionTruth = this.sessions.get(event.session) ?? {
      name: event.session,
      agent: this.agent(event.agent),
      parent,
      openedAt: t,
      scopes: this.#granted(t, event),
      tokens: [],
      ends: [],
      issueOps: [event.op],
    }
    this.sessions.set(event.session, session)
    const token: TokenTruth = {
      name: event.token,
      session,
      op: event.op,
      issuedAt: t,
      expiry: new Timeline(),
      ends: [],
    }
    token.expiry.made(token.expiry.begin(event.expires, t), t)
    session.tokens.push(token)
    const op = this.#ops.get(event.op)
    if (op) op.isSettled = true
    this.tokens.set(event.token, token)
  }

  /**
   * Granted is what was declared when the session was opened. The response tells what is in force when it is written: a scope taken
   * away between the two is missing in it, and comes back to the session with the declaration.
   */
  #granted(t: number, { op, agent, scopes }: Extract<HistoryEvent, { kind: 'issued' }>): readonly string[] {
    const startedAt = this.#ops.get(op)?.startedAt ?? t
    return [...new Set([...scopes, ...this.agent(agent).scopes.possible(startedAt, t).flat()])]
  }
}
