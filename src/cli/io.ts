import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { isatty } from 'node:tty'
import { systemClock } from '../logical/clock.ts'
import type { Clock } from '../logical/clock.ts'
import { readLine } from './read-line.ts'

/** Everything a command touches besides Vault, so that a test can hold all of it. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Folder of `.vault-token`. */
  readonly home: string
  readonly clock: Clock
  /** Aborts when the person at the terminal gives up. */
  readonly signal: AbortSignal
  readonly stdinIsTerminal: boolean
  readonly stdoutIsTerminal: boolean
  stdout(text: string): void
  stderr(text: string): void
  /** All of standard input. */
  readStdin(): Promise<string>
  /** One line typed without being shown; only where `stdinIsTerminal`. */
  promptHidden(prompt: string): Promise<string>
  /** The same of a line that is shown as it is typed. */
  prompt(prompt: string): Promise<string>
  /** UTF-8 text of a file; a relative path starts where the command was called. */
  readFile(path: string): Promise<string>
  /** The bytes of a file, or of standard input for `-`, piece by piece: for what may be too long to be held. */
  readChunks(path: string): AsyncIterable<Uint8Array>
}

/** A variable of Vault's, else OpenBao's of the same name. Empty counts as unset, as both have it. */
export function variable(io: Pick<Io, 'env'>, name: string): string | undefined {
  return io.env[`VAULT_${name}`] || io.env[`BAO_${name}`] || undefined
}

/** The real thing. Once `signal` was looked at, the first Ctrl-C or SIGTERM aborts it, and only a second one ends the process. */
export function processIo(): Io {
  let stop: AbortController | undefined
  // `mcp-vault list … | head -1` closes our output early, which is not a failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    process.stderr.write(`Error: the output cannot be written (${error.code ?? 'unknown'})\n`)
    process.exitCode = 1
  })
  return {
    env: process.env,
    home: process.env.HOME ?? homedir(),
    clock: systemClock,
    get signal() {
      if (stop) return stop.signal
      const fresh = (stop = new AbortController())
      for (const name of ['SIGINT', 'SIGTERM'] as const)
        process.once(name, () => {
          fresh.abort()
        })
      return fresh.signal
    },
    stdinIsTerminal: isatty(0),
    stdoutIsTerminal: isatty(1),
    stdout: (text) => {
      process.stdout.write(text)
    },
    stderr: (text) => {
      process.stderr.write(text)
    },
    readStdin,
    promptHidden: (prompt) => readLine(process, prompt, false),
    prompt: (prompt) => readLine(process, prompt, true),
    readFile: (path) => readFile(resolve(path), 'utf8'),
    readChunks: (path) => (path === '-' ? process.stdin : createReadStream(resolve(path))),
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
