/** The Terraform provider "mcp" as a plugin Terraform and OpenTofu launch: protocol 6. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { GoPlugin } from '../goplugin/index.ts'
import type { Clock } from '../logical/clock.ts'
import { createProvider } from './provider.ts'
import type { ClosableProvider } from './provider.ts'
import { providerService } from './protocol/service.ts'
import type { ProviderEnvironment } from './settings.ts'

export interface TerraformOptions {
  /** Without a v. */
  readonly version: string
  readonly clock: Clock
  /** The environment and the token file; by default this process's. */
  readonly environment?: ProviderEnvironment
}

const usage = `This is a provider for Terraform and OpenTofu. They launch it; it does nothing by itself.
Put it where terraform init looks for it, for example

  ./terraform.d/plugins/terraform.local/mcp/mcp/<version>/<os>_<arch>/terraform-provider-mcp

and require terraform.local/mcp/mcp in the configuration.
`

export function terraformProvider({ version, clock, environment = processEnvironment }: TerraformOptions): GoPlugin {
  let provider: ClosableProvider | undefined
  return {
    // Fixed by Terraform, the same for OpenTofu.
    cookie: {
      name: 'TF_PLUGIN_MAGIC_COOKIE',
      value: 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2',
    },
    versions: [6],
    usage,
    services({ logger }) {
      provider = createProvider({ version, clock, logger, ...environment })
      return [providerService(provider, logger)]
    },
    close: async () => provider?.close(),
  }
}

const processEnvironment: ProviderEnvironment = {
  env: process.env,
  tokenFile() {
    try {
      return readFileSync(join(homedir(), '.vault-token'), 'utf8').trim() || undefined
    } catch {
      return undefined
    }
  },
}
