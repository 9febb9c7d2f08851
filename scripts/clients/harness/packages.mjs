// What programs need: npm packages in a folder of their own, commands on PATH.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const INSTALL_MS = 300_000

/** The first command that is not there. */
export const missingCommand = (commands = []) =>
  commands.find((command) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0)

/**
 * Installs a program's packages, without running their scripts, and returns what imports one as a program in that folder would.
 * Throws the reason where that cannot be done. `prepare(folder)` is for what npm does not have.
 */
export async function installed(folder, { packages = [], prepare }) {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  writeFileSync(join(folder, 'load.js'), 'export const load = (name) => import(name)\n')
  if (packages.length > 0) {
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...packages]
    const npm = spawnSync('npm', args, { cwd: folder, encoding: 'utf8', timeout: INSTALL_MS })
    if (npm.status !== 0) throw new Error(`npm cannot install ${packages.join(', ')}: ${firstLine(npm)}`)
  }
  await prepare?.(folder)
  const { load } = await import(pathToFileURL(join(folder, 'load.js')).href)
  return load
}

const firstLine = ({ error, stderr }) => error?.message ?? stderr?.trim().split('\n')[0] ?? 'it was stopped'
