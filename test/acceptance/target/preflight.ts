import { readdirSync } from 'node:fs'
import { findServer, requireDocker } from '../../../scripts/find-server.mjs'

/** Once per run, before anything starts: says what is not in it, or fails with the sentence that every file would fail with. */
export async function setup(): Promise<void> {
  const target = process.env.TARGET || 'embedded'
  if (target === 'openbao' || target === 'vault') findServer(target)
  if (target === 'containers') await requireDocker()
  if (target !== 'embedded') return
  console.log(
    `acceptance on the embedded host; only with a real server (npm run test:vault): ${[...testsIn('servers'), ...testsIn('cluster').map((name) => `cluster ${name}`)].join(', ')}`,
  )
}

const testsIn = (folder: string): string[] =>
  readdirSync(new URL(`../${folder}/`, import.meta.url))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.slice(0, -'.test.ts'.length))
    .sort()
