/**
 * What tokens, scopes, tools and grants mean: pure functions shared by the engine, the gateway, the SDK and Terraform, so
 * that all of them judge alike. Imports only `src/policy`, by whose rules scopes are matched.
 */

/** Something written by a person or sent by a caller is not a scope, name, operation or field. A whole sentence. */
export class ScopeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ScopeError'
  }
}

/**
 * Tokens and keys, wherever a caller put one by mistake: answers are kept in logs and in agents' contexts. Phantom tokens, Vault's
 * own, service tokens, and the `sk_live_…` kind. Hyphenated names and session ids (26 characters) are none.
 */
const credential = /\bhv[sbr]\.[\w-]+|\bgst_\w+|\b[a-z]{2,16}_[a-z0-9]{1,16}_[0-9A-Za-z]{20,}/g

/** Untrusted text in a sentence: quoted, printable, not longer than a line, and without credentials. */
export function quote(text: string): string {
  const hidden = text.slice(0, 400).replaceAll(credential, (found) => `${found.slice(0, 4)}…`)
  return JSON.stringify(hidden.length > 120 ? `${hidden.slice(0, 120)}…` : hidden)
}
