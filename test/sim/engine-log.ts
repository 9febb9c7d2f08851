/** Writes down, at the engine's own door, what it was asked and what it answered: the truth everything else is held to. */
import type { Clock } from '../../src/logical/clock.ts'
import type { Data } from '../../src/logical/data.ts'
import { fromUnknown } from '../../src/logical/errors.ts'
import type { Response } from '../../src/logical/response.ts'
import type { History, HistoryEvent } from './history.ts'
import type { Lease } from './leases.ts'
import type { Names } from './names.ts'
import { START_UNIX_MS } from './machine.ts'
import type { Process } from './machine.ts'
import { PluginDied } from './plugin.ts'
import type { PluginRequest } from './plugin.ts'

type Begin = Omit<Extract<HistoryEvent, { kind: 'begin' }>, 'kind' | 'op'>

/** Refusals of these kinds come before anything is changed. */
const untouched = new Set([
  'bad_request',
  'permission_denied',
  'not_found',
  'unsupported_path',
  'unsupported_operation',
  'rate_limited',
])

/** Clocks drift all the time; what is less than this is no news. */
const TELLING_MS = 1

export class EngineLog {
  readonly #history: History
  readonly #names: Names
  #clockOffsetMs = 0
  /** Which run of the engine it is: what a dead one reads tells nothing. */
  #run = 0

  constructor(history: History, names: Names) {
    this.#history = history
    this.#names = names
  }

  /**
   * The clock of a new engine, as `forwardClock` makes it of the machine's: it never goes back, and where the wall clock was set back it
   * goes by the monotonic one, which stands still in a sleep. What was set and taken back between two looks never happened for it.
   */
  clockOf({ clock, machine }: Process): Clock {
    const run = ++this.#run
    let [wallMs, seenMs] = [machine.wall(), machine.monotonic()]
    this.#clockIs(machine.wallOffsetMs)
    return {
      now: () => {
        const monotonicMs = machine.monotonic()
        wallMs = Math.max(machine.wall(), wallMs + monotonicMs - seenMs)
        seenMs = monotonicMs
        const offsetMs = wallMs - START_UNIX_MS - machine.world.now
        if (run === this.#run && Math.abs(offsetMs - this.#clockOffsetMs) > TELLING_MS) this.#clockIs(offsetMs)
        return clock.now()
      },
      monotonic: () => clock.monotonic(),
      after: (ms, callback) => clock.after(ms, callback),
    }
  }

  #clockIs(offsetMs: number): void {
    this.#clockOffsetMs = offsetMs
    this.#history.add({ kind: 'engine-clock', offsetMs })
  }

  async around(
    request: PluginRequest,
    lease: Lease | undefined,
    handle: () => Promise<Response | undefined>,
  ): Promise<Response | undefined> {
    const begun = this.#meaningOf(request, lease).map((begin) => ({ op: this.#history.begin(begin), begin }))
    try {
      const response = await handle()
      const data = response?.data ?? {}
      const results = 'batch_results' in data ? (data.batch_results as Data[]) : [data]
      for (const [index, { op, begin }] of begun.entries()) this.#wrote(op, begin, results[index]!, response)
      return response
    } catch (thrown) {
      const { kind } = fromUnknown(thrown)
      const died = thrown instanceof PluginDied
      const outcome = !died && untouched.has(kind) ? 'refused' : 'unknown'
      for (const { op } of begun) this.#history.add({ kind: 'end', op, outcome, why: died ? 'died' : kind })
      throw thrown
    }
  }

  #wrote(op: number, begin: Begin, data: Data, response: Response | undefined): void {
    const { what } = begin
    if (what === 'open' || what === 'refresh') {
      this.#history.add({
        kind: 'issued',
        op,
        session: this.#names.session(String(data.session_id)),
        token: this.#names.token(String(data.token)),
        agent: String(data.agent_id),
        parent: what === 'open' ? begin.token : undefined,
        scopes: data.scopes as string[],
        expires: Number(data.expires_at_unix),
      })
    } else if (what === 'renew') {
      const engineMs = START_UNIX_MS + this.#history.now + this.#clockOffsetMs
      const expires = Math.floor(engineMs / 1000) + (response?.secret?.lease_options.ttl ?? 0)
      this.#history.add({ kind: 'renewed', op, token: begin.token!, expires })
    } else if (what === 'introspect' && data.error !== undefined) {
      this.#history.add({ kind: 'end', op, outcome: 'unknown', why: String(data.error) })
    } else if (what === 'introspect') {
      const reason = data.active === true ? undefined : String(data.reason)
      this.#history.add({ kind: 'introspected', op, token: begin.token!, reason })
    } else this.#history.add({ kind: 'end', op, outcome: 'ok' })
  }

  /** What a request asks for; nothing that is kept count of, one thing, or several tokens at once. */
  #meaningOf(request: PluginRequest, lease: Lease | undefined): readonly Begin[] {
    const { operation, path, data } = request
    if (operation === 'update' && path === 'introspect')
      return ((data.batch_input as Data[] | undefined) ?? [data]).map((about) => this.#introspect(about))
    const begin = this.#changeBy(request, lease)
    return begin ? [begin] : []
  }

  #changeBy({ operation, path, data, secret }: PluginRequest, lease: Lease | undefined): Begin | undefined {
    if (lease && secret) return ofLease(operation, data, secret.lease_options.issue_time ?? null, lease)
    const [root = '', agent = '', rest] = path.split('/')
    if (root === 'creds') return this.#creds(operation, agent, rest, data)
    if (root === 'sessions' && operation === 'delete')
      return { what: 'end-session', session: this.#names.session(agent) }
    if (root === 'sessions' && agent === 'revoke-all') return { what: 'end-mount' }
    if (root === 'agents') return ofAgent(operation, agent, rest, data)
    return undefined
  }

  #introspect({ token, token_sha256, session_id }: PluginRequest['data']): Begin {
    const text =
      typeof token === 'string'
        ? this.#names.token(token)
        : typeof token_sha256 === 'string'
          ? this.#names.digest(token_sha256)
          : this.#names.session(String(session_id))
    return { what: 'introspect', token: text }
  }

  #creds(operation: string, agent: string, session: string | undefined, data: PluginRequest['data']): Begin {
    const name = session === undefined ? undefined : this.#names.session(session)
    if (operation === 'delete') return { what: 'end-session', session: name! }
    const ttl = Number(data.ttl)
    if (name !== undefined) return { what: 'refresh', agent, session: name, ttl }
    const parent = typeof data.parent_token === 'string' ? this.#names.token(data.parent_token) : undefined
    return { what: 'open', agent, ttl, ...(parent === undefined ? {} : { token: parent }) }
  }
}

function ofLease(
  operation: string,
  data: PluginRequest['data'],
  issueTime: number | null,
  { token, session }: Lease,
): Begin {
  if (operation === 'renew') return { what: 'renew', token, session }
  if (issueTime === null) return { what: 'undo', token, session }
  return { what: data.onPurpose === true ? 'revoke-lease' : 'lease-ran-out', token, session }
}

function ofAgent(
  operation: string,
  agent: string,
  rest: string | undefined,
  data: PluginRequest['data'],
): Begin | undefined {
  const writes = operation === 'update'
  if (rest === 'revoke' && writes) return { what: 'end-agent', agent }
  if (rest === 'scopes' && writes) return { what: 'declare', agent, scopes: data.scopes as string[] }
  if (rest !== undefined) return undefined
  return operation === 'delete' || (writes && data.disabled === true) ? { what: 'end-agent', agent } : undefined
}
