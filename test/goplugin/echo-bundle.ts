import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

export interface Bundle {
  /** A file Node runs. */
  readonly path: string
  remove(): void
}

/** A program of this folder as one file: the echo plugin as a host launches it, a host as a process of its own. */
export async function bundleProgram(name: 'echo-plugin' | 'echo-host-process'): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  const path = join(folder, `${name}.cjs`)
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'error',
  })
  return {
    path,
    remove: () => {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
