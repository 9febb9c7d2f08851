// A program that is a command: run to its end beside the fakes, which are in this process.
import { spawn } from 'node:child_process'

const LONGEST_MS = 55_000
const INSTALL_MS = 300_000

/** Resolves with { exit, stdout, stderr }, the output as text; rejects when it cannot be started. */
export function runCommand(command, args, { cwd, env, input, timeout = LONGEST_MS } = {}) {
  const child = spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'], timeout })
  const output = { stdout: [], stderr: [] }
  for (const [name, chunks] of Object.entries(output)) child[name].on('data', (chunk) => chunks.push(chunk))
  // It may end without having read all of it.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const textOf = (name) => Buffer.concat(output[name]).toString('utf8')
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({ exit: code ?? signal, stdout: textOf('stdout'), stderr: textOf('stderr') }),
    )
  })
}

/** Of a command that must not fail: what it printed. */
export async function mustRun(command, args, options) {
  const { exit, stdout, stderr } = await runCommand(command, args, options)
  if (exit !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${exit}: ${stderr || stdout}`)
  return stdout
}

/** For `prepare`: installs packages. Throws, in one line, why that cannot be done. */
export async function mustInstall(packages, command, args, options) {
  const { exit, stdout, stderr } = await runCommand(command, args, { ...options, timeout: INSTALL_MS })
  if (exit === 0) return
  const why =
    `${stderr}\n${stdout}`.split('\n').find((line) => /^(?:npm )?error\b/i.test(line)) ?? `it ended with ${exit}`
  throw new Error(`${command} cannot install ${packages}: ${why.trim()}`)
}
