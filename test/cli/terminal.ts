import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

export interface Terminal {
  readonly home: string
  readonly vault: ScriptedVault
  /** Runs one command line, given as words. */
  mcpVault(...words: string[]): Promise<Outcome>
  write(name: string, text: string): Promise<string>
  read(name: string): Promise<string>
}

export interface TerminalOptions {
  readonly env?: Record<string, string | undefined>
  readonly stdin?: string
  readonly typed?: string
  readonly stdoutIsTerminal?: boolean
}

const openTerminals: (() => Promise<void>)[] = []
afterEach(async () => { for (const close of openTerminals.splice(0)) await close() })

/** A person at a terminal, in an empty home, before a Vault that answers the script. `VAULT_ADDR` and `VAULT_TOKEN` are set. */
export async function terminal(script: readonly Scripted[] = [], options: TerminalOptions = {}): Promise<Terminal> {
  const home = await mkdtemp(join(tmpdir(), 'mcp-vault-cli-'))
  const vault = await scriptVault(...script)
  openTerminals.push(async () => { await vault.close(); await rm(home, { recursive: true }) })
  return {
    home,
    vault,
    write: async (name, text) => { const path = join(home, name); await writeFile(path, text); return path },
    read: (name) => readFile(join(home, name), 'utf8'),
    async mcpVault(...words) {
      let out = ''
      let err = ''
      const io: Io = {
        env: { VAULT_ADDR: vault.address, VAULT_TOKEN: 'test-token', ...options.env },
        home,
        clock: systemClock,
        signal: new AbortController().signal,
        stdinIsTerminal: options.typed !== undefined,
        stdoutIsTerminal: options.stdoutIsTerminal ?? false,
        stdout: (text) => { out += text },
        stderr: (text) => { err += text },
        readStdin: () => Promise.resolve(options.stdin ?? ''),
        askHidden: () => Promise.resolve(options.typed ?? ''),
        readFile: (path) => readFile(join(home, path), 'utf8'),
      }
      return { code: await run(words, io, registrations), out, err }
    },
  }
}

/** Runs one line against a script and gives back what it did. */
export async function once(script: readonly Scripted[], words: readonly string[], options: TerminalOptions = {}): Promise<Outcome & { vault: ScriptedVault }> {
  const { vault, mcpVault } = await terminal(script, options)
  return { ...await mcpVault(...words), vault }
}
