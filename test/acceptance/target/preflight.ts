import { readdirSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { buildServerImage, removeContainers, requireContainers } from '../../../scripts/containers.mjs'
import { findServer } from '../../../scripts/find-server.mjs'
import { containerLabel } from './containers.ts'

/** Once per run, before anything starts: says what is not in it, or fails with the sentence that every file would fail with. */
export function setup(): (() => void) | undefined {
  const target = process.env.TARGET || 'embedded'
  if (target === 'openbao' || target === 'vault') findServer(target)
  if (target === 'containers') return oneImage()
  if (target !== 'embedded') return undefined
  console.log(
    `acceptance on the embedded host; only with a real server (npm run test:vault): ${[...testsIn('servers'), ...testsIn('cluster').map((name) => `cluster ${name}`)].join(', ')}`,
  )
  return undefined
}

/** Built once for all files. Where a run is broken off, a container may outlive its test: they end here. */
function oneImage(): () => void {
  const options = requireContainers()
  const run = randomUUID()
  const image = `localhost/mcp-acceptance:${run}`
  buildServerImage(options, image)
  process.env.ACCEPTANCE_IMAGE = image
  process.env.ACCEPTANCE_RUN = run
  if (options.network === 'host') {
    // testcontainers asks the bridge where the host is, and publishes a port of its helper there. What that is for is done below.
    process.env.TESTCONTAINERS_HOST_OVERRIDE ??= '127.0.0.1'
    process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true'
  }
  return () => {
    removeContainers(`${containerLabel}=${run}`, image)
  }
}

const testsIn = (folder: string): string[] =>
  readdirSync(new URL(`../${folder}/`, import.meta.url))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.slice(0, -'.test.ts'.length))
    .sort()
