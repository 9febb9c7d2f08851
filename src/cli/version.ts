import { readFileSync } from 'node:fs'
import { command } from './command.ts'
import { document, formatFlag, formatOf } from './format.ts'

/** From the package this file was installed with: `src/cli` and `dist/cli` lie equally deep in it. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}

export const version = command({
  summary: 'Print the version',
  usage: '[flags]',
  flags: formatFlag,
  takes: [0, 0],
  run({ io, flags }) {
    const format = formatOf(io, flags.format)
    const version = packageVersion()
    io.stdout(format === 'table' ? `mcp-vault ${version}\n` : document(format, { version }))
    return Promise.resolve(0)
  },
})
