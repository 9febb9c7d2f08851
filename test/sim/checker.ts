/**
 * Judges a history by the promises: nothing accepted later than the bound after its end or narrowing was acknowledged, no key used
 * after expiry or before its decision was durable, nothing ended lives again, no acknowledged write is lost, and an outage is
 * never called an invalid token.
 */
import type { Entry, HistoryEvent } from './history.ts'
import { lineOf } from './history.ts'
import { Truth } from './truth.ts'
import type { SessionTruth, TokenTruth } from './truth.ts'

export type Rule =
  | 'late accept'
  | 'expired accept'
  | 'revival'
  | 'lost write'
  | 'false invalid'
  | 'unrecorded key'
  | 'no recovery'
  | 'broken'

export interface Violation {
  readonly rule: Rule
  readonly entry: Entry
  readonly why: string
  /** Names whose entries explain it. */
  readonly about: readonly string[]
}

/** Clocks that drift and whole milliseconds. */
const SLACK_MS = 25
/** How much too early something may be called expired: a round trip, of which the longest is a poll that is given up. */
const EARLY_MS = 3_500
const CALM_EARLY_MS = 400
/** Work at an MCP server may go on for so long after its machine woke, until the SDK looks at its clocks. */
const WAKING_MS = 250
/** A refusal may rest on documents that were read, or retried, for so long. */
const JUDGING_MS = 15_000

type Accept = Extract<HistoryEvent, { kind: 'accept' }>
type Refuse = Extract<HistoryEvent, { kind: 'refuse' }>
type Introspected = Extract<HistoryEvent, { kind: 'introspected' }>

export function judge(entries: readonly Entry[], isCalm: boolean): Violation[] {
  const checker = new Checker(isCalm)
  for (const entry of entries) checker.take(entry)
  return checker.violations
}

class Checker {
  readonly violations: Violation[] = []
  readonly #truth = new Truth()
  readonly #isCalm: boolean
  readonly #durable = new Set<string>()
  /** Token and gateway: this gateway has said that it is revoked. */
  readonly #calledRevoked = new Set<string>()
  /** By token or session name: when the engine first answered that it is revoked, or expired. */
  readonly #inactiveSince = new Map<string, { readonly t: number; readonly reason: string }>()
  /** By machine: when it last woke. */
  readonly #wokeAt = new Map<string, number>()
  #healedAt = Infinity

  constructor(isCalm: boolean) {
    this.#isCalm = isCalm
  }

  take(entry: Entry): void {
    const { event } = entry
    this.#truth.learn(entry)
    switch (event.kind) {
      case 'durable':
        this.#durable.add(event.request)
        break
      case 'accept':
        this.#accept(entry, event)
        break
      case 'refuse':
        this.#refuse(entry, event)
        break
      case 'introspected':
        this.#introspected(entry, event)
        break
      case 'read':
        this.#read(entry, event)
        break
      case 'woke':
        this.#wokeAt.set(event.at, entry.t)
        break
      case 'healed':
        this.#healedAt = entry.t
        break
      case 'broken':
        this.#violate('broken', entry, event.what)
        break
      default:
        break
    }
  }

