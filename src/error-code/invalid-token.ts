import type { ErrorCodeEntry } from './entry.ts'

/** The session is over or never was, or the caller is not who it has to be. 401 unless said otherwise. */
export const invalidTokenCodes = {
  missing: {
    meaning: 'The request carries no session token.',
    actor: 'agent',
    action: 'Send the token that `creds` returned, as the upstream documentation says where its key goes.',
  },
  malformed: {
    meaning: 'What was sent is not a session token of this gateway: it is truncated, mistyped or of another kind.',
    actor: 'agent',
    action: 'Send the token exactly as `creds` returned it.',
  },
  unknown: {
    meaning: 'No such token or session is known.',
    actor: 'agent',
    action: 'Open a new session.',
  },
  expired: {
    meaning: 'The token has expired, before the call or while it was under way.',
    actor: 'agent',
    action: "Use the session's newest token, or open a new session.",
  },
  revoked: {
    meaning: 'The session was ended while the call was under way.',
    actor: 'agent',
    action: 'Open a new session, if that is still allowed.',
  },
  reuse_after_expiry: {
    meaning: 'A token was used after it had expired, and not for the first time.',
    actor: 'agent',
    action: "Use the session's newest token, or open a new session.",
  },
  reuse_after_revocation: {
    meaning: 'A token was used after it had been revoked.',
    actor: 'agent',
    action: 'Open a new session; an operator may want to know who holds the old token.',
  },
  ended: {
    origin: 'sdk',
    meaning: 'The session is over, and the gateway gave no reason.',
    actor: 'agent',
    action: 'Open a new session.',
  },
  closed: {
    origin: 'sdk',
    meaning: 'The session was closed by this program.',
    actor: 'MCP server',
    action: 'Open another session.',
  },
  caller_missing: {
    meaning: "The caller's own credential is missing.",
    actor: 'MCP server',
    action: 'Send `Authorization: Bearer <Vault token or service token>`.',
  },
  caller_unknown: {
    meaning: "The caller's own credential is not valid.",
    actor: 'MCP server',
    action: 'Check the service token or Vault token, and whether it was replaced or has expired.',
  },
  caller_phantom_token: {
    meaning: 'A session token was sent where the caller must authenticate itself.',
    actor: 'MCP server',
    action: 'Authenticate with a Vault or service token and put the session token into the body.',
  },
  caller_jwt_not_configured: {
    meaning: 'The caller sent a JWT, and this gateway accepts none.',
    actor: 'MCP server',
    action: 'Use a Vault token or a service token.',
  },
  unauthenticated: {
    meaning: 'Vault does not accept the credential of the caller.',
    actor: 'MCP server',
    action: 'Renew the Vault token or log in again.',
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>
