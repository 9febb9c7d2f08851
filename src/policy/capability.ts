import { PolicyError } from './error.ts'
import { kindOf } from './tree.ts'
import type { Member, Node } from './tree.ts'

/** Capabilities of the policy language that an operation of this server can ask for, and `deny`. */
export const liveCapabilities: readonly string[] = [
  'create',
  'read',
  'update',
  'patch',
  'delete',
  'list',
  'sudo',
  'deny',
]
/** Known to Vault or OpenBao and accepted so that their policies load, but nothing here asks for them. */
export const deadCapabilities: readonly string[] = ['subscribe', 'recover', 'scan']

/** The words of the old `policy = "…"` key. */
const legacyPolicies: Readonly<Record<string, readonly string[]>> = {
  deny: ['deny'],
  read: ['read', 'list'],
  write: ['create', 'read', 'update', 'delete', 'list'],
  sudo: ['create', 'read', 'update', 'delete', 'list', 'sudo'],
}

/** The union of both keys, without repetitions; `['deny']` when deny is among them. */
export function capabilitiesOf(capabilities: Member | undefined, policy: Member | undefined, name: string): string[] {
  const found = new Set([...legacy(policy, name), ...listed(capabilities, name)])
  return found.has('deny') ? ['deny'] : [...found]
}

function legacy(member: Member | undefined, name: string): readonly string[] {
  if (member === undefined) return []
  const word = member.value.kind === 'string' ? member.value.value : ''
  const found = Object.hasOwn(legacyPolicies, word) ? legacyPolicies[word] : undefined
  if (found === undefined)
    throw new PolicyError(
      member.line,
      `${name}: invalid policy ${shown(member.value)}; it is read, write, sudo or deny. Better: capabilities = ["read"].`,
    )
  return found
}

function listed(member: Member | undefined, name: string): string[] {
  if (member === undefined) return []
  const { value, line } = member
  if (value.kind !== 'list')
    throw new PolicyError(
      line,
      `${name}: capabilities is ${kindOf(value)}; write a list, for example capabilities = ["read", "list"].`,
    )
  return value.items.map((item) => {
    const word = item.kind === 'string' ? item.value : ''
    if (liveCapabilities.includes(word) || deadCapabilities.includes(word)) return word
    const help = word === 'write' ? 'write "create" and "update" instead' : `known are ${liveCapabilities.join(', ')}`
    throw new PolicyError(item.line, `${name}: invalid capability ${shown(item)}; ${help}.`)
  })
}

const shown = (node: Node): string => (node.kind === 'string' ? JSON.stringify(node.value) : `(${kindOf(node)})`)
