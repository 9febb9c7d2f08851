// The acceptance suite against a real server: npm run test:vault. Needs bao or vault (VAULT_BIN or PATH) or Docker.
//   TARGET=openbao|vault|containers   which; without it, whichever server is found
//   VAULT_BIN=/path/to/binary         the server's binary
//   SERVER_IMAGE, NODE_IMAGE, DOCKER_NETWORK, DOCKER_BUILDKIT  options of TARGET=containers; see containers.mjs
// Arguments go to vitest: file names to run only those. The last line is the count.
import { requireContainers } from './containers.mjs'
import { findServer, targets } from './find-server.mjs'
import { runVitest } from './run-vitest.mjs'

/** What to run against, told before anything is started. */
function chosen() {
  const asked = process.env.TARGET || undefined
  if (asked !== undefined && !targets.includes(asked))
    throw new Error(`TARGET=${asked} is no target: it is one of ${targets.join(', ')}.`)
  if (asked === 'containers') requireContainers()
  if (asked === 'embedded' || asked === 'containers') return { target: asked }
  const { product, binary } = findServer(asked)
  return { target: product, binary }
}

function run({ target, binary }) {
  console.log(`acceptance against ${target}${binary === undefined ? '' : ` (${binary})`}`)
  const files = process.argv.slice(2)
  return runVitest(files.length > 0 ? files : ['test/acceptance/'], {
    TARGET: target,
    ...(binary !== undefined && { VAULT_BIN: binary }),
  })
}

try {
  process.exitCode = run(chosen())
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
