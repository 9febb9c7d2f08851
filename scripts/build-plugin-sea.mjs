// The plugin as one native executable (single-executable.mjs), for servers on machines without Node.
//   --out=<dir>               dist/sea
//   --plugin-version=1.2.3    as in build-plugin.mjs
import { buildPlugin } from './build-plugin.mjs'
import { runExecutableBuild } from './single-executable.mjs'

await runExecutableBuild(buildPlugin, 'plugin-version')
