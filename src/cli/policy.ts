import type { Family } from './command.ts'
import { contents } from './data.ts'
import { Failure, UsageError } from './failure.ts'
import { goText } from './table.ts'
import { vaultCommand } from './vault-command.ts'

/** Vault's own ACL policies. The tool policies of agents are data of the engine: `write mcp/policies/<name>`. */

/** Vault keeps policies under lower-case names. */
function policyName(word: string): string {
  const name = word.trim().toLowerCase()
  if (name === '') throw new UsageError('The policy name is empty, for example operators')
  return name
}

const list = vaultCommand({
  summary: 'List ACL policies',
  usage: '[flags]',
  flags: {},
  takes: [0, 0],
  async run({ request, print }) {
    const response = await request('Error listing policies', (vault, options) =>
      vault.list('sys/policies/acl', options),
    )
    const names = Array.isArray(response?.data?.keys) ? response.data.keys.map(goText) : []
    print(names, () => names.map((name) => `${name}\n`).join(''))
    return 0
  },
})

const read = vaultCommand({
  summary: 'Print an ACL policy',
  usage: '[flags] <name>',
  flags: {},
  takes: [1, 1],
  async run({ args, request, print }) {
    const name = policyName(args[0]!)
    const response = await request(`Error reading policy named ${name}`, (vault, options) =>
      vault.read(`sys/policies/acl/${name}`, options),
    )
    const policy = response?.data?.policy
    if (typeof policy !== 'string') throw new Failure(2, `No policy named: ${name}`)
    print({ policy }, () => `${policy.trim()}\n`)
    return 0
  },
})

const write = vaultCommand({
  summary: 'Write an ACL policy from a file',
  usage: '[flags] <name> <file | ->',
  examples: ['policy write gateway vault-config/policies/gateway.hcl', 'policy write operators -'],
  flags: {},
  takes: [2, 2],
  async run({ io, args, request, show }) {
    const name = policyName(args[0]!)
    const policy = args[1] === '-' ? await io.readStdin() : await contents(io, args[1]!)
    const response = await request('Error uploading policy', (vault, options) =>
      vault.request('PUT', `sys/policies/acl/${name}`, { ...options, body: { policy } }),
    )
    return show(response, `Success! Uploaded policy: ${name}`)
  },
})

const remove = vaultCommand({
  summary: 'Delete an ACL policy',
  usage: '[flags] <name>',
  flags: {},
  takes: [1, 1],
  async run({ args, request, show }) {
    const name = policyName(args[0]!)
    const response = await request(`Error deleting ${name}`, (vault, options) =>
      vault.delete(`sys/policies/acl/${name}`, options),
    )
    return show(response, `Success! Deleted policy: ${name}`)
  },
})

export const policy: Family = {
  summary: 'ACL policies: who may use which path of Vault',
  commands: { list, read, write, delete: remove },
}
