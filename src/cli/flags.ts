import { durationSeconds } from '../framework/duration.ts'
import { UsageError } from './failure.ts'
import { nearest } from './suggest.ts'

/**
 * Flags as Vault's own command line has them: `-name=value`, `-name value`, `--name` too, `-name` alone for switches.
 * Unlike there they may also stand after the arguments. `--` ends them.
 */

export interface Flag<T> {
  /** What the value is, for help: `seconds`. Empty for a switch, which takes a value only after `=`. */
  readonly placeholder: string
  readonly help: string
  readonly short?: string
  /** Every value given, in order; none when the flag is absent. Throws `UsageError`. */
  read(values: readonly string[], name: string): T
}

export type FlagTable = Readonly<Record<string, Flag<unknown>>>
export type FlagValues<F extends FlagTable> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never }

export interface ParsedCall<F extends FlagTable> {
  readonly flags: FlagValues<F>
  readonly args: readonly string[]
  /** `-h` or `-help` was given; then values are not judged. */
  readonly help: boolean
}

export const text = (placeholder: string, help: string): Flag<string | undefined> => ({
  placeholder,
  help,
  read: (values) => values.at(-1),
})

export const texts = (placeholder: string, help: string): Flag<readonly string[]> => ({
  placeholder,
  help: `${help} May be repeated.`,
  read: (values) => values,
})

/** A switch; `undefined` when absent, so that a default of the server stays the server's. */
export const choice = (help: string, short?: string): Flag<boolean | undefined> => ({
  placeholder: '',
  help,
  ...(short === undefined ? {} : { short }),
  read: (values, name) => (values.length === 0 ? undefined : readBoolean(values.at(-1)!, name)),
})

export const toggle = (help: string, short?: string): Flag<boolean> => {
  const flag = choice(help, short)
  return { ...flag, read: (values, name) => flag.read(values, name) ?? false }
}

export const integer = (placeholder: string, help: string): Flag<number | undefined> => ({
  placeholder,
  help,
  read(values, name) {
    const value = values.at(-1)
    if (value === undefined) return undefined
    if (!/^-?\d{1,15}$/.test(value))
      throw new UsageError(`-${name}: "${value}" is not a whole number, for example -${name}=3`)
    return Number(value)
  },
})

/** Seconds. `30`, `90s`, `15m`, `1h30m`, `7d`. */
export const duration = (help: string): Flag<number | undefined> => ({
  placeholder: 'duration',
  help,
  read(values, name) {
    const value = values.at(-1)
    if (value === undefined) return undefined
    const seconds = value === '' ? undefined : durationSeconds(value)
    if (seconds === undefined) throw new UsageError(`-${name}: "${value}" is not a duration, for example -${name}=15m`)
    return seconds
  },
})

/** `-versions=1,2 -versions=3` */
export const integers = (placeholder: string, help: string): Flag<readonly number[]> => ({
  placeholder,
  help: `${help} Comma-separated or repeated.`,
  read: (values, name) =>
    values
      .flatMap((value) => value.split(','))
      .map((value) => {
        if (!/^\s*\d{1,15}\s*$/.test(value))
          throw new UsageError(`-${name}: "${value}" is not a whole number, for example -${name}=1,2`)
        return Number(value)
      }),
})

/** `-metadata=team=billing -metadata=tier=1`; undefined when absent. */
export const pairs = (help: string): Flag<Readonly<Record<string, string>> | undefined> => ({
  placeholder: 'name=value',
  help: `${help} May be repeated.`,
  read(values, name) {
    if (values.length === 0) return undefined
    return Object.fromEntries(
      values.map((value) => {
        const equals = value.indexOf('=')
        if (equals < 1)
          throw new UsageError(`-${name}: "${value}" is not name=value, for example -${name}=team=billing`)
        return [value.slice(0, equals), value.slice(equals + 1)]
      }),
    )
  },
})

export function oneOf<const T extends string>(options: readonly T[], help: string): Flag<T | undefined> {
  return {
    placeholder: options.join('|'),
    help,
    read(values, name) {
      const value = values.at(-1)
      if (value === undefined) return undefined
      const known = options.find((option) => option === value)
      if (known === undefined) throw new UsageError(`-${name}: "${value}" is not one of ${options.join(', ')}`)
      return known
    },
  }
}

/** Go's spellings of a boolean, as Vault's flags take them. */
function readBoolean(value: string, name: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw new UsageError(`-${name}: "${value}" is neither true nor false`)
}

export function parseFlags<F extends FlagTable>(table: F, argv: readonly string[]): ParsedCall<F> {
  const given = new Map<string, string[]>()
  const args: string[] = []
  let help = false
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === '--') {
      args.push(...argv.slice(i + 1))
      break
    }
    const [, written, attached] = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(word) ?? []
    if (written === undefined) {
      args.push(word)
      continue
    }
    if (written === 'h' || written === 'help') {
      help = true
      continue
    }
    const name = nameOf(table, written)
    let value = attached ?? (table[name]!.placeholder === '' ? 'true' : undefined)
    if (value === undefined) {
      i += 1
      value = argv[i]
      if (value === undefined) throw new UsageError(`-${name} needs a value: -${name}=<${table[name]!.placeholder}>`)
    }
    given.set(name, [...(given.get(name) ?? []), value])
  }
  const read = ([name, flag]: [string, Flag<unknown>]) => [
    name,
    help ? undefined : flag.read(given.get(name) ?? [], name),
  ]
  return { flags: Object.fromEntries(Object.entries(table).map(read)) as FlagValues<F>, args, help }
}

function nameOf(table: FlagTable, written: string): string {
  if (Object.hasOwn(table, written)) return written
  const short = Object.keys(table).find((name) => table[name]!.short === written)
  if (short !== undefined) return short
  const meant = nearest(written, Object.keys(table))
  throw new UsageError(`There is no flag -${written} here.${meant === undefined ? '' : ` Did you mean -${meant}?`}`)
}
