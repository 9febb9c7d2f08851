import { UsageError } from './failure.ts'
import { fieldFlag, vaultCommand } from './vault-command.ts'

export const unwrap = vaultCommand({
  summary: 'Unwrap a wrapped response with its single-use token',
  usage: '[flags] [wrapping token]',
  examples: ['unwrap hvs.CAESI…'],
  flags: fieldFlag,
  takes: [0, 1],
  async run({ args, flags, request, requestAs, show }) {
    const token = args[0]?.trim()
    // An empty variable must not turn "that token" into "mine".
    if (token === '') throw new UsageError('The wrapping token is empty')
    const response =
      token !== undefined
        ? await requestAs(token, 'Error unwrapping', (vault, options) =>
            vault.request('PUT', 'sys/wrapping/unwrap', options),
          )
        : await request('Error unwrapping', (vault, options) => vault.request('PUT', 'sys/wrapping/unwrap', options))
    return show(response, 'Success! The wrapped response was empty', flags.field)
  },
})
