import type { VaultResponse } from '../vault-client/index.ts'
import type { Family } from './command.ts'
import { cleanPath } from './data.ts'
import { UsageError } from './failure.ts'
import { choice, duration, integer, oneOf, pairs, text, texts, toggle } from './flags.ts'
import { goText } from './table.ts'
import { fieldFlag, vaultCommand } from './vault-command.ts'
import type { VaultCall } from './vault-command.ts'

const accessorFlag = { accessor: toggle('The argument is an accessor, not a token.') }

/** One request about a token: the caller's own when none is named. */
async function requestAbout(
  call: VaultCall<typeof accessorFlag>,
  doing: string,
  verb: 'lookup' | 'renew' | 'revoke',
  more: object = {},
): Promise<VaultResponse> {
  const { args, flags, request } = call
  const named = args[0]?.trim()
  if (flags.accessor && !named) throw new UsageError('-accessor needs the accessor as argument')
  // An empty variable must not turn "that token" into "mine".
  if (named === '') throw new UsageError('The token is empty; leave it out to ask about your own')
  if (named === undefined) {
    return request(doing, (vault, options) =>
      verb === 'lookup'
        ? vault.request('GET', 'auth/token/lookup-self', options)
        : vault.request('PUT', `auth/token/${verb}-self`, { ...options, body: more }),
    )
  }
  const path = `auth/token/${verb}${flags.accessor ? '-accessor' : ''}`
  const body = { ...(flags.accessor ? { accessor: named } : { token: named }), ...more }
  return request(doing, (vault, options) => vault.request('POST', path, { ...options, body }))
}

const lookup = vaultCommand({
  summary: "Show a token's policies and remaining life; without an argument, your own",
  usage: '[flags] [token | accessor]',
  flags: { ...accessorFlag, ...fieldFlag },
  takes: [0, 1],
  run: async (call) =>
    call.show(await requestAbout(call, 'Error looking up token', 'lookup'), undefined, call.flags.field),
})

const renew = vaultCommand({
  summary: 'Extend a token; without an argument, your own',
  usage: '[flags] [token | accessor]',
  flags: {
    ...accessorFlag,
    increment: duration('How long the token should last from now; the server may shorten it.'),
  },
  takes: [0, 1],
  async run(call) {
    const { increment } = call.flags
    return call.show(
      await requestAbout(call, 'Error renewing token', 'renew', increment === undefined ? {} : { increment }),
    )
  },
})

const revoke = vaultCommand({
  summary: 'End a token with its leases and children',
  usage: '[flags] [token | accessor]',
  examples: ['token revoke -self', 'token revoke -mode=orphan $TOKEN'],
  flags: {
    ...accessorFlag,
    self: toggle('End your own token.'),
    mode: oneOf(['orphan'], 'orphan = leave the children alive.'),
  },
  takes: [0, 1],
  async run(call) {
    const { args, flags, request, show } = call
    if (flags.self === args.length > 0)
      throw new UsageError('Name a token or accessor, or use -self for your own; not both')
    if (flags.mode !== undefined && (flags.self || flags.accessor))
      throw new UsageError('-mode=orphan takes a token as argument, without -self or -accessor')
    const response =
      flags.mode === 'orphan'
        ? await request('Error revoking token', (vault, options) =>
            vault.request('POST', 'auth/token/revoke-orphan', { ...options, body: { token: args[0]!.trim() } }),
          )
        : await requestAbout(call, 'Error revoking token', 'revoke')
    return show(response, 'Success! Revoked token (if it existed)')
  },
})

const seconds = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : `${String(value)}s`

const create = vaultCommand({
  summary: 'Create a token',
  usage: '[flags]',
  examples: ['token create -policy=gateway -period=24h -orphan', 'token create -policy=agents -ttl=1h -field=token'],
  flags: {
    ...fieldFlag,
    policy: texts('name', 'Policy of the new token; default those of your own.'),
    ttl: duration('Initial life.'),
    'explicit-max-ttl': duration('Limit on the life of the token over all renewals.'),
    period: duration('Make the token periodic: every renewal extends it by this much, without limit.'),
    type: oneOf(['service', 'batch'], 'Kind of token; default service.'),
    orphan: toggle('The token outlives yours.'),
    renewable: choice('Whether it can be renewed; default true.'),
    'no-default-policy': toggle('Do not add the policy "default".'),
    'use-limit': integer('number', 'Number of requests the token is good for.'),
    'display-name': text('name', 'Name in audit logs.'),
    metadata: pairs('Metadata in audit logs.'),
    role: text('name', 'Token role to create it from.'),
  },
  takes: [0, 0],
  async run({ flags, request, show }) {
    const body = {
      policies: flags.policy.length === 0 ? undefined : flags.policy,
      ttl: seconds(flags.ttl),
      explicit_max_ttl: seconds(flags['explicit-max-ttl']),
      period: seconds(flags.period),
      type: flags.type,
      no_parent: flags.orphan || undefined,
      renewable: flags.renewable,
      no_default_policy: flags['no-default-policy'] || undefined,
      num_uses: flags['use-limit'],
      display_name: flags['display-name'],
      meta: flags.metadata,
    }
    const path = `auth/token/create${flags.role === undefined ? '' : `/${flags.role}`}`
    const response = await request('Error creating token', (vault, options) =>
      vault.request('POST', path, { ...options, body }),
    )
    return show(response, undefined, flags.field)
  },
})

const capabilities = vaultCommand({
  summary: 'Show what a token may do at a path; without a token, your own',
  usage: '[flags] [token | accessor] <path>',
  examples: ['token capabilities mcp/creds/claude-billing-agent'],
  flags: accessorFlag,
  takes: [1, 2],
  async run({ args, flags, request, print }) {
    const [token] = args.length === 2 ? args : []
    if (flags.accessor && token === undefined) throw new UsageError('-accessor needs the accessor and a path')
    const path = cleanPath(args.at(-1)!)
    const requested =
      token === undefined ? 'capabilities-self' : flags.accessor ? 'capabilities-accessor' : 'capabilities'
    const who = token === undefined ? {} : flags.accessor ? { accessor: token } : { token }
    const response = await request('Error listing capabilities', (vault, options) =>
      vault.request('POST', `sys/${requested}`, { ...options, body: { ...who, path } }),
    )
    const found = response.data?.capabilities ?? response.data?.[path]
    const list = (Array.isArray(found) ? found : []).map(goText).sort()
    print(list, () => `${list.join(', ')}\n`)
    return 0
  },
})

export const token: Family = { summary: 'Vault tokens', commands: { lookup, create, renew, revoke, capabilities } }
