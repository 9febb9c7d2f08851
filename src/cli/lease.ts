import type { Family } from './command.ts'
import { cleanPath } from './data.ts'
import { UsageError } from './failure.ts'
import { duration, toggle } from './flags.ts'
import { vaultCommand } from './vault-command.ts'

const lookup = vaultCommand({
  summary: 'Show when a lease was issued and when it ends',
  usage: '[flags] <lease id>',
  examples: ['lease lookup $LEASE'],
  flags: {},
  takes: [1, 1],
  async run({ args, request, show }) {
    const lease_id = args[0]!.trim()
    const response = await request(`error looking up lease id ${lease_id}`, (vault, options) =>
      vault.request('PUT', 'sys/leases/lookup', { ...options, body: { lease_id } }),
    )
    return show(response)
  },
})

const renew = vaultCommand({
  summary: 'Extend a lease',
  usage: '[flags] <lease id>',
  examples: ['lease renew -increment=15m $LEASE'],
  flags: { increment: duration('How long the lease should last from now; the server may shorten it.') },
  takes: [1, 1],
  async run({ args, flags, request, show }) {
    const lease_id = args[0]!.trim()
    const body = { lease_id, increment: flags.increment ?? 0 }
    const response = await request(`Error renewing ${lease_id}`, (vault, options) =>
      vault.request('PUT', 'sys/leases/renew', { ...options, body }),
    )
    return show(response)
  },
})

const revoke = vaultCommand({
  summary: 'End a lease, or every lease below a prefix (to stop an agent: write -f mcp/agents/<agent>/revoke first)',
  usage: '[flags] <lease id | prefix>',
  examples: ['lease revoke -sync $LEASE', 'lease revoke -sync -prefix mcp/creds/claude-billing-agent'],
  flags: {
    sync: toggle('Return when the lease has ended, not when its end is queued.'),
    prefix: toggle('End every lease whose id lies below the argument.'),
    force: toggle('With -prefix: forget the leases even if the engine fails to end them. For recovery only.', 'f'),
  },
  takes: [1, 1],
  async run({ io, args, flags: { sync, prefix, force }, request, show }) {
    if (force && !prefix) throw new UsageError('Specifying -force requires also specifying -prefix')
    const lease = cleanPath(args[0]!)
    if (force) io.stderr('Warning! Force-removing leases can cause Vault to become out of sync with\nsecret engines!\n')
    const doing = `Error ${force ? 'force ' : ''}revoking ${prefix ? 'leases with prefix' : 'lease'} ${lease}`
    const path = `sys/leases/${force ? 'revoke-force' : prefix ? 'revoke-prefix' : 'revoke'}/${lease}`
    const response = await request(doing, (vault, options) =>
      vault.request('PUT', path, { ...options, ...(force ? {} : { body: { sync } }) }),
    )
    if (force) return show(response, `Success! Force revoked any leases with prefix: ${lease}`)
    if (!sync) return show(response, 'All revocation operations queued successfully!')
    return show(
      response,
      prefix ? `Success! Revoked any leases with prefix: ${lease}` : `Success! Revoked lease: ${lease}`,
    )
  },
})

export const lease: Family = {
  summary: 'Leases: what ends everything issued under them',
  commands: { lookup, renew, revoke },
}
