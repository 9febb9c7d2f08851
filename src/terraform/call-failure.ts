import type { VaultError } from '../vault-client/errors.ts'
import type { VaultMethod } from '../vault-client/index.ts'

/** What a request came to. Its message is that of the error, and holds no secret. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure'
  readonly error: VaultError
  readonly method: VaultMethod
  readonly path: string

  constructor(error: VaultError, method: VaultMethod, path: string) {
    super(error.message)
    this.error = error
    this.method = method
    this.path = path
  }
}
