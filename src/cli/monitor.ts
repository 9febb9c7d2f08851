import { Failure } from './failure.ts'
import { text } from './flags.ts'
import { vaultCommand } from './vault-command.ts'

export const monitor = vaultCommand({
  summary: "Show the server's log as it is written",
  usage: '[flags]',
  examples: ['monitor', 'monitor -log-level=debug -log-format=json'],
  flags: {
    'log-level': text('level', 'Least severe lines to show: trace, debug, info, warn or error; default info.'),
    'log-format': text('standard|json', 'How the server writes them; default standard.'),
  },
  takes: [0, 0],
  async run({ io, flags, request }) {
    const query = { log_level: flags['log-level'] ?? 'info', log_format: flags['log-format'] ?? 'standard' }
    const onText = (lines: string) => {
      io.stdout(lines)
    }
    await request('Error starting monitor', (vault, options) =>
      vault.request('GET', 'sys/monitor', { ...options, query, onText }),
    ).catch((thrown: unknown) => {
      // Ctrl-C is how one leaves.
      if (!(thrown instanceof Failure && io.signal.aborted)) throw thrown
    })
    return 0
  },
})
