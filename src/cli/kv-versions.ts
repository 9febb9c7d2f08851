import { Failure, UsageError } from './failure.ts'
import { integers } from './flags.ts'
import { locate, locateV2, mountFlag } from './kv-place.ts'
import { vaultCommand } from './vault-command.ts'

export const remove = vaultCommand({
  summary: 'Delete the newest version, or the named ones; they can be undeleted',
  usage: '[flags] <path>',
  examples: ['kv delete -mount=secret mcp/stripe', 'kv delete -mount=secret -versions=1,2 mcp/stripe'],
  flags: { ...mountFlag, versions: integers('numbers', 'Versions to delete.') },
  takes: [1, 1],
  async run(call) {
    const {
      args,
      flags: { versions },
      request,
      show,
    } = call
    const place = await locate(call, args[0])
    if (!place.v2 && versions.length > 0) throw new Failure(1, 'Versions not supported on KV Version 1')
    const path = place.at('data')
    const response = await request(`Error deleting ${path}`, (vault, options) =>
      versions.length === 0
        ? vault.delete(path, options)
        : vault.request('PUT', place.at('delete'), { ...options, body: { versions } }),
    )
    return show(response, `Success! Data deleted (if it existed) at: ${path}`)
  },
})

const versionChange = (part: 'undelete' | 'destroy', summary: string) =>
  vaultCommand({
    summary,
    usage: '[flags] -versions=<numbers> <path>',
    examples: [`kv ${part} -mount=secret -versions=2 mcp/stripe`],
    flags: { ...mountFlag, versions: integers('numbers', `Versions to ${part}; required.`) },
    takes: [1, 1],
    async run(call) {
      const {
        args,
        flags: { versions },
        request,
        show,
      } = call
      if (versions.length === 0)
        throw new UsageError(`No versions provided, use the "-versions" flag to specify the version to ${part}.`)
      const path = (await locateV2(call, args[0]!, part === 'undelete' ? 'Undelete' : 'Destroy')).at(part)
      const response = await request(`Error writing data to ${path}`, (vault, options) =>
        vault.request('PUT', path, { ...options, body: { versions } }),
      )
      return show(response, `Success! Data written to: ${path}`)
    },
  })

export const undelete = versionChange('undelete', 'Bring deleted versions back')
export const destroy = versionChange('destroy', 'Remove versions for good')
