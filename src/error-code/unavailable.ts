import type { ErrorCodeEntry } from './entry.ts'

/** Nothing is known at the moment: the token is kept and the request sent again. 503 unless said otherwise. */
export const unavailableCodes = {
  caller_unauthenticated: {
    origin: 'sdk',
    meaning: 'This server has no valid credential for the gateway.',
    actor: 'operator',
    action: "Give the server a valid one; the agent's token may be perfect and is kept.",
  },
  caller_forbidden: {
    origin: 'sdk',
    meaning: "Something on the way to the gateway refused this server's credential.",
    actor: 'operator',
    action: "Check the server's credential; the agent's token may be perfect and is kept.",
  },
  stale: {
    meaning: 'The gateway is out of contact with Vault and can no longer vouch for the session or the key.',
    actor: 'nobody',
    action: 'Try again; operators check that the gateway reaches Vault.',
  },
  feed_behind: {
    meaning: 'The gateway is still catching up with the revocation feed.',
    actor: 'nobody',
    action: 'Try again.',
  },
  vault_behind: {
    meaning: 'Documents change faster than they can be read, or the Vault node lags behind.',
    actor: 'nobody',
    action: 'Try again.',
  },
  vault_unavailable: {
    meaning: 'Vault gives no usable response at the moment.',
    actor: 'operator',
    action: 'Try again; check that Vault is unsealed, reachable and has the engine mounted.',
  },
  document_unreadable: {
    retry: false,
    meaning:
      'A document of the engine breaks the rules this gateway knows; an engine of another version may have stored it.',
    actor: 'operator',
    action: 'Write the document again, or run engine and gateway of one version; the message names document and field.',
  },
  mount_gone: {
    retry: false,
    meaning: 'Vault no longer has the engine where the gateway expects it: the mount was disabled or moved.',
    actor: 'operator',
    action: 'Keep the token; mount the engine there again, or set the mount in the gateway and restart it.',
  },
  vault_sealed: {
    retry: false,
    meaning: 'For five seconds no configured Vault node has been active: Vault is sealed or has no leader.',
    actor: 'operator',
    action: 'Keep the token; unseal Vault.',
  },
  gateway_refused: {
    retry: false,
    meaning: "Vault refuses the gateway's own login, or what it asks for under a fresh one.",
    actor: 'operator',
    action: "Keep the token; restore the gateway's policy, role and secret id in Vault.",
  },
  busy: {
    meaning: 'Too many lookups are under way.',
    actor: 'nobody',
    action: 'Try again.',
  },
  audit_unavailable: {
    meaning: 'The decision cannot be recorded, so the request is refused.',
    actor: 'operator',
    action: 'Make room for the audit log of the gateway, or make it writable.',
  },
  shutting_down: {
    meaning: 'The gateway is shutting down.',
    actor: 'nobody',
    action: 'Try again; another gateway or the restarted one responds.',
  },
  caller_gone: {
    meaning: 'The caller gave up the request before it had ended.',
    actor: 'nobody',
    action: 'Nothing: the caller has gone.',
  },
  call_ended: {
    meaning: 'The call was ended before its response was complete.',
    actor: 'nobody',
    action: 'Try again, if the call may be repeated.',
  },
  upstream_changed: {
    meaning: 'The upstream was changed during the call.',
    actor: 'nobody',
    action: 'Try again, if the call may be repeated.',
  },
  grant_changed: {
    meaning: 'Less of the response may be passed on than when the call began.',
    actor: 'nobody',
    action: 'Try again, if the call may be repeated.',
  },
  too_many_live_tokens: {
    kind: 'rate_limited',
    meaning: 'The session has reached its limit of live tokens.',
    actor: 'MCP server',
    action: 'Go on with a token it holds, and refresh after `Retry-After`; open a session for each worker.',
  },
  calls_limit: {
    kind: 'rate_limited',
    meaning: 'The session, or the address, has reached its limit of concurrent calls.',
    actor: 'agent',
    action: 'Wait for a call to end, then send it again.',
  },
  streams_limit: {
    kind: 'rate_limited',
    meaning: 'Too many streams watch the session, or the caller validates tokens on too many.',
    actor: 'MCP server',
    action: 'End a stream first; one for each session, and one to validate tokens on, is enough.',
  },
  lookups_limit: {
    kind: 'rate_limited',
    meaning: 'Too many tokens that this gateway does not know came from the same place.',
    actor: 'MCP server',
    action: 'Wait as long as `Retry-After` says.',
  },
  refusals_limit: {
    kind: 'rate_limited',
    meaning: 'More requests of the session were refused in this second than are recorded one by one.',
    actor: 'agent',
    action: 'Look at what the requests are refused for; they go on being refused.',
  },
  buffer_limit: {
    kind: 'rate_limited',
    meaning: 'The calls of the session hold more bytes of bodies than there is room for.',
    actor: 'agent',
    action: 'Ask for less at a time, or for fewer responses at once.',
  },
  upstream_share_limit: {
    kind: 'rate_limited',
    meaning: 'The session has its share of the connections to the upstream.',
    actor: 'agent',
    action: 'Wait for a call to end, then send it again.',
  },
  rate_limited: {
    kind: 'rate_limited',
    meaning: 'Vault or the gateway limits how often this may be requested.',
    actor: 'agent',
    action: 'Wait as long as `Retry-After` says.',
  },
  unavailable: {
    meaning: 'Vault did not respond.',
    actor: 'nobody',
    action: 'Try again.',
  },
  sealed: {
    kind: 'sealed',
    meaning: 'Vault is sealed.',
    actor: 'operator',
    action: 'Unseal Vault.',
  },
  readonly: {
    kind: 'readonly',
    meaning: 'The Vault node takes no writes.',
    actor: 'nobody',
    action: 'Try again.',
  },
  precondition_failed: {
    kind: 'precondition_failed',
    meaning: 'The Vault node has not yet seen what the request rests on.',
    actor: 'nobody',
    action: 'Try again.',
  },
  unsupported_path: {
    kind: 'unsupported_path',
    meaning: 'Vault has nothing at the path; the engine may be unmounted.',
    actor: 'operator',
    action: 'Check the mount.',
  },
  unrecoverable: {
    kind: 'unrecoverable',
    meaning: 'Vault failed in a way that another attempt will not fix.',
    actor: 'operator',
    action: "Read Vault's log.",
  },
  internal: {
    kind: 'internal',
    meaning: 'The gateway failed; its log has the cause under the request id.',
    actor: 'operator',
    action: "Read the gateway's log.",
  },
  gateway_unreachable: {
    origin: 'sdk',
    meaning: 'The gateway cannot be reached.',
    actor: 'operator',
    action: 'Check the address and whether the gateway runs.',
  },
  deadline_exceeded: {
    origin: 'sdk',
    meaning: 'The gateway did not respond in time.',
    actor: 'nobody',
    action: 'Try again.',
  },
  unimplemented: {
    origin: 'sdk',
    meaning: 'The gateway does not know the method.',
    actor: 'MCP server',
    action: 'Use an SDK of the version of the gateway.',
  },
  empty_answer: {
    origin: 'sdk',
    meaning: 'The gateway sent an empty response.',
    actor: 'nobody',
    action: 'Try again.',
  },
  unwatched: {
    origin: 'sdk',
    meaning: 'The gateway does not vouch for the session at the moment, so work under it was stopped.',
    actor: 'nobody',
    action: 'Try again.',
  },
  cut: {
    origin: 'sdk',
    meaning: 'The connection to the gateway was cut.',
    actor: 'nobody',
    action: 'Try again, if the call may be repeated.',
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>
