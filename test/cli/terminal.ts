import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach } from 'vitest'
import { systemClock } from '../../src/logical/clock.ts'
import type { Io } from '../../src/cli/io.ts'
import { registrations } from '../../src/cli/main.ts'
import { run } from '../../src/cli/run.ts'
import { scriptVault } from './scripted-vault.ts'
import type { Scripted, ScriptedVault } from './scripted-vault.ts'

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A person at a terminal, in a home that was empty at first. */
export interface Shell {
  readonly home: string
  /** Runs one command line, given as words. */
  mcpVault(...words: string[]): Promise<Outcome>
  write(name: string, text: string): Promise<string>
  read(name: string): Promise<string>
}

export interface Terminal extends Shell {
  readonly vault: ScriptedVault
}

export interface TerminalOptions {
  readonly env?: Record<string, string | undefined>
  readonly stdin?: string
  /** What is typed where nothing is shown: always the same, or one after the other. */
  readonly typed?: string | readonly string[]
  /** What is typed where a question is answered, or who answers it; nothing where it is left out. */
  readonly answer?: string | (() => Promise<string>)
  readonly stdoutIsTerminal?: boolean
  readonly signal?: AbortSignal
}

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** `VAULT_ADDR` is `address` and `VAULT_TOKEN` a token of that name, unless the options say otherwise. */
export async function shellAt(address: string, options: TerminalOptions = {}): Promise<Shell> {
  const home = await mkdtemp(join(tmpdir(), 'mcp-vault-cli-'))
  closers.push(() => rm(home, { recursive: true }))
  const inHome = (name: string) => resolve(home, name)
  return {
    home,
    write: async (name, text) => {
      await writeFile(inHome(name), text)
      return inHome(name)
    },
    read: (name) => readFile(inHome(name), 'utf8'),
    async mcpVault(...words) {
      let out = ''
      let err = ''
      const typed = typeof options.typed === 'object' ? [...options.typed] : undefined
      const io: Io = {
        env: { VAULT_ADDR: address, VAULT_TOKEN: 'test-token', ...options.env },
        home,
        clock: systemClock,
        signal: options.signal ?? new AbortController().signal,
        stdinIsTerminal: options.typed !== undefined,
        stdoutIsTerminal: options.stdoutIsTerminal ?? false,
        stdout: (text) => {
          out += text
        },
        stderr: (text) => {
          err += text
        },
        readStdin: () => Promise.resolve(options.stdin ?? ''),
        promptHidden(prompt) {
          err += `${prompt}\n`
          return Promise.resolve(typed ? (typed.shift() ?? '') : ((options.typed as string | undefined) ?? ''))
        },
        prompt(prompt) {
          err += `${prompt}\n`
          return typeof options.answer === 'function' ? options.answer() : Promise.resolve(options.answer ?? '')
        },
        readFile: (path) => readFile(inHome(path), 'utf8'),
        readChunks: (path) =>
          path === '-' ? Readable.from([Buffer.from(options.stdin ?? '')]) : createReadStream(inHome(path)),
      }
      return { code: await run(words, io, registrations), out, err }
    },
  }
}

/** A shell before a Vault that answers the script. */
export async function terminal(script: readonly Scripted[] = [], options: TerminalOptions = {}): Promise<Terminal> {
  const vault = await scriptVault(...script)
  closers.push(() => vault.close())
  return { ...(await shellAt(vault.address, options)), vault }
}

/** Runs one line against a script and gives back what it did. */
export async function once(
  script: readonly Scripted[],
  words: readonly string[],
  options: TerminalOptions = {},
): Promise<Outcome & { vault: ScriptedVault }> {
  const { vault, mcpVault } = await terminal(script, options)
  return { ...(await mcpVault(...words)), vault }
}
