// Bundles src/cli/terraform-provider.ts and everything it imports into ONE executable file (bundle.mjs), which Terraform launches.
//   --out=<dir>                 dist/terraform
//   --provider-version=1.2.3    by default the package's
//   --node=/usr/bin/node        writes that path into the first line instead of `/usr/bin/env node`, for a Terraform whose PATH has no Node
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildExecutable, buildOptions, checkVersion, own, runBuild } from './bundle.mjs'

/** The name Terraform looks for in a provider's folder. */
export const providerFile = 'terraform-provider-mcp'

// node-vault would load axios for requests that are not ours to make: src/vault-client gives it a transport of its own.
const absent = ['axios', 'supports-color']

/** Writes `<outDir>/terraform-provider-mcp`; see `buildExecutable`. */
export async function buildProvider({ outDir, version = own.version, node }) {
  checkVersion('provider', version)
  return buildExecutable({
    outDir,
    file: providerFile,
    entry: 'src/cli/terraform-provider.ts',
    version,
    define: { PROVIDER_VERSION: version },
    node,
    absent,
  })
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  await runBuild(() => buildProvider(buildOptions('dist/terraform', 'provider-version')))
