// Which Terraform the tests drive: TERRAFORM_BIN, else `terraform`, else `tofu` on PATH.
import { spawnSync } from 'node:child_process'

/** The oldest minor version with write-only arguments, of Terraform and of OpenTofu alike. */
const OLDEST_MINOR = 11

/** Throws one sentence where there is none, or only one that is too old. */
export function findTerraform(env = process.env) {
  const candidates = env.TERRAFORM_BIN ? [env.TERRAFORM_BIN] : ['terraform', 'tofu']
  const found = candidates
    .map((binary) => ({ binary, ...versionOf(binary, env) }))
    .find(({ version }) => version !== undefined)
  if (!found) {
    throw new Error(
      env.TERRAFORM_BIN
        ? `TERRAFORM_BIN=${env.TERRAFORM_BIN} is no Terraform that runs here: set it to one, or unset it and put \`terraform\` or \`tofu\` on PATH.`
        : 'needs terraform 1.11+ or tofu on PATH: neither is; install one, or set TERRAFORM_BIN to its binary.',
    )
  }
  const [major, minor] = found.version.split('.').map(Number)
  if (major < 1 || (major === 1 && minor < OLDEST_MINOR))
    throw new Error(
      `needs terraform 1.11+ or tofu 1.11+: ${found.binary} is ${found.product} ${found.version}, which has no write-only arguments.`,
    )
  return found
}

function versionOf(binary, env) {
  const { stdout } = spawnSync(binary, ['version'], {
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...env, CHECKPOINT_DISABLE: '1' },
  })
  const [, product, version] = /^(Terraform|OpenTofu) v(\d+\.\d+\.\d+\S*)/m.exec(stdout ?? '') ?? []
  return { product, version }
}
