// Which server the acceptance suite is to run against: VAULT_BIN, else `bao`, else `vault` on PATH. What a binary is, it says itself.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export const targets = ['embedded', 'openbao', 'vault', 'containers']
const names = { openbao: 'OpenBao', vault: 'Vault' }
const commands = { openbao: 'bao', vault: 'vault' }

/** The product and its binary for `openbao` or `vault`; undefined asks for either. Throws one sentence where there is none. */
export function findServer(wanted, env = process.env) {
  const given = env.VAULT_BIN
  if (given !== undefined && given !== '') return named(given, wanted)
  const products = wanted === undefined ? ['openbao', 'vault'] : [wanted]
  // Each is looked for under its own name first; either may be installed as the other.
  for (const command of [...new Set([...products.map((product) => commands[product]), 'bao', 'vault'])]) {
    const binary = onPath(command, env)
    const product = binary === undefined ? undefined : productOf(binary)
    if (product !== undefined && products.includes(product)) return { product, binary }
  }
  const what = wanted === undefined ? 'neither `bao` nor `vault` is on PATH' : `no ${names[wanted]} is on PATH`
  const how = wanted === undefined ? 'install OpenBao or Vault' : `install ${names[wanted]} (\`${commands[wanted]}\`)`
  throw new Error(`${what}: ${how}, or set VAULT_BIN to the binary of a server.`)
}

function named(binary, wanted) {
  const product = isExecutable(binary) ? productOf(binary) : undefined
  if (product === undefined)
    throw new Error(
      `VAULT_BIN=${binary} is no binary of Vault or OpenBao that runs here: set it to one, or unset it and put \`bao\` or \`vault\` on PATH.`,
    )
  if (wanted !== undefined && product !== wanted)
    throw new Error(
      `VAULT_BIN=${binary} is ${names[product]}, and TARGET=${wanted} asks for ${names[wanted]}: set VAULT_BIN to a binary of ${names[wanted]}, or TARGET=${product}.`,
    )
  return { product, binary }
}

/** What `version` says, or undefined for a binary that is not one of the two. */
function productOf(binary) {
  const { stdout } = spawnSync(binary, ['version'], { encoding: 'utf8', timeout: 10_000 })
  const [, said] = /^(OpenBao|Vault) v/.exec(stdout ?? '') ?? []
  return said?.toLowerCase()
}

function onPath(command, env) {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find(isExecutable)
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
