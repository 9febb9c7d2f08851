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

/** Untrusted text in a sentence: quoted, printable, and not longer than a line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text)
}
