// Plants one fault after the other into a temporary copy of src/ and runs the simulation until it is found: a fault that is not
// found, and a patch that no longer applies, fail by name. The last line is the count.
//   -seed=N      default 1
//   -episodes=N  at most so many for each fault; default 600
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bundleSimulation, root } from './sim/bundle.mjs'
import { parseFlags } from './sim/flags.mjs'

const faults = join(root, 'test/sim/faults')
const AT_ONCE = 2

/** A copy with the fault in it, as one file to run. Throws where the patch does not apply. */
async function planted(patch, folder) {
  for (const part of ['src', 'test/sim']) cpSync(join(root, part), join(folder, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir')
  const applied = spawnSync('git', ['apply', '-C1', '--recount', join(faults, patch)], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (applied.status !== 0) throw new Error(`the patch no longer applies: ${(applied.stderr ?? '').split('\n')[0]}`)
  return bundleSimulation(folder, folder)
}

/** What finds the fault first; undefined where nothing does. */
function found(file, { seed, episodes }) {
  const child = spawn(process.execPath, [file, seed, 0, episodes, 1, 0].map(String), {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return new Promise((resolve) => {
    let first
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (first || !line.startsWith('{')) return
      const { episode, violations } = JSON.parse(line)
      if (violations.length === 0) return
      first = `${violations[0].rule} in episode ${episode}`
      child.kill()
    })
    child.once('close', (code) => {
      resolve(first ?? (code === 0 ? undefined : 'the simulation broke down'))
    })
  })
}

async function check(patch, flags) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-sim-fault-'))
  const name = patch.replace(/\.patch$/, '')
  const started = Date.now()
  try {
    const by = await found(await planted(patch, folder), flags)
    const seconds = ((Date.now() - started) / 1000).toFixed(0)
    console.log(by ? `found      ${name}: ${by} (${seconds} s)` : `NOT FOUND  ${name} in ${flags.episodes} episodes`)
    return by !== undefined
  } catch (error) {
    console.log(`FAILED     ${name}: ${error.message}`)
    return false
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

try {
  const flags = parseFlags(process.argv.slice(2), { seed: 1, episodes: 600 })
  const waiting = readdirSync(faults).filter((name) => name.endsWith('.patch'))
  const total = waiting.length
  let passed = 0
  const work = async () => {
    for (let patch = waiting.shift(); patch !== undefined; patch = waiting.shift())
      if (await check(patch, flags)) passed++
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  console.log(`${passed} passed, ${total - passed} failed, 0 skipped`)
  process.exitCode = passed === total ? 0 : 1
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
