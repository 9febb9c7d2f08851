/** The key of `mcp-vault add`: where it may come from, and what is wrong with it. It is never taken from the command line. */
import { prepareKey, withoutLineBreak } from '../gateway/call/key.ts'
import { GatewayCallError } from '../gateway/call/call-error.ts'
import type { PlannedSecretField, PresetPlan } from '../preset/index.ts'
import { missingConsent, placementsIn } from '../scope/index.ts'
import type { SecretState } from './add-state.ts'
import { readData } from './data.ts'
import { UsageError } from './failure.ts'
import type { Io } from './io.ts'
import { printable } from './table.ts'

/** Fields of the secret and their texts. Those of them that are not here keep what they have. */
export type GivenKey = Readonly<Record<string, string>>

const exposed =
  'is on the command line, where the history of the shell keeps it and every user of this machine can see it. If it is a real key, replace it at the API'

/** Throws `UsageError` for words that hold the key itself, or name a field the preset does not have; nothing of them is repeated. */
export function checkKeyWords(words: readonly string[], names: readonly string[], api: string): void {
  const example = exampleOf(api, names)
  for (const word of words) {
    if (word === '-' || /^@[^=]+$/.test(word)) continue
    const [, name, value = ''] = /^([A-Za-z0-9_.-]+)=(.*)$/s.exec(word) ?? []
    const isRead = value === '-' || /^@./.test(value)
    // What stands before the = may be the beginning of a key, too.
    if (name === undefined || !names.includes(name))
      throw new UsageError(
        isRead
          ? `The fields of the key are ${names.join(', ')}, and no other is needed. Write: ${example}`
          : `The key ${exposed}. Write: ${example}`,
      )
    if (!isRead) throw new UsageError(`The value of ${name} ${exposed}. Write: ${example}`)
  }
}

/** What the words name, read. Members of a JSON object that the preset has no use for are left out, which is said. */
export async function readKey(words: readonly string[], names: readonly string[], io: Io): Promise<GivenKey> {
  const [only] = names
  // By itself a single key need not be wrapped in JSON; several fields need their names.
  const named = words.map((word) => (names.length === 1 && !word.includes('=') ? `${only!}=${word}` : word))
  const example = JSON.stringify(Object.fromEntries(names.map((name) => [name, '…'])))
  const data = Object.entries(await readData(named, io, example))
  const wrong = data.find(([name, value]) => names.includes(name) && typeof value !== 'string')
  if (wrong) throw new UsageError(`${wrong[0]} must be one text, given once`)
  const leftOut = data.flatMap(([name]) => (names.includes(name) ? [] : [printable(name)]))
  if (leftOut.length > 0)
    io.stderr(`Left out, because nothing but ${names.join(', ')} is needed: ${leftOut.join(', ')}\n`)
  const texts = data.filter((entry): entry is [string, string] => names.includes(entry[0]))
  return Object.fromEntries(texts.map(([name, text]) => [name, withoutLineBreak(text)]))
}

/** Asks for each field; an empty line keeps what is there, where something is. */
export async function askForKey(fields: readonly PlannedSecretField[], exists: boolean, io: Io): Promise<GivenKey> {
  const key: Record<string, string> = {}
  for (const { name, description, where } of fields) {
    const typed = await io.promptHidden(
      `${name}, ${description} (${where}; will be hidden${exists ? '; empty keeps the one there is' : ''}): `,
    )
    if (typed.trim() !== '') key[name] = typed.trim()
    else if (!exists) throw new UsageError(`No ${name} was given, so nothing was written`)
  }
  return key
}

/** Throws `UsageError` for a key the gateway would refuse to use. What is only partly known is left for the gateway to judge. */
export function checkKey({ name, use, secret: { fields }, upstream }: PresetPlan, key: GivenKey): void {
  const empty = Object.entries(key).find(([, text]) => text === '')
  if (empty) throw new UsageError(`${empty[0]} is empty`)
  const whole = fields.every((field) => Object.hasOwn(key, field.name))
  if (!whole || placementsIn(use.auth).some(({ minting }) => minting !== undefined)) return
  try {
    prepareKey({ name, auth: upstream.auth }, key[use.kv_field], [], key)
  } catch (error) {
    if (!(error instanceof GatewayCallError)) throw error
    throw new UsageError(`${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}`)
  }
}

/** Sentences on fields that do not begin as all of their kind do. */
export const strangeBeginnings = (fields: readonly PlannedSecretField[], key: GivenKey): readonly string[] =>
  fields.flatMap(({ name, prefix, description }) => {
    const text = key[name]
    if (text === undefined || prefix === undefined || prefix.some((start) => text.startsWith(start))) return []
    return [
      `${name} does not begin with ${listOf(prefix)}, as one would expect of ${description}. Check that it is the right one.`,
    ]
  })

/** A key that stays goes to more places than its owner agreed to, which a difference of metadata does not say to everybody. */
export function keptKeyWarnings({ name, use }: PresetPlan, { exists, custom }: SecretState, key: GivenKey): string[] {
  if (!exists || Object.keys(key).length > 0 || !Object.hasOwn(custom, 'mcp_origins')) return []
  const origins = missingConsent(use, custom).flatMap(({ list, entry }) => (list === 'mcp_origins' ? [entry] : []))
  if (origins.length === 0) return []
  return [
    `The key of ${name} stays and will be sent to ${origins.join(' and ')}, where it was not sent before. If it is the key of another server, give the right one.`,
  ]
}

const listOf = (words: readonly string[]): string =>
  words.length === 1 ? words[0]! : `${words.slice(0, -1).join(', ')} or ${words.at(-1)!}`

/** Every field is needed where there is no secret yet. */
export function requireWhole({ preset, secret, use }: PresetPlan, key: GivenKey): void {
  const missing = secret.fields.map(({ name }) => name).filter((name) => !Object.hasOwn(key, name))
  if (missing.length > 0)
    throw new UsageError(
      `There is no secret at ${secret.mount}/${use.kv_path} yet, so nothing was written: give ${missing.join(' and ')}, for example ${exampleOf(preset.name, Object.keys(preset.secret))}`,
    )
}

function exampleOf(api: string, names: readonly string[]): string {
  const [only] = names
  if (names.length === 1) return `mcp-vault add ${api} ${only!}=@key.txt`
  return `mcp-vault add ${api} ${names.map((name) => `${name}=@${name}.txt`).join(' ')} (or @key.json, an object with these)`
}
