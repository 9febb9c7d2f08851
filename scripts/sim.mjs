// Deterministic simulation: engine, feed, gateways and callers in one process, under virtual time, network and disk.
//   -seed=N       all randomness comes from it; default 1
//   -episodes=N   how many episodes; default 500
//   -episode=N    this one alone, and its whole history
// The same seed gives the same histories, whatever the machine and the version of Node: the digest in the last lines tells.
// Exit 1 where a promise was broken, with the history that led to it. The last line is the count of episodes.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseFlags } from './sim/flags.mjs'
import { bundleSimulation, root } from './sim/bundle.mjs'

const WORKERS = 2
const SHOWN = 3

/** Every other episode in a process of its own; rejects where one ends before its last episode. */
function runWorker(file, seed, first, count, stride, isTraced) {
  const words = [file, seed, first, count, stride, isTraced ? 1 : 0].map(String)
  const child = spawn(process.execPath, ['--enable-source-maps', ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  const results = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) results.push(JSON.parse(line))
    else console.log(line)
  })
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      if (code === 0) resolve(results)
      else reject(new Error(`the simulation ended with exit code ${code}`))
    })
  })
}

async function run({ seed, episodes, episode }) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-sim-'))
  try {
    const file = await bundleSimulation(root, folder)
    if (episode !== undefined) return await runWorker(file, seed, episode, 1, 1, true)
    const workers = Array.from({ length: WORKERS }, (_, index) =>
      runWorker(file, seed, index, episodes - index, WORKERS, false),
    )
    return (await Promise.all(workers)).flat().sort((a, b) => a.episode - b.episode)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function report(seed, results, seconds) {
  const failed = results.filter(({ violations }) => violations.length > 0)
  for (const { episode, violations } of failed.slice(0, SHOWN)) {
    for (const { rule, why, excerpt } of violations) {
      console.log(`\nseed ${seed}, episode ${episode}: ${rule}: ${why}`)
      for (const line of excerpt) console.log(`  ${line}`)
    }
    console.log(`replay: npm run sim -- -seed=${seed} -episode=${episode}`)
  }
  if (failed.length > SHOWN)
    console.log(
      `\nand in episodes ${failed
        .slice(SHOWN)
        .map(({ episode }) => episode)
        .join(', ')}`,
    )
  const sum = (name) => results.reduce((total, result) => total + result[name], 0)
  const digest = createHash('sha256')
    .update(results.map((result) => result.digest).join())
    .digest('hex')
  console.log(`seed ${seed}, ${sum('steps')} steps, ${sum('accepts')} accepted, ${seconds.toFixed(0)} s`)
  console.log(`digest ${digest}`)
  console.log(`${results.length - failed.length} passed, ${failed.length} failed, 0 skipped`)
  return failed.length
}

try {
  const flags = parseFlags(process.argv.slice(2), { seed: 1, episodes: 500, episode: undefined })
  const started = Date.now()
  const results = await run(flags)
  process.exitCode = report(flags.seed, results, (Date.now() - started) / 1000) > 0 ? 1 : 0
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
