/** Somebody, whichever auth method they log in with. Times in Unix milliseconds. */
export interface Entity {
  readonly id: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>> | null
  /** What its tokens may do beside their own policies. */
  readonly policies: readonly string[]
  readonly disabled: boolean
  readonly aliases: readonly Alias[]
  readonly creation_time: number
  readonly last_update_time: number
}

/** Who an entity is at one auth method: there, at most one. */
export interface Alias {
  readonly id: string
  /** As the auth method names it: a role id, a user. */
  readonly name: string
  readonly mount_accessor: string
  readonly metadata: Readonly<Record<string, string>> | null
  readonly custom_metadata: Readonly<Record<string, string>> | null
  readonly creation_time: number
  readonly last_update_time: number
}

/** What a parameter of a policy's template stands for; undefined = nothing, so that its rule matches nothing. */
export function templateValue(entity: Entity, parameter: string): string | undefined {
  const [root, kind, ...path] = parameter.split('.')
  if (root !== 'identity' || kind !== 'entity') return undefined
  const [field = '', ...rest] = path
  if (field === 'aliases') {
    const [accessor, ...below] = rest
    const alias = entity.aliases.find((one) => one.mount_accessor === accessor)
    return alias && valueIn({ id: alias.id, name: alias.name }, alias, below)
  }
  return valueIn({ id: entity.id, name: entity.name }, entity, path)
}

function valueIn(
  plain: Readonly<Record<string, string>>,
  { metadata, custom_metadata }: Pick<Alias, 'metadata'> & Partial<Pick<Alias, 'custom_metadata'>>,
  [field = '', ...key]: readonly string[],
): string | undefined {
  const from = field === 'metadata' ? metadata : field === 'custom_metadata' ? custom_metadata : undefined
  if (from) return Object.hasOwn(from, key.join('.')) ? from[key.join('.')] : undefined
  return key.length === 0 && Object.hasOwn(plain, field) ? plain[field] : undefined
}
