/** A folder with a configuration in it, and the command line run there: no network, nothing of the person's own settings. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { findTerraform } from '../../../scripts/find-terraform.mjs'

const LIMIT_MS = 100_000
/** Where nothing listens: whatever would go to the network fails at once. */
const NOWHERE = 'http://127.0.0.1:9'

export interface Ran {
  /** Null where it was ended by a signal. */
  readonly code: number | null
  /** What a person would have read, without lines for the eye and colours. */
  readonly text: string
  readonly stdout: string
}

export interface Running {
  readonly process: ChildProcess
  /** All it has said so far. */
  said(): string
  readonly ended: Promise<Ran>
}

/** The parts of `terraform show -json` that tests look into. */
export interface Plan {
  readonly resource_changes?: readonly {
    readonly address: string
    readonly change: {
      readonly actions: readonly string[]
      readonly before: Record<string, unknown> | null
      readonly after: Record<string, unknown> | null
    }
  }[]
  readonly planned_values: { readonly outputs?: Readonly<Record<string, { readonly value?: unknown }>> }
}

export class Workspace {
  readonly dir: string
  readonly env: Record<string, string>
  readonly #outputs: Record<string, string> = {}
  readonly #running = new Set<ChildProcess>()
  #count = 0

  private constructor(dir: string, env: Record<string, string>) {
    this.dir = dir
    this.env = env
  }

  static async in(dir: string, mirror: string, env: Record<string, string>): Promise<Workspace> {
    const config = join(dir, '..', `${mirror.split('/').at(-1)!}.tfrc`)
    await writeFile(
      config,
      `provider_installation {\n  filesystem_mirror {\n    path    = "${mirror}"\n    include = ["terraform.local/*/*"]\n  }\n}\n`,
    )
    return new Workspace(dir, {
      PATH: process.env.PATH ?? '',
      HOME: join(dir, 'home'),
      TMPDIR: process.env.TMPDIR ?? '/tmp',
      TF_CLI_CONFIG_FILE: config,
      TF_DATA_DIR: join(dir, '.terraform'),
      CHECKPOINT_DISABLE: '1',
      TF_IN_AUTOMATION: '1',
      TF_INPUT: '0',
      HTTP_PROXY: NOWHERE,
      HTTPS_PROXY: NOWHERE,
      NO_PROXY: '127.0.0.1,localhost',
      ...env,
    })
  }

  path(name: string): string {
    return join(this.dir, name)
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(dirname(this.path(name)), { recursive: true })
    await writeFile(this.path(name), text)
  }

  /** A file of the workspace, or any other by its absolute path. */
  async edit(name: string, change: (text: string) => string): Promise<void> {
    const path = resolve(this.dir, name)
    await writeFile(path, change(await readFile(path, 'utf8')))
  }

  read(name: string): Promise<string> {
    return readFile(this.path(name), 'utf8')
  }

  /** Begins one command; it is the leader of a process group, as a shell's job is. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    const child = spawn(findTerraform().binary, [...args], {
      cwd: this.dir,
      env: { ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const limit = setTimeout(() => {
      child.kill('SIGKILL')
    }, LIMIT_MS)
    this.#running.add(child)
    const name = `output ${String(++this.#count)} of terraform ${args.join(' ')}`
    let stdout = ''
    let all = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
      all += chunk.toString()
      this.#outputs[name] = all
    })
    child.stderr.on('data', (chunk: Buffer) => {
      all += chunk.toString()
      this.#outputs[name] = all
    })
    const ended = once(child, 'close').then(([code]) => {
      clearTimeout(limit)
      this.#running.delete(child)
      return { code: code as number | null, text: plain(all), stdout }
    })
    return { process: child, said: () => plain(all), ended }
  }

  /** One command to its end. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran> {
    return this.start(args, env).ended
  }

  /** One that must succeed. */
  async ok(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran> {
    const ran = await this.run(args, env)
    if (ran.code !== 0) throw new Error(`terraform ${args.join(' ')} ended with ${String(ran.code)}:\n${ran.text}`)
    return ran
  }

  async init(): Promise<void> {
    await this.ok(['init', '-no-color'])
  }

  apply(env?: Readonly<Record<string, string>>): Promise<Ran> {
    return this.ok(['apply', '-auto-approve', '-no-color'], env)
  }

  /** What `plan` or `actions` came to last. */
  applyPlanned(env?: Readonly<Record<string, string>>): Promise<Ran> {
    return this.ok(['apply', '-no-color', 'tfplan'], env)
  }

  /** As if Terraform had never been here. */
  async forget(): Promise<void> {
    await rm(this.path('terraform.tfstate'))
  }

  destroy(env?: Readonly<Record<string, string>>): Promise<Ran> {
    return this.ok(['destroy', '-auto-approve', '-no-color'], env)
  }

  /** 0: nothing to do, 1: an error, 2: changes. */
  async planCode(env?: Readonly<Record<string, string>>): Promise<number | null> {
    return (await this.run(['plan', '-detailed-exitcode', '-no-color'], env)).code
  }

  /** Saved as `tfplan`. */
  async plan(env?: Readonly<Record<string, string>>, more: readonly string[] = []): Promise<Plan> {
    await this.ok(['plan', '-out=tfplan', '-no-color', ...more], env)
    return JSON.parse((await this.ok(['show', '-json', 'tfplan'])).stdout) as Plan
  }

  /** What the next apply would do: actions by address, without those that do nothing. */
  async actions(
    env?: Readonly<Record<string, string>>,
    more?: readonly string[],
  ): Promise<Readonly<Record<string, string>>> {
    const { resource_changes: changes = [] } = await this.plan(env, more)
    return Object.fromEntries(
      changes
        .map(({ address, change }) => [address, change.actions.join('+')])
        .filter(([, actions]) => actions !== 'no-op' && actions !== 'read'),
    )
  }

  /** Attributes of a resource in the state. */
  async attributes(address: string): Promise<Record<string, unknown>> {
    const { values } = JSON.parse((await this.ok(['show', '-json'])).stdout) as {
      values?: { root_module: { resources?: { address: string; values: Record<string, unknown> }[] } }
    }
    const found = values?.root_module.resources?.find((resource) => resource.address === address)
    if (!found) throw new Error(`${address} is not in the state`)
    return found.values
  }

  /** Ends what a failed test left running, and answers all that was said. */
  endAll(): Readonly<Record<string, string>> {
    for (const child of this.#running) {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {
        /* It has ended meanwhile. */
      }
    }
    return this.#outputs
  }
}

/** Without the frame that diagnostics are drawn with. */
const plain = (text: string): string => text.replaceAll(/\u001b\[[0-9;]*m/g, '').replaceAll(/^[╷│╵] ?/gm, '')
