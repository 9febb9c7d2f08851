// `npm run test:clients`: real programs against fakes of their APIs, first directly and then through the built gateway with nothing
// but base URL and token changed. Each program of clients/ names what it needs and is skipped by name without it; one that is named
// (`npm run test:clients -- octokit`) must run. What may differ is listed in clients/harness/comparison.mjs and in the programs.
//
// A program exports what it needs (`packages`, `commands`, `prepare`), its `upstreams` by name (a fake, and a preset or documents of its
// own), the `scopes` of its agent, and `run({ at, load, step, refused })`: `at` has base URL and key of each upstream, `step` is done both
// ways and compared, `refused` is done through the gateway alone and must show its sentence. `leftOut` and `responsesLeftOut` list headers
// that may differ, each with the reason; `comparable` takes out what is random.
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { openProcesses } from './bench/processes.mjs'
import { runProgram } from './clients/harness/program.mjs'
import { installed, missingCommand } from './clients/harness/packages.mjs'
import { startStage } from './clients/harness/stage.mjs'

const folder = resolve(import.meta.dirname, 'clients')
const results = { passed: 0, failed: 0, skipped: 0 }

const existing = readdirSync(folder)
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length))

function report(name, problems) {
  const ok = problems.length === 0
  results[ok ? 'passed' : 'failed']++
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}${problems.map((problem) => `\n       ${problem}`).join('')}`)
}

/** Whether it is ready to run; where it is not it has been counted. */
async function prepare(name, program, scratch, isNamed) {
  const without = (why) => {
    if (isNamed) return report(`${name}: ${why}`, ['it was named, so it has to run'])
    results.skipped++
    console.log(`skip ${name}: ${why}`)
  }
  const missing = missingCommand(program.commands)
  if (missing !== undefined) return without(`${missing} is not on PATH`)
  try {
    return await installed(scratch, program)
  } catch (error) {
    return without(error.message)
  }
}

async function run(names, processes, isNamed) {
  const programs = await Promise.all(names.map(async (name) => [name, await import(`./clients/${name}.mjs`)]))
  const listeners = programs.flatMap(([, { upstreams }]) =>
    Object.keys(upstreams).filter((one) => upstreams[one].listener),
  )
  const stage = await startStage(processes, listeners)
  try {
    for (const [name, program] of programs) {
      const scratch = join(processes.folder, `client-${name}`)
      mkdirSync(scratch)
      const load = await prepare(name, program, scratch, isNamed)
      if (load === undefined) continue
      const told = (step, problems) => report(`${name}: ${step}`, problems)
      await runProgram(name, program, { stage, load, folder: scratch, report: told }).catch((error) =>
        told('the run itself', [error.stack]),
      )
    }
  } finally {
    stage.close()
  }
}

const named = process.argv.slice(2)
const unknown = named.find((name) => !existing.includes(name))
if (unknown !== undefined) {
  console.error(`test:clients: there is no program ${unknown}; there are ${existing.join(', ')}`)
  process.exit(1)
}
if (!existsSync(resolve(import.meta.dirname, '../dist/cli/main.js'))) {
  console.error('test:clients: there is no build; run npm run build first')
  process.exit(1)
}
const processes = openProcesses()
try {
  await run(named.length > 0 ? named : existing, processes, named.length > 0)
} catch (error) {
  report('the run itself', [error.stack])
} finally {
  await processes.close()
}
console.log(`done in ${(performance.now() / 1000).toFixed(0)} s`)
console.log(`${results.passed} passed, ${results.failed} failed, ${results.skipped} skipped`)
process.exit(results.failed === 0 && results.passed > 0 ? 0 : 1)
