/** What Terraform or OpenTofu launches: bundled into one file by `npm run build:provider`, in which the version is a constant. */
import { servePlugin } from '../goplugin/index.ts'
import { systemClock } from '../logical/clock.ts'
import { terraformProvider } from '../terraform/index.ts'

declare const PROVIDER_VERSION: string

void servePlugin(terraformProvider({ version: PROVIDER_VERSION, clock: systemClock }))
