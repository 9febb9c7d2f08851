// Programs in Python: packages in a folder of their own, and a file of steps each, run by one process (python/steps.py).
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { mustInstall } from './command.mjs'

const sources = resolve(import.meta.dirname, '../python')

/** For `prepare`: installs packages and what they need. Throws why that cannot be done. */
export const pythonPackages =
  (...packages) =>
  async (folder) => {
    const options = ['--quiet', '--disable-pip-version-check', '--no-input', '--only-binary=:all:']
    const target = ['--target', join(folder, 'packages')]
    await mustInstall(packages.join(', '), 'python3', ['-m', 'pip', 'install', ...options, ...target, ...packages])
  }

/** Takes all steps of a file, and those that must be refused, a name with what the gateway must say; `wrong_token` has one. */
export async function takePythonSteps(file, { folder, url, key, wrongKey, step, refused }, refusals) {
  const python = startPython(folder, file)
  const take = (name) => python.ask([name, url, name === 'wrong_token' ? wrongKey : key])
  try {
    for (const name of await python.next()) await step(name.replaceAll('_', ' '), () => take(name))
    for (const [name, sentence] of Object.entries(refusals))
      await refused(
        name.replaceAll('_', ' '),
        async () => Promise.reject(new Error(saying(await take(name)))),
        sentence,
      )
  } finally {
    python.end()
  }
}

/** The text of a response, or what was raised. */
const saying = (result) => result.message ?? result

function startPython(folder, file) {
  const child = spawn('python3', [join(sources, file)], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      LANG: 'C.UTF-8',
      PYTHONPATH: join(folder, 'packages'),
      PYTHONDONTWRITEBYTECODE: '1',
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const said = []
  child.stderr.on('data', (chunk) => said.push(chunk))
  child.stdin.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${file} ended: ${Buffer.concat(said)}`)
    return JSON.parse(value)
  }
  return {
    next,
    ask: (line) => {
      child.stdin.write(`${JSON.stringify(line)}\n`)
      return next()
    },
    end: () => child.kill(),
  }
}
