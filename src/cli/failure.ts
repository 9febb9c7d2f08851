/** A command that could not do what it was asked; `message` is all the person sees. Exit codes are Vault's: 1 for the call, 2 for the server. */
export class Failure extends Error {
  readonly exitCode: number

  constructor(exitCode: number, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

/** What a shell gives for a command ended by Ctrl-C. */
export const INTERRUPTED = 130

/** The call itself is wrong: printed with the command's usage line, and nothing was sent. */
export class UsageError extends Failure {
  constructor(message: string) {
    super(1, message)
  }
}
