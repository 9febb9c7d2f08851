import { Refusal, fault } from './diagnostic.ts'
import { isNested } from './schema.ts'
import type { Attributes, Block } from './schema.ts'
import { isList, isObject } from './value.ts'
import type { Value, ValueObject } from './value.ts'

/**
 * A state some version of this provider wrote, as a value of today's schema: an attribute that has come since is null, one that is
 * gone is dropped. Terraform asks at every refresh, whatever the version.
 */
export function upgradedState(schema: Block, json: Uint8Array): Value {
  let state: Value
  try {
    state = JSON.parse(Buffer.from(json).toString()) as Value
  } catch {
    throw new Refusal(
      fault(
        'The state cannot be read',
        'The stored state of this resource is not JSON. Remove it from the state with terraform state rm, and import it again.',
      ),
    )
  }
  return isObject(state) ? conform(schema.attributes, state) : null
}

function conform(attributes: Attributes, value: ValueObject): ValueObject {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { type }]) => {
      const member = Object.hasOwn(value, name) ? (value[name] ?? null) : null
      if (!isNested(type) || !isList(member)) return [name, member]
      return [name, member.map((item) => (isObject(item) ? conform(type.listOf, item) : null))]
    }),
  )
}
