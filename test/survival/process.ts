/** Processes of the compiled CLI, their directories and their configuration files. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { compileForChild } from '../host/physical/compiled.ts'

/** A directory for everything the processes of one test read and write. */
export interface Workshop {
  readonly directory: string
  path(name: string): string
  write(name: string, text: string): Promise<string>
  /** Resolves when the command has printed that it is up. `maxFileBlocks` limits the size of files it writes, as `ulimit -f` has it. */
  start(argv: readonly string[], maxFileBlocks?: number): Promise<Running>
  /** Kills a command without warning `afterMs` milliseconds into its start. */
  startAndKill(argv: readonly string[], afterMs: number): Promise<void>
  /** Runs a command that is expected to end by itself. */
  run(
    argv: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<{ code: number | null; out: string; err: string }>
  /** Kills what still runs and removes everything. */
  close(): Promise<void>
}

/** A command that has said it is up. */
export interface Running {
  readonly pid: number
  readonly banner: string
  /** What it wrote to standard error so far. */
  readonly log: () => string
  signal(name: NodeJS.Signals): void
  /** Resolves to exit code and signal. */
  stop(name: NodeJS.Signals): Promise<readonly [number | null, string | null]>
}

/** Compiles the CLI; the caller removes the directory. */
export const compileCli = (): Promise<{ directory: string; script: string }> =>
  compileForChild(resolve(import.meta.dirname, 'cli-child.ts'))

export async function openWorkshop(script: string): Promise<Workshop> {
  const directory = await mkdtemp(join(tmpdir(), 'survival-'))
  const children = new Set<ChildProcess>()
  const launch = (
    argv: readonly string[],
    env: Readonly<Record<string, string>> = {},
    maxFileBlocks?: number,
  ): ChildProcess => {
    const limited =
      maxFileBlocks === undefined ? [] : ['/bin/sh', '-c', `ulimit -f ${String(maxFileBlocks)} && exec "$@"`, 'sh']
    const [command = '', ...rest] = [...limited, process.execPath, script, ...argv]
    const child = spawn(command, rest, {
      cwd: directory,
      env: { PATH: process.env.PATH, HOME: directory, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }
  return {
    directory,
    path: (name) => join(directory, name),
    async write(name, text) {
      await writeFile(join(directory, name), text, { mode: 0o600 })
      return join(directory, name)
    },
    start: (argv, maxFileBlocks) => upAndRunning(launch(argv, {}, maxFileBlocks)),
    async startAndKill(argv, afterMs) {
      const child = launch(argv)
      const exited = once(child, 'exit')
      setTimeout(() => {
        child.kill('SIGKILL')
      }, afterMs)
      await exited
    },
    async run(argv, env) {
      const child = launch(argv, env)
      const [out, err] = [collect(child.stdout), collect(child.stderr)]
      const [code] = (await once(child, 'close')) as [number | null]
      return { code, out: out(), err: err() }
    },
    async close() {
      await Promise.all(
        [...children].map((child) => {
          child.kill('SIGKILL')
          return once(child, 'exit')
        }),
      )
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
  })
  return () => text
}

async function upAndRunning(child: ChildProcess): Promise<Running> {
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  // The banner is one write, made when everything listens.
  await Promise.race([once(child.stdout!, 'data'), exited])
  if (child.exitCode !== null || child.signalCode !== null)
    throw new Error(`the process ended at once:\n${out()}${err()}`)
  return {
    pid: child.pid!,
    banner: out(),
    log: err,
    signal: (name) => {
      child.kill(name)
    },
    async stop(name) {
      child.kill(name)
      return exited
    },
  }
}

/** Ports nothing listens on, for processes that must come back at the same address. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(
    servers.map((server) => {
      server.close()
      return once(server, 'close')
    }),
  )
  return ports
}
