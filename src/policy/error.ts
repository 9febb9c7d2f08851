/**
 * Vault's policy language: parsing (HCL subset and JSON), path patterns, priority, merging and parameter rules. A leaf:
 * the embedded host judges Vault ACL policies with it, `src/scope` judges tool policies and scopes with it.
 */

/** A policy text is not acceptable. `message` is a whole sentence for the author and begins with the line where known. */
export class PolicyError extends Error {
  /** 1-based line of the policy text; 0 when the problem has no line. */
  readonly line: number

  constructor(line: number, message: string) {
    super(line > 0 ? `line ${line}: ${message}` : message)
    this.name = 'PolicyError'
    this.line = line
  }
}
