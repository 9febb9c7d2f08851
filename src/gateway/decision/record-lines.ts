import { auditMembers, redactCredentials } from '../../audit/index.ts'
import { callerName, requestedFields, sessionFields } from './record-fields.ts'
import type { Decision, ExtraFields, KnownSession, Outcome, RequestedAccess } from './record-fields.ts'

/**
 * The members of decision and outcome records as their lines have them, letter for letter what the log makes of `decisionRecord` and
 * `outcomeRecord`. What many records share is searched for secrets and rendered once; of one call's own, only what can hold free text is.
 * Undefined = the log must look at the whole record: it is longer than usual, or has fields that are rare.
 */
export class RecordLines {
  /** With a comma before, as all that may be missing. */
  readonly #extra: string | undefined

  constructor(extraFields: ExtraFields) {
    this.#extra = rendered(extraFields)
  }

  decision(taken: Decision): string | undefined {
    const { decision, validation_result } = taken
    const ids = requestIds(taken.request_id, taken.caller_request_id)
    const reason = reasons(taken.reason)
    const session = sessionMembers(taken.session)
    const requested = requestedMembers(taken.requested)
    const caller = callers(callerName(taken.caller))
    const extra = this.#extra
    return taken.lateSeconds !== undefined ||
      ids === undefined ||
      reason === undefined ||
      session === undefined ||
      requested === undefined ||
      caller === undefined ||
      extra === undefined
      ? undefined
      : `"type":"decision"${ids},"decision":"${decision}","validation_result":"${validation_result}"${reason}${session}${requested}${extra}${caller}`
  }

  outcome(outcome: Outcome): string | undefined {
    const { status, upstream_ms, key_consent } = outcome
    const ids = requestIds(outcome.request_id, outcome.caller_request_id)
    const result = results(outcome.result)
    const session = sessionMembers(outcome.session)
    const requested = requestedMembers(outcome.requested)
    const consent = key_consent === undefined ? '' : `,"key_consent":"${key_consent}"`
    const latency = number(Math.round(outcome.latency_ms))
    const upstream = number(upstream_ms === null ? null : Math.round(upstream_ms))
    return outcome.redirects !== undefined ||
      ids === undefined ||
      result === undefined ||
      session === undefined ||
      requested === undefined
      ? undefined
      : `"type":"outcome"${ids}${result}${session}${requested}${consent},"status":${number(status)},"latency_ms":${latency},"upstream_ms":${upstream},"bytes":${number(outcome.bytes)},"key_echoes":${number(outcome.key_echoes)}`
  }
}

/** With a comma before; nothing where there are no fields. */
function rendered(fields: object): string | undefined {
  const members = auditMembers(fields)
  return members === '' || members === undefined ? members : `,${members}`
}

/** Renders what objects say that live longer than a call: each once. */
function renderedOnce<T extends object>(render: (value: T) => string | undefined): (value: T) => string | undefined {
  // Null = too long.
  const known = new WeakMap<T, string | null>()
  return (value) => {
    let members = known.get(value)
    if (members === undefined) {
      members = render(value) ?? null
      known.set(value, members)
    }
    return members ?? undefined
  }
}

const MOST_TEXTS = 1_000
const LONGEST_TEXT = 256

/** Renders texts of which there are few: codes, names of callers. */
function renderedTexts(fieldsOf: (text: string) => object): (text: string) => string | undefined {
  const known = new Map<string, string>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const members = rendered(fieldsOf(text))
    if (members === undefined || text.length > LONGEST_TEXT) return members
    if (known.size >= MOST_TEXTS) known.clear()
    known.set(text, members)
    return members
  }
}

const reasons = renderedTexts((reason) => ({ reason }))
const results = renderedTexts((result) => ({ result }))
const callers = renderedTexts((caller) => ({ caller }))
const unknownSession = rendered(sessionFields(undefined))
const agents = renderedTexts((agent_id) => ({ agent_id }))
/** Of the JSON of their three values: nearly all sessions of an agent have the same. */
const holders = renderedTexts((text) => {
  const [owner, environment, purpose] = JSON.parse(text) as unknown[]
  return { owner, environment, purpose }
})
const sessionId = /^sess_[0-9A-HJKMNP-TV-Z]{26}$/
const tokenId = /^tok_[0-9A-HJKMNP-TV-Z]{26}$/

/** A session is rendered for its first record, and most are seen in few: ids of ours hold nothing, the rest is known from others. */
function sessionOfOurs({ session_id, agent_id, token_id, ...holder }: KnownSession): string | undefined {
  if (!session_id || !agent_id || !token_id || !sessionId.test(session_id) || !tokenId.test(token_id)) return undefined
  const text = JSON.stringify([holder.owner ?? null, holder.environment ?? null, holder.purpose ?? null])
  const agent = agents(agent_id)
  const rest = text.length > LONGEST_TEXT ? undefined : holders(text)
  return agent === undefined || rest === undefined
    ? undefined
    : `,"session_id":"${session_id}"${agent},"token_id":"${token_id}"${rest}`
}

const knownSessions = renderedOnce<KnownSession>(
  (session) => sessionOfOurs(session) ?? rendered(sessionFields(session)),
)
const requestedMembers = renderedOnce<RequestedAccess>((requested) => rendered(requestedFields(requested)))

const sessionMembers = (session: KnownSession | undefined): string | undefined =>
  session === undefined ? unknownSession : knownSessions(session)

/** Ours, which hold nothing. */
const requestId = /^req_[0-9a-f]{32}$/
/** Need no escape in JSON. */
const plain = /^[A-Za-z0-9._:-]{1,128}$/

function requestIds(request_id: string, caller_request_id: string | undefined): string | undefined {
  if (!requestId.test(request_id)) return undefined
  if (caller_request_id === undefined) return `,"request_id":"${request_id}"`
  return plain.test(caller_request_id) && redactCredentials(caller_request_id) === caller_request_id
    ? `,"request_id":"${request_id}","caller_request_id":"${caller_request_id}"`
    : undefined
}

const number = (value: number | null): string => (Number.isFinite(value) ? String(value) : 'null')
