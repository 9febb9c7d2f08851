import { isFamily, runCommand } from './command.ts'
import type { Command, Family, Registration } from './command.ts'
import { Failure, UsageError } from './failure.ts'
import { entryHelp, overview, usageLine } from './help.ts'
import type { Io } from './io.ts'
import { nearest } from './suggest.ts'
import { printable } from './table.ts'

const helpWords = new Set(['help', '-h', '-help', '--help'])

/** Runs one command line (without `node` and script) and resolves to the exit code. Never throws, never prints a stack. */
export async function run(argv: readonly string[], io: Io, registrations: readonly Registration[]): Promise<number> {
  try {
    const [word, ...rest] = argv
    if (word === undefined) return say(io, overview(registrations))
    if (helpWords.has(word))
      return rest.length === 0 ? say(io, overview(registrations)) : await run([...rest, '-h'], io, registrations)
    if (word === '-version' || word === '--version' || word === '-v')
      return await run(['version', ...rest], io, registrations)
    const registration = registrations.find(({ name }) => name === word)
    if (!registration)
      return unknown(
        io,
        'mcp-vault',
        word,
        registrations.map(({ name }) => name),
      )
    return await descend(word, await registration.load(), rest, io)
  } catch (thrown) {
    io.stderr(`${thrown instanceof Failure ? '' : 'Error: '}${thrown instanceof Error ? thrown.message : 'unknown'}\n`)
    return thrown instanceof Failure ? thrown.exitCode : 1
  }
}

async function descend(name: string, entry: Command | Family, argv: readonly string[], io: Io): Promise<number> {
  if (!isFamily(entry)) return await runNamed(name, entry, argv, io)
  const [word, ...rest] = argv
  if (word === undefined || helpWords.has(word)) {
    const text = entryHelp(name, entry)
    if (word !== undefined) return say(io, text)
    io.stderr(text)
    return 1
  }
  const next = Object.hasOwn(entry.commands, word) ? entry.commands[word] : undefined
  return next
    ? await descend(`${name} ${word}`, next, rest, io)
    : unknown(io, `mcp-vault ${name}`, word, Object.keys(entry.commands))
}

async function runNamed(name: string, entry: Command, argv: readonly string[], io: Io): Promise<number> {
  try {
    return await runCommand(entry, argv, io, () => say(io, entryHelp(name, entry)))
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown
    io.stderr(`${printable(thrown.message)}\n\n${usageLine(name, entry)}\nFlags and examples: mcp-vault ${name} -h\n`)
    return thrown.exitCode
  }
}

function unknown(io: Io, where: string, word: string, known: readonly string[]): number {
  const meant = nearest(word, known)
  io.stderr(
    `${where} has no command "${printable(word)}".${meant === undefined ? ` See: ${where} -h` : ` Did you mean: ${where} ${meant}?`}\n`,
  )
  return 1
}

function say(io: Io, text: string): number {
  io.stdout(text)
  return 0
}
