import type { ErrorCodeEntry } from './entry.ts'

/** Known, and not allowed to do this. 403. */
export const insufficientScopeCodes = {
  caller_denied: {
    meaning: "The caller's Vault policies do not allow this.",
    actor: 'operator',
    action: 'Give the caller "update" on `<mount>/introspect`.',
  },
  caller_not_bound: {
    meaning: 'The service token is not bound to this agent.',
    actor: 'operator',
    action: "Add the agent to the service token's list, or use another one.",
  },
  caller_without_vault: {
    meaning: 'The caller has no Vault login of its own, which opening and ending sessions needs.',
    actor: 'operator',
    action: 'Give the service token a Vault login in the configuration of the gateway, or call with a Vault token.',
  },
  caller_vault_refused: {
    meaning: 'The service token is good, but Vault refuses the login it acts under. Waiting does not help.',
    actor: 'operator',
    action: "Renew the service token's Vault login (its token, role or secret id) in the configuration of the gateway.",
  },
  no_tool: {
    meaning: 'No tool of the upstream covers this call, or there is no such upstream.',
    actor: 'operator',
    action: 'Write a tool that covers the method and path, and grant it.',
  },
  insufficient_scope: {
    meaning: 'A tool covers the call, but the session does not have it.',
    actor: 'agent',
    action: 'Ask for one of the scopes that the message names.',
  },
  denied: {
    meaning: 'A policy or scope denies the tool explicitly.',
    actor: 'operator',
    action: 'Remove the deny, if the call is to be allowed.',
  },
  parameter_refused: {
    meaning: 'The tool is granted, but not with these parameters.',
    actor: 'agent',
    action: 'Leave out or change the parameter that the message names.',
  },
  permission_denied: {
    meaning: "The caller's Vault policies do not allow this.",
    actor: 'operator',
    action: 'Grant the path that the message names.',
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>
