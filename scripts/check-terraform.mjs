// Both ways of provisioning with Terraform, driven by the real CLI: npm run test:terraform.
// Needs terraform 1.11+ or tofu 1.11+: TERRAFORM_BIN or PATH. Nothing is fetched from a registry.
//   VAULT_BIN=/path/to/bao or vault   a real server to provision besides the embedded one; else `bao` or `vault` on PATH, if there is one
//   VAULT_PROVIDER_BIN=/path/to/terraform-provider-vault   the official provider; without it the official route is skipped
// Arguments go to vitest: file names to run only those. The last line is the count.
import { findServer } from './find-server.mjs'
import { findTerraform } from './find-terraform.mjs'
import { runVitest } from './run-vitest.mjs'

/** What to test with and against, told before anything is started. A server asked for by VAULT_BIN must be there. */
function chosen() {
  const terraform = findTerraform()
  const servers = ['the embedded server']
  let server
  try {
    server = findServer(undefined)
    servers.push(`${server.product} (${server.binary})`)
  } catch (absent) {
    if (process.env.VAULT_BIN) throw absent
    console.log('no real server: neither `bao` nor `vault` is on PATH, and VAULT_BIN is not set')
  }
  console.log(`${terraform.product} ${terraform.version} (${terraform.binary}) against ${servers.join(' and ')}`)
  if (!process.env.VAULT_PROVIDER_BIN)
    console.log('skipped: the official route; set VAULT_PROVIDER_BIN to a terraform-provider-vault')
  return { TERRAFORM_BIN: terraform.binary, VAULT_BIN: server?.binary ?? '' }
}

try {
  process.exitCode = runVitest(['--config=test/terraform/vitest.config.ts', ...process.argv.slice(2)], chosen())
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
