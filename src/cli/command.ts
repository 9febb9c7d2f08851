import { parseFlags } from './flags.ts'
import type { FlagTable, FlagValues } from './flags.ts'
import { UsageError } from './failure.ts'
import type { Io } from './io.ts'

/** What one command is asked, after its flags are read. */
export interface CommandCall<F extends FlagTable = FlagTable> {
  readonly io: Io
  readonly args: readonly string[]
  readonly flags: FlagValues<F>
}

export interface Command<F extends FlagTable = FlagTable> {
  /** One line for the lists of commands. */
  readonly summary: string
  /** What its own page says besides, in whole sentences. */
  readonly details?: string
  /** What follows the command's name: `[flags] <path> [name=value …]`. */
  readonly usage: string
  /** Whole command lines, without `mcp-vault`. */
  readonly examples?: readonly string[]
  readonly flags: F
  /** Fewest and most arguments. */
  readonly takes: readonly [number, number]
  /** Resolves to the exit code. Throws `Failure` or `UsageError`; anything else is a defect and is printed without its stack. */
  run(call: CommandCall<F>): Promise<number>
}

/** A word that only groups others: `kv`, `kv metadata`. */
export interface Family {
  readonly summary: string
  readonly commands: Readonly<Record<string, Command | Family>>
}

export const isFamily = (entry: Command | Family): entry is Family => 'commands' in entry

/** Forgets the types of the flags, which only `run` needs; the values it gets are those its own table has read. */
export const command = <F extends FlagTable>(definition: Command<F>): Command => definition

/** Reads flags and arguments and runs the command. `showHelp` serves `-h`. */
export async function runCommand(
  entry: Command,
  argv: readonly string[],
  io: Io,
  showHelp: () => number,
): Promise<number> {
  const { flags, args, help } = parseFlags(entry.flags, argv)
  if (help) return showHelp()
  const [fewest, most] = entry.takes
  const expected =
    fewest === most
      ? String(fewest)
      : most === Infinity
        ? `at least ${String(fewest)}`
        : `${String(fewest)} to ${String(most)}`
  if (args.length < fewest)
    throw new UsageError(`Not enough arguments (expected ${expected}, got ${String(args.length)})`)
  if (args.length > most) throw new UsageError(`Too many arguments (expected ${expected}, got ${String(args.length)})`)
  return entry.run({ io, args, flags })
}

/** One word of the command line. The module is loaded only when the word is used: a `read` must not pay for a server. */
export interface Registration {
  readonly group: string
  readonly name: string
  readonly summary: string
  load(): Promise<Command | Family>
}
