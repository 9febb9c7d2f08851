// Child processes and HTTP clients on loopback, and one folder for their files; all of it goes with `close`.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { clearTimeout, setTimeout } from 'node:timers'
import { Pool } from 'undici'

const START_MS = 20_000
const MOST_CONNECTIONS = 32

/** A whole benchmark: what it starts is ended whatever happens, and a failure is its exit code. */
export async function bench(run) {
  if (!existsSync(resolve(import.meta.dirname, '../../dist/cli/main.js'))) {
    console.error('bench: there is no build; run npm run build first')
    process.exitCode = 1
    return
  }
  const processes = openProcesses()
  console.log(`Node ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model ?? 'CPU'}; loopback`)
  try {
    await run(processes)
    console.log(`\ndone in ${(performance.now() / 1000).toFixed(0)} s`)
  } catch (error) {
    console.error(`bench: ${error.message}`)
    process.exitCode = 1
  } finally {
    await processes.close()
  }
}

export function openProcesses() {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-bench-'))
  const children = []
  const pools = []
  return {
    folder,
    /** Runs a script, or another program, in the folder, until `signal`; resolves with the groups of `pattern` once it is printed. */
    start(args, pattern, program = process.execPath, signal = 'SIGKILL') {
      const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
      children.push({ child, signal })
      return printedBy(child, args.slice(0, 2).join(' '), pattern)
    },
    /** Of those started, in that order. */
    pids: () => children.map(({ child }) => child.pid),
    /** `ask(method, path, body)` resolves with the parsed response, and rejects for any that is not a success: no failure is measured. */
    client(url, headers = {}, connections = MOST_CONNECTIONS) {
      const pool = new Pool(url, { connections, pipelining: 1 })
      pools.push(pool)
      return (method, path, body) =>
        ask(pool, { method, path, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.destroy()))
      await Promise.all(children.map(killed))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function printedBy(child, name, pattern) {
  let printed = ''
  return new Promise((found, failed) => {
    const timer = setTimeout(() => failed(new Error(`${name} did not start:\n${printed}`)), START_MS)
    const look = (chunk) => {
      printed += chunk
      const match = pattern.exec(printed)
      if (match) {
        clearTimeout(timer)
        found(match.slice(1))
      }
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.on('exit', (code) => {
      clearTimeout(timer)
      failed(new Error(`${name} ended with ${code}:\n${printed}`))
    })
  })
}

async function ask(pool, request) {
  const { statusCode, body } = await pool.request(request)
  const text = await body.text()
  if (statusCode !== 200 && statusCode !== 204)
    throw new Error(`${request.method} ${request.path}: ${statusCode} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

async function killed({ child, signal }) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => {
    child.once('exit', resolve)
  })
  child.kill(signal)
  await gone
}
