/** One server of the cluster: a process that can be killed and started again on its own raft storage at its own address. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Product } from '../../../scripts/find-server.mjs'
import { vaultApi } from './api.ts'
import type { VaultApi } from './api.ts'
import { timeUntil } from './until.ts'

export interface NodePlace {
  readonly binary: string
  readonly product: Product
  readonly name: string
  /** For storage, configuration and log. */
  readonly directory: string
  readonly pluginDirectory: string
  readonly port: number
  readonly clusterPort: number
}

export class ClusterNode {
  readonly name: string
  readonly address: string
  readonly api: VaultApi
  readonly log: string
  readonly #place: NodePlace
  #child: ChildProcess | undefined

  constructor(place: NodePlace) {
    this.#place = place
    this.name = place.name
    this.address = `http://127.0.0.1:${String(place.port)}`
    this.log = join(place.directory, 'server.log')
    this.api = vaultApi(this.address)
  }

  /** Starts the process; resolves when it answers, sealed or not. */
  async start(): Promise<void> {
    const { binary, product, directory, pluginDirectory, name, port, clusterPort } = this.#place
    await mkdir(join(directory, 'raft'), { recursive: true })
    await writeFile(
      join(directory, 'server.hcl'),
      `
      storage "raft" {
        path = "${join(directory, 'raft')}"
        node_id = "${name}"
        performance_multiplier = 1
        autopilot_update_interval = "500ms"
        autopilot_reconcile_interval = "1s"
      }
      listener "tcp" { address = "127.0.0.1:${String(port)}" cluster_address = "127.0.0.1:${String(clusterPort)}" tls_disable = true }
      api_addr = "${this.address}"
      cluster_addr = "https://127.0.0.1:${String(clusterPort)}"
      plugin_directory = "${pluginDirectory}"
      ${product === 'vault' ? 'disable_mlock = true' : ''}
      log_level = "info"
    `,
    )
    const child = spawn(binary, ['server', `-config=${join(directory, 'server.hcl')}`], {
      cwd: directory,
      env: { PATH: process.env.PATH, HOME: directory, TMPDIR: directory },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    const log = createWriteStream(this.log, { flags: 'a' })
    child.stdout.pipe(log, { end: false })
    child.stderr.pipe(log, { end: false })
    await timeUntil(`${name} answers`, async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${String(child.exitCode)}; see ${this.log}`)
      return (await this.health()) !== undefined
    })
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }
  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Status of `sys/health`: 200 active, 429 standby, 501 not initialised, 503 sealed; undefined = does not answer. */
  async health(): Promise<number | undefined> {
    return (await this.api('GET', 'sys/health', { timeoutMs: 2000 }).catch(() => undefined))?.status
  }

  async isActive(): Promise<boolean> {
    return (await this.health()) === 200
  }

  async unseal(key: string): Promise<void> {
    await timeUntil(`${this.name} is unsealed`, async () => {
      const { status, body } = await this.api('PUT', 'sys/unseal', { body: { key }, timeoutMs: 30_000 })
      return status === 200 && body.sealed === false
    })
  }

  /** Without warning. Its plugin processes are left to notice by themselves, as after any crash. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Asks it to end, and waits. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
    await this.api.close()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.running) return
    const exited = once(this.#child!, 'exit')
    this.#child!.kill(signal)
    const late = setTimeout(() => {
      this.#child?.kill('SIGKILL')
    }, 15_000)
    await exited
    clearTimeout(late)
  }
}
