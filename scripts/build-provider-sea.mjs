// The Terraform provider as one native executable (single-executable.mjs), for runs of Terraform on machines without Node.
//   --out=<dir>                 dist/sea
//   --provider-version=1.2.3    as in build-provider.mjs
import { buildProvider } from './build-provider.mjs'
import { runExecutableBuild } from './single-executable.mjs'

await runExecutableBuild(buildProvider, 'provider-version')
