import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { readFile } from 'node:fs/promises'
import { runScript } from '../demo/script.ts'
import { command } from './command.ts'
import { toggle } from './flags.ts'
import type { Io } from './io.ts'
import { run } from './run.ts'
import type { Registration } from './command.ts'

/** `npm start`. Needs the registered commands, because the demo types them. */
export const demo = (registrations: readonly Registration[]) =>
  command({
    summary: 'Walk through a whole deployment as a demo, step by step',
    usage: '[-once]',
    flags: { once: toggle('Exit when the demo is done; non-zero if a step did not do what it says.') },
    takes: [0, 0],
    async run({ io, flags }) {
      const done = await runScript({
        print: (text) => {
          io.stdout(text)
        },
        clock: io.clock,
        random: (bytes) => randomBytes(bytes),
        mcpVault: (args, env, cwd) => captured(io, registrations, args, env, cwd),
      })
      io.stdout(
        done.failures.length === 0
          ? '\nEvery step did what it says.\n'
          : `\n${done.failures.length} step(s) did not do what they say:\n${done.failures.map((failure) => `  ✗ ${failure}\n`).join('')}`,
      )
      if (!flags.once && !io.signal.aborted) {
        io.stdout(
          `\nStill running; Ctrl-C ends it. In another terminal:\n  export VAULT_ADDR=${done.server.vaultAddress} VAULT_TOKEN=${done.server.rootToken}\n  npx --no mcp-vault write mcp/creds/claude-billing-agent purpose=try-out\n  npx --no mcp-vault call ${done.mcpUrl} list_invoices -agent claude-billing-agent\n`,
        )
        await new Promise<void>((ended) => {
          io.signal.addEventListener(
            'abort',
            () => {
              ended()
            },
            { once: true },
          )
        })
      }
      await done.close()
      return done.failures.length === 0 ? 0 : 1
    },
  })

/** One `mcp-vault` line as a person would have typed it in `cwd`, its output caught. */
async function captured(
  io: Io,
  registrations: readonly Registration[],
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<{ code: number; out: string }> {
  let out = ''
  const take = (text: string) => {
    out += text
  }
  const code = await run(
    args,
    {
      ...io,
      env,
      home: cwd,
      stdoutIsTerminal: false,
      stdout: take,
      stderr: take,
      readFile: (path) => readFile(resolve(cwd, path), 'utf8'),
    },
    registrations,
  )
  return { code, out }
}
