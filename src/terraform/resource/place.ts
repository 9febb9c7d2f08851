/** Where a document lies below the mount, and the ids by which Terraform and people name it. */
import { Refusal, fault } from '../protocol/diagnostic.ts'

export interface Place {
  /** The captures of the pattern, in order. */
  readonly names: readonly string[]
  /** `agents/claude-billing-agent`; a capture that may be missing is left out where it is undefined. */
  path(values: Readonly<Record<string, string | undefined>>): string
  /** The names in `mcp/agents/claude-billing-agent` or in the short form `claude-billing-agent`. Throws `Refusal`. */
  parse(id: string, mount: string): Readonly<Record<string, string>>
}

/** `pattern` is the engine's; the capture `optional` may be missing at its end. */
export function placeOf(pattern: string, optional?: string): Place {
  const segments = pattern.split('/')
  const nameIn = (segment: string): string | undefined => /^:(\w+)/.exec(segment)?.[1]
  const names = segments.flatMap((segment) => nameIn(segment) ?? [])
  const shape = (parts: readonly string[]): RegExp =>
    new RegExp(
      `^${parts
        .map((segment, index) => {
          const name = nameIn(segment)
          const part = name === undefined ? segment : segment.endsWith('...') ? `(?<${name}>.+)` : `(?<${name}>[^/]+)`
          const joined = index === 0 ? part : `/${part}`
          return name !== undefined && name === optional ? `(?:${joined})?` : joined
        })
        .join('')}$`,
    )
  const long = shape(segments)
  // A document without a name, such as config, is called by its path.
  const short = names.length === 0 ? long : shape(segments.filter((segment) => nameIn(segment) !== undefined))
  const example = segments.map((segment) => (nameIn(segment) === undefined ? segment : `<${nameIn(segment)!}>`))

  return {
    names,
    path: (values) =>
      segments
        .flatMap((segment) => {
          const name = nameIn(segment)
          return name === undefined ? segment : (values[name] ?? [])
        })
        .join('/'),
    parse(id, mount) {
      const below = id.startsWith(`${mount}/`) ? long.exec(id.slice(mount.length + 1)) : null
      const match = below ?? short.exec(id)
      if (match)
        return Object.fromEntries(
          Object.entries(match.groups ?? {}).filter(
            (entry): entry is [string, string] => (entry[1] as string | undefined) !== undefined,
          ),
        )
      const shortExample =
        names.length === 0 ? '' : `, or ${example.filter((segment) => segment.startsWith('<')).join('/')}`
      throw new Refusal(
        fault(
          `${JSON.stringify(id.slice(0, 120))} is not an import id`,
          `Write ${mount}/${example.join('/')}${shortExample}${optional === undefined ? '' : ` (<${optional}> may be left out)`}. What lies in another mount is imported by a provider configuration of that mount.`,
        ),
      )
    },
  }
}
