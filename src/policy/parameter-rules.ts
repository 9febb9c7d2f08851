import type { ParameterValues } from './rule.ts'
import { PolicyError } from './error.ts'
import { kindOf, plainValue } from './tree.ts'
import type { Member, Node } from './tree.ts'

/** Reads `allowed_parameters` or `denied_parameters`. Names are compared in lower case, as Vault does. */
export function parameterValues(member: Member | undefined, key: string, name: string): ParameterValues | undefined {
  if (member === undefined) return undefined
  const { value, line } = member
  if (value.kind !== 'object')
    throw new PolicyError(
      line,
      `${name}: ${key} is ${kindOf(value)}; write a block, for example ${key} = { "limit" = ["10", "20"] }.`,
    )
  const values = Object.create(null) as Record<string, readonly unknown[]>
  for (const entry of value.members) {
    const parameter = entry.key.toLowerCase()
    if (parameter in values)
      throw new PolicyError(entry.line, `${name}: ${key} names "${parameter}" twice; write one list.`)
    values[parameter] = valuesOf(entry, key, name)
  }
  return values
}

function valuesOf(entry: Member, key: string, name: string): unknown[] {
  const { value } = entry
  if (value.kind !== 'list')
    throw new PolicyError(
      entry.line,
      `${name}: ${key} "${entry.key}" is ${kindOf(value)}; write a list, [] for every value or for example ["zip", "zap"].`,
    )
  if (entry.key === '*' && value.items.length > 0)
    throw new PolicyError(
      entry.line,
      `${name}: ${key} "*" stands for all other parameters and takes only the empty list: "*" = [].`,
    )
  return value.items.map((item) => {
    // Vault's documentation and its matcher disagree on a lone "*", so neither reading is guessed.
    if (item.kind === 'string' && /^\*+$/.test(item.value))
      throw new PolicyError(
        item.line,
        `${name}: ${key} "${entry.key}" has the value "${item.value}"; write [] for every value.`,
      )
    return plainValue(item)
  })
}

/** Reads `required_parameters`. */
export function requiredNames(member: Member | undefined, name: string): string[] | undefined {
  if (member === undefined) return undefined
  const { value, line } = member
  const fault = (node: Node, at: number) =>
    new PolicyError(
      at,
      `${name}: required_parameters holds ${kindOf(node)}; write a list of names, for example ["limit"].`,
    )
  if (value.kind !== 'list') throw fault(value, line)
  return value.items.map((item) => {
    if (item.kind !== 'string' || item.value === '') throw fault(item, item.line)
    return item.value
  })
}
