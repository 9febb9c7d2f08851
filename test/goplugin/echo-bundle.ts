import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

export interface Bundle {
  /** An executable. */
  readonly path: string
  remove(): void
}

/** The echo plugin as the one file a host launches. */
export async function bundleEchoPlugin(): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), 'echo-plugin-'))
  const path = join(folder, 'echo-plugin.cjs')
  await build({ entryPoints: [join(import.meta.dirname, 'echo-plugin.ts')], outfile: path, bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'error' })
  return { path, remove: () => { rmSync(folder, { recursive: true, force: true }) } }
}
