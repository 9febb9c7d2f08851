import { VaultError } from '../vault-client/index.ts'
import type { CallOptions, VaultResponse, VaultClient } from '../vault-client/index.ts'
import { command } from './command.ts'
import type { CommandCall, Command } from './command.ts'
import { connect, connectionFlags, describe } from './connection.ts'
import type { Connection } from './connection.ts'
import { Failure, INTERRUPTED } from './failure.ts'
import { duration, text } from './flags.ts'
import type { FlagTable, FlagValues } from './flags.ts'
import { document, envelope, fieldOf, formatFlag, formatOf } from './format.ts'
import type { Format } from './format.ts'
import type { Io } from './io.ts'
import { suggestPath } from './path-suggestion.ts'
import { responseRows, goText, keyValueTable, printable } from './table.ts'

/** Commands that put a request to Vault and print its response. They share the flags of the connection and of the output. */

const sharedFlags = {
  ...connectionFlags,
  ...formatFlag,
  'wrap-ttl': duration('Wrap the response in a single-use token with this TTL, for example 5m.'),
}

export const fieldFlag = { field: text('name', 'Print only this field, raw.') }

export interface VaultCall<F extends FlagTable = FlagTable> extends CommandCall<F> {
  readonly format: Format
  /** Puts a request and gives back its response. A failure is printed after `doing`, as in `Error reading mcp/config: …`, and ends the command with 2. */
  readonly request: <T>(
    doing: string,
    send: (vault: VaultClient, options: CallOptions, connection: Connection) => Promise<T>,
    /** The path a person typed: where the server does not know it, the error says what it might have been. */
    path?: string,
  ) => Promise<T>
  /** The same with a token other than the person's own. */
  readonly requestAs: <T>(
    token: string,
    doing: string,
    send: (vault: VaultClient, options: CallOptions) => Promise<T>,
  ) => Promise<T>
  /** A line (or several) of text, only in table format: scripts that asked for JSON get no sentences. */
  readonly say: (text: string) => void
  /** Prints a document in JSON or YAML, or what `asTable` makes of it. */
  readonly print: (value: unknown, asTable: () => string) => void
  warn(response: VaultResponse | undefined): void
  /** Prints a response whole, or the field asked for; `done` is said when there is nothing else to print. Resolves to the exit code. */
  readonly show: (response: VaultResponse, done?: string, field?: string) => number
}

export interface VaultCommand<F extends FlagTable> extends Omit<Command<F>, 'run'> {
  run(call: VaultCall<F>): Promise<number>
}

export function vaultCommand<F extends FlagTable>(definition: VaultCommand<F>): Command {
  return command({
    ...definition,
    flags: { ...definition.flags, ...sharedFlags },
    async run({ io, args, flags }) {
      const own = flags as unknown as FlagValues<F>
      const shared = flags as unknown as FlagValues<typeof sharedFlags>
      const format = formatOf(io, shared.format)
      const { request, requestAs, close } = requester(io, shared)
      try {
        return await definition.run({ io, args, flags: own, format, request, requestAs, ...printer(io, format) })
      } finally {
        await close()
      }
    },
  })
}

function requester(io: Io, flags: FlagValues<typeof sharedFlags>) {
  const options: CallOptions = {
    signal: io.signal,
    ...(flags['wrap-ttl'] === undefined ? {} : { wrapTtl: `${String(flags['wrap-ttl'])}s` }),
  }
  const opened: Connection[] = []
  async function put<T>(
    token: string | undefined,
    doing: string,
    send: (vault: VaultClient, options: CallOptions, connection: Connection) => Promise<T>,
    path?: string,
  ): Promise<T> {
    let connection: Connection | undefined
    try {
      connection = await connect(flags, io, token)
      opened.push(connection)
      return await send(connection.client, options, connection)
    } catch (thrown) {
      if (!(thrown instanceof VaultError)) throw thrown
      if (io.signal.aborted)
        throw new Failure(INTERRUPTED, `${doing}: interrupted. It is unknown whether Vault carried it out.`)
      const hint =
        thrown.kind === 'unsupported_path' && path !== undefined && connection !== undefined
          ? await suggestPath(connection.client, path, options)
          : undefined
      // What was refused before it was sent is a mistake in the call.
      throw new Failure(
        thrown.status === 0 && thrown.kind === 'bad_request' ? 1 : 2,
        `${doing}: ${describe(thrown, connection)}${hint === undefined ? '' : `\n\n${printable(hint)}`}`,
      )
    }
  }
  return {
    request: <T>(
      doing: string,
      send: (vault: VaultClient, options: CallOptions, connection: Connection) => Promise<T>,
      path?: string,
    ) => put(undefined, doing, send, path),
    requestAs: put,
    close: () => Promise.all(opened.map(({ client }) => client.close())),
  }
}

function printer(io: Io, format: Format): Pick<VaultCall, 'say' | 'print' | 'warn' | 'show'> {
  const say = (text: string) => {
    if (format === 'table') io.stdout(`${text}\n`)
  }
  const print = (value: unknown, asTable: () => string) => {
    io.stdout(format === 'table' ? asTable() : document(format, value))
  }
  const warn = (response: VaultResponse | undefined) => {
    if (format !== 'table' || !response?.warnings?.length) return
    io.stderr(
      `WARNING! The following warnings were returned from Vault:\n\n${response.warnings.map((warning) => `  * ${printable(warning)}\n`).join('\n')}\n`,
    )
  }
  function show(response: VaultResponse, done?: string, field?: string): number {
    if (field !== undefined) return showField(response, field)
    warn(response)
    const rows = responseRows(response)
    if (format === 'table' && rows.length === 0) {
      if (done !== undefined) say(done)
    } else if (response.raw !== undefined) print(envelope(response), () => keyValueTable(rows))
    return 0
  }
  function showField(response: VaultResponse, field: string): number {
    const value = fieldOf(response, field)
    if (value === undefined) throw new Failure(1, `Field "${field}" not present in secret`)
    if (format !== 'table') io.stdout(document(format, value))
    // People get a line of its own; a script that captures the value must get nothing but the value.
    else io.stdout(goText(value) + (io.stdoutIsTerminal ? '\n' : ''))
    return 0
  }
  return { say, print, warn, show }
}
