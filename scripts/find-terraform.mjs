// Which Terraform or OpenTofu the tests are to run: TERRAFORM_BIN, else `terraform`, else `tofu` on PATH.
import { spawnSync } from 'node:child_process'

/** Write-only arguments and ephemeral resources are of this version, in both. */
const LEAST = [1, 11]

/** The program and its version; throws one sentence where there is none. */
export function findTerraform(env = process.env) {
  const given = env.TERRAFORM_BIN
  const candidates = given !== undefined && given !== '' ? [given] : ['terraform', 'tofu']
  const found = candidates.map((binary) => ({ binary, version: versionOf(binary, env) })).filter(({ version }) => version !== undefined)
  const fit = found.find(({ version }) => isRecent(version))
  if (fit) return fit
  const there = found.map(({ binary, version }) => `${binary} is ${version}`).join(', ')
  throw new Error(`Terraform or OpenTofu ${LEAST.join('.')} or newer is needed, and ${there || `${candidates.join(' and ')} cannot be run`}: put one on PATH, or set TERRAFORM_BIN to it.`)
}

function versionOf(binary, env) {
  const { stdout } = spawnSync(binary, ['version', '-json'], { encoding: 'utf8', timeout: 20_000, env: { ...env, CHECKPOINT_DISABLE: '1', TF_CLI_CONFIG_FILE: '/dev/null' } })
  try {
    return JSON.parse(stdout).terraform_version
  } catch {
    return undefined
  }
}

function isRecent(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])
}