  #violate(rule: Rule, entry: Entry, why: string, token?: TokenTruth): void {
    const chain = token ? this.#truth.chainOf(token.session) : []
    const about = chain.flatMap((session) => [
      session.name,
      session.agent.name,
      ...session.tokens.map(({ name }) => name),
    ])
    this.violations.push({ rule, entry, why, about: [...new Set(about)] })
  }

  #accept(entry: Entry, event: Accept): void {
    const token = this.#truth.tokens.get(event.token)
    if (!token) {
      this.#violate('broken', entry, 'a token was accepted that was never issued')
      return
    }
    const isNew = event.how === 'validate' || event.how === 'key'
    if (event.how === 'key' && !this.#durable.has(event.request))
      this.#violate('unrecorded key', entry, 'the key left before the decision was durable', token)
    if (isNew && this.#calledRevoked.has(`${event.at} ${event.token}`))
      this.#violate('revival', entry, `${event.at} had called this token revoked`, token)
    if (event.how === 'work' && entry.t - (this.#wokeAt.get(event.at) ?? -Infinity) <= WAKING_MS + SLACK_MS) return
    this.#checkEnds(entry, event, token, isNew)
    this.#checkScope(entry, event, token)
    this.#checkExpiry(entry, event, token, isNew)
  }

  #checkEnds(entry: Entry, { limitMs }: Accept, token: TokenTruth, isNew: boolean): void {
    for (const session of this.#truth.chainOf(token.session)) {
      const endedAt = this.#truth.endedAt(session)
      if (endedAt !== undefined && entry.t - endedAt > limitMs + SLACK_MS)
        this.#violate(
          'late accept',
          entry,
          `${session.name} had been over for ${(entry.t - endedAt).toFixed(0)} ms, the bound is ${limitMs} ms`,
          token,
        )
    }
    const ends = token.ends.flatMap(({ ackedAt }) => ackedAt ?? [])
    if (isNew && ends.length > 0 && entry.t - Math.min(...ends) > limitMs + SLACK_MS)
      this.#violate('late accept', entry, `${token.name} had been ended, and the bound is ${limitMs} ms`, token)
  }

  #checkScope(entry: Entry, { limitMs, scope }: Accept, token: TokenTruth): void {
    for (const session of this.#truth.chainOf(token.session)) {
      const declared = session.agent.scopes.possible(entry.t - limitMs - SLACK_MS, entry.t)
      if (!session.scopes.includes(scope) || !declared.some((list) => list.includes(scope)))
        this.#violate('late accept', entry, `${session.name} has not had ${scope} for longer than ${limitMs} ms`, token)
    }
  }

  /** A tool at an MCP server goes on for as long as the gateway vouched; the gateway itself gives nothing. */
  #checkExpiry(entry: Entry, { how, limitMs }: Accept, token: TokenTruth, isNew: boolean): void {
    const graceMs = how === 'work' || how === 'result' ? limitMs : 0
    const since = entry.t - limitMs - SLACK_MS
    const { least } = this.#truth.engineClock(since, entry.t)
    const latestOf = (tokens: readonly TokenTruth[]) =>
      Math.max(...tokens.flatMap((one) => one.expiry.possible(since, entry.t)))
    const links = this.#truth
      .chainOf(token.session)
      .map((session) => Math.max(latestOf(session.tokens) * 1000, this.#truth.inDoubtUntil(session, entry.t)))
    const expires = Math.min(...links, ...(isNew ? [latestOf([token]) * 1000] : []))
    if (least > expires + graceMs + 2 * SLACK_MS)
      this.#violate(
        'expired accept',
        entry,
        `expired ${(least - expires).toFixed(0)} ms before, by the engine's clock`,
        token,
      )
  }

  #refuse(entry: Entry, event: Refuse): void {
    const token = this.#truth.tokens.get(event.token)
    if (!token) return
    if (event.type === 'invalid_token') {
      if (event.code.includes('revo')) this.#calledRevoked.add(`${event.at} ${event.token}`)
      if (!this.#isExplained(token, entry.t, !event.code.includes('revo')))
        this.#violate('false invalid', entry, `nobody ended ${token.name}, and it has not expired`, token)
    } else if (event.type === 'insufficient_scope') {
      if (!this.#isNarrowed(token.session, entry.t, event.scope))
        this.#violate('false invalid', entry, `${token.session.name} has ${event.scope}`, token)
    } else if (entry.t > this.#healedAt) this.#violate('no recovery', entry, `refused with ${event.code}`, token)
  }

  #introspected(entry: Entry, { op, token: name, reason }: Introspected): void {
    const token = this.#truth.tokens.get(name) ?? this.#truth.sessions.get(name)?.tokens.at(-1)
    const before = this.#inactiveSince.get(name)
    const startedAt = this.#truth.startOf(op)
    if (reason === undefined) {
      if (before?.reason === 'revoked' && startedAt > before.t)
        this.#violate('revival', entry, `the engine had answered that ${name} is revoked`, token)
      return
    }
    if (!before) this.#inactiveSince.set(name, { t: entry.t, reason })
    if (!token || token.issuedAt > startedAt) return
    if (!this.#isExplained(token, entry.t, reason === 'expired'))
      this.#violate('lost write', entry, `nobody ended ${token.name}, and the engine calls it ${reason}`, token)
  }

  #read(entry: Entry, { agent, scopes }: Extract<HistoryEvent, { kind: 'read' }>): void {
    const possible = this.#truth.agent(agent).scopes.possible(entry.t, entry.t)
    if (!possible.some((list) => list.join() === scopes.join()))
      this.#violate('lost write', entry, `agent ${agent} should declare ${possible.map(String).join(' or ')}`)
  }

  /** There is a reason to call it invalid: someone began to end it or what it hangs on, or, where that may be why, it has expired. */
  #isExplained(token: TokenTruth, at: number, mayBeExpiry: boolean): boolean {
    if (token.ends.some((end) => end.startedAt <= at)) return true
    const chain = this.#truth.chainOf(token.session)
    if (chain.some((session) => this.#truth.mayHaveEnded(session, at))) return true
    if (!mayBeExpiry) return false
    const earlyMs = this.#isCalm ? CALM_EARLY_MS : EARLY_MS
    const since = at - JUDGING_MS
    const { most } = this.#truth.engineClock(since, at)
    const isOver = (expires: number) => most + earlyMs >= expires * 1000
    if (token.expiry.possible(since, at).some(isOver)) return true
    return chain.some((session) => {
      // A session lives as long as any of its tokens.
      const settled = session.tokens.filter((one) => one.issuedAt < since)
      const known = settled.length > 0 ? settled : session.tokens.slice(0, 1)
      return known.every((one) => one.expiry.possible(since, at).some(isOver))
    })
  }

  #isNarrowed(session: SessionTruth, at: number, scope: string): boolean {
    return this.#truth.chainOf(session).some((link) => {
      const lists = link.agent.scopes.possible(at - JUDGING_MS, at)
      return (
        !link.scopes.includes(scope) ||
        lists.some((list) => !list.includes(scope)) ||
        this.#truth.mayHaveEnded(link, at)
      )
    })
  }
}

const LONGEST_EXCERPT = 40

/** The entries that lead to a violation: those about its token, sessions and agent, and the faults between, up to the violation. */
export function excerpt(entries: readonly Entry[], { entry, about }: Violation): string[] {
  const mentions = ({ event }: Entry): boolean =>
    event.kind === 'fault' ||
    event.kind === 'engine-clock' ||
    about.some((name) => Object.values(event).some((value) => value === name))
  const relevant = entries
    .slice(0, entries.indexOf(entry) + 1)
    .filter((one) => one === entry || isTelling(one, mentions))
  return relevant.slice(-LONGEST_EXCERPT).map(lineOf)
}

/** Accepts before the violation say little, and there are thousands. */
const isTelling = (entry: Entry, mentions: (entry: Entry) => boolean): boolean =>
  entry.event.kind !== 'accept' && entry.event.kind !== 'durable' && mentions(entry)
