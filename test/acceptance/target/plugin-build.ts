import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPlugin } from '../../../scripts/build-plugin.mjs'

/** The version the plugin is built under unless another is asked for, without the `v`. */
export async function packageVersion(): Promise<string> {
  return (JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version
}

/** Builds the plugin into a folder that is gone when `use` is done with the file. */
export async function scratchBuild(version: string, use: (path: string) => Promise<void>): Promise<{ sha256: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'acceptance-build-'))
  try {
    const { path, sha256 } = await buildPlugin({ outDir: folder, version })
    await use(path)
    return { sha256 }
  } finally {
    await rm(folder, { recursive: true })
  }
}
