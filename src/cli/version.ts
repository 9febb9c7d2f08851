import { readFileSync } from 'node:fs'
import { command } from './command.ts'

/** From the package this file was installed with: `src/cli` and `dist/cli` lie equally deep in it. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}

export const version = command({
  summary: 'Print the version',
  usage: '',
  flags: {},
  takes: [0, 0],
  run({ io }) {
    io.stdout(`mcp-vault ${packageVersion()}\n`)
    return Promise.resolve(0)
  },
})
