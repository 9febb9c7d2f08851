import { PresetError, planPreset, presets } from '../preset/index.ts'
import type { GatewayAddresses, Preset, PresetChoices, PresetPlan } from '../preset/index.ts'
import { upstreamFields } from '../document/index.ts'
import { defaultKvPath } from '../scope/index.ts'
import {
  askForKey,
  checkKey,
  checkKeyWords,
  keptKeyWarnings,
  readKey,
  requireWhole,
  strangeBeginnings,
} from './add-key.ts'
import type { GivenKey } from './add-key.ts'
import { nextText, ownerText, planDocument, planText, presetList } from './add-show.ts'
import { readSecret, readTools, readUpstream } from './add-state.ts'
import type { SecretState, State } from './add-state.ts'
import { stepsFor } from './add-steps.ts'
import type { Step } from './add-steps.ts'
import { missingCapabilities, requireCapabilities, writeSteps } from './add-write.ts'
import { cleanPath } from './data.ts'
import { Failure, UsageError } from './failure.ts'
import { pairs, text, toggle } from './flags.ts'
import type { FlagValues } from './flags.ts'
import { nearest } from './suggest.ts'
import { printable } from './table.ts'
import { vaultCommand } from './vault-command.ts'
import type { VaultCall } from './vault-command.ts'

const flagTable = {
  list: toggle('Show the presets there are.'),
  name: text('name', 'Name of the upstream; default the name of the preset.'),
  var: pairs('What differs from customer to customer, for example -var=site=acme.'),
  url: text('url', 'The API on a server of your own, for example https://github.acme.example/api/v3.'),
  'allow-private-addresses': toggle('That server is in a private network, or speaks http.'),
  tools: text('names', 'Only these tools, with commas between.'),
  'read-only': toggle('Only operations that read.'),
  'keep-key': toggle('Do not ask for a key: the one there is stays.'),
  'without-key': toggle("Leave the secret to the key's owner, and show the commands for them."),
  yes: toggle('Do not ask whether to write it.', 'y'),
  'unusual-key': toggle('With -yes: write a key, too, that does not begin as keys of this API do.'),
  'dry-run': toggle('Show what would be written, and write nothing.'),
  mount: text('path', 'Where the engine is mounted; default mcp.'),
  'kv-mount': text('path', 'Where the KV engine is mounted; default secret.'),
  'kv-path': text('path', 'Of the secret in it; default mcp/<name>. {{environment}} stands for that of a session.'),
  environment: text('name', 'Whose secret is written, where kv-path has one for each.'),
  gateway: text('url', 'Address of the gateway, for what is shown at the end; default http://127.0.0.1:8251.'),
  listener: text(
    'url',
    'Its listener for this upstream alone, likewise, for example http://127.0.0.1:8261; without it the lines have gaps.',
  ),
}

type Call = VaultCall<typeof flagTable>
type Flags = FlagValues<typeof flagTable>

export const add = vaultCommand({
  summary: 'Add an API from its preset: upstream, tools, key and consent in one go',
  usage: '[flags] [preset] [- | field=- | field=@file …]',
  examples: [
    'add -list',
    'add github',
    'add github -read-only -yes - < github.key',
    'add github -name=github-acme -url=https://github.acme.example/api/v3',
    'add stripe -dry-run',
  ],
  flags: flagTable,
  takes: [0, Infinity],
  async run(call) {
    const { args, flags } = call
    const [name, ...words] = args
    if (name === undefined || flags.list) {
      if (name !== undefined) throw new UsageError('-list shows all presets; for one of them: -dry-run')
      call.print(presets, () => presetList(presets))
      return 0
    }
    return addPreset(call, presetNamed(name), words)
  },
})

function presetNamed(name: string): Preset {
  const found = presets.find((preset) => preset.name === name)
  if (found) return found
  const meant = nearest(
    name,
    presets.map((preset) => preset.name),
  )
  throw new UsageError(
    `There is no preset "${printable(name.slice(0, 64))}".${meant === undefined ? ' All there are: mcp-vault add -list' : ` Did you mean ${meant}?`}`,
  )
}

async function addPreset(call: Call, preset: Preset, words: readonly string[]): Promise<number> {
  const { flags, io } = call
  const names = Object.keys(preset.secret)
  checkKeyWords(words, names, preset.name)
  const source = sourceOf(call, words)
  const addresses = addressesOf(flags)
  const { plan, state } = await planAgainst(call, preset)
  const given = source === 'words' ? await readKey(words, names, io) : {}
  const planned = stepsFor(plan, state, shownKey(source, given, names, state))
  if (call.format === 'table') io.stdout(planText(plan, planned, otherTools(plan, state)))
  if (flags['dry-run']) return endDryRun(call, plan, planned, addresses)
  await requireCapabilities(call, planned.filter(hasChanges))
  const key = source === 'prompt' ? await askForKey(plan.secret.fields, state.secret.exists, io) : given
  if (source !== 'owner') judgeKey(call, plan, state, key)
  const steps = stepsFor(plan, state, source === 'owner' ? null : key).filter(hasChanges)
  await confirmAndWrite(call, plan, steps, state)
  const withoutKey = source === 'owner'
  call.print(planDocument(plan, steps, addresses, withoutKey), () => {
    const ready = `Success! ${plan.name} is ready${withoutKey ? '; its key is left to its owner' : ''}.`
    const done = steps.length === 0 ? 'Nothing to write: all of it is there.' : ready
    return `${done}\n\n${nextText(plan, addresses, withoutKey)}`
  })
  return 0
}

/** Where the key comes from: who is left to write it, what the call names, a person; or it stays. */
type KeySource = 'owner' | 'words' | 'prompt' | 'there'

function sourceOf({ flags, io }: Call, words: readonly string[]): KeySource {
  if (flags['without-key']) {
    if (words.length > 0 || flags['keep-key'])
      throw new UsageError('-without-key leaves the secret alone: give no key, and no -keep-key')
    return 'owner'
  }
  if (words.length > 0) {
    if (flags['keep-key']) throw new UsageError('-keep-key keeps the key there is: give none')
    return 'words'
  }
  return io.stdinIsTerminal && !flags['keep-key'] && !flags['dry-run'] ? 'prompt' : 'there'
}

/** What is going to be asked for, or is missing, is part of what is shown. */
function shownKey(source: KeySource, given: GivenKey, names: readonly string[], state: State): GivenKey | null {
  if (source === 'owner') return null
  const isOpen = source === 'prompt' || (source === 'there' && !state.secret.exists)
  return isOpen ? Object.fromEntries(names.map((name) => [name, ''])) : given
}

async function confirmAndWrite(call: Call, plan: PresetPlan, steps: readonly Step[], state: State): Promise<void> {
  if (steps.length === 0) return
  await confirm(call)
  await writeSteps(call, plan, steps, state.secret)
}

const hasChanges = ({ changes }: Step): boolean => changes.length > 0
const otherTools = (plan: PresetPlan, state: State): readonly string[] =>
  Object.keys(state.tools).filter((tool) => !plan.tools.some(({ name }) => name === tool))

async function endDryRun(
  call: Call,
  plan: PresetPlan,
  planned: readonly Step[],
  addresses: GatewayAddresses,
): Promise<number> {
  const missing = await missingCapabilities(call, planned.filter(hasChanges))
  if (missing !== undefined) call.io.stderr(`Your token may not write all of it. ${missing}\n`)
  const withoutKey = call.flags['without-key']
  call.print(planDocument(plan, planned, addresses, withoutKey), () =>
    [...(withoutKey ? [ownerText(plan)] : []), 'Nothing was written: this was a dry run.\n'].join('\n'),
  )
  return 0
}

function judgeKey(call: Call, plan: PresetPlan, state: State, key: GivenKey): void {
  if (!state.secret.exists) requireWhole(plan, key)
  checkKey(plan, key)
  const strange = strangeBeginnings(plan.secret.fields, key)
  // A person reads the warning before they are asked; with -yes there is nobody.
  if (strange.length > 0 && call.flags.yes && !call.flags['unusual-key'])
    throw new Failure(1, `${strange.join(' ')} Nothing was written; if it is, add -unusual-key.`)
  for (const sentence of [...strange, ...keptKeyWarnings(plan, state.secret, key)])
    call.io.stderr(`WARNING! ${sentence}\n`)
}

/** Throws `Failure` unless somebody says yes. */
async function confirm({ flags, io, format }: Call): Promise<void> {
  if (flags.yes) return
  if (!io.stdinIsTerminal || format !== 'table')
    throw new Failure(
      1,
      'Nothing was written: there is nobody to ask whether this is right. Look at it with -dry-run, then confirm with -yes.',
    )
  const answer = await io.prompt('Write this? [y/N] ')
  if (!/^\s*y(?:es)?\s*$/i.test(answer)) throw new Failure(1, 'Nothing was written.')
}

async function planAgainst(call: Call, preset: Preset): Promise<{ readonly plan: PresetPlan; readonly state: State }> {
  const choices = choicesOf(call.flags)
  // What is wrong with the call itself is said before anybody is asked for anything; the place of the key may follow from what stands there.
  const asCalled = choices.kv_path === undefined ? { ...choices, environment: undefined } : choices
  const { name } = planned(preset, asCalled)
  const upstream = await readUpstream(call, choices.mount, name)
  const plan = planned(preset, {
    ...choices,
    kv_mount: choices.kv_mount ?? unlessDefault(upstream?.kv_mount, upstreamFields.kv_mount.default),
    kv_path: choices.kv_path ?? unlessDefault(upstream?.kv_path, defaultKvPath(name)),
  })
  const tools = await readTools(call, choices.mount, name)
  // Anyone who leaves the key to its owner may have no rights there.
  const secret = call.flags['without-key'] ? noSecret : await readSecret(call, plan)
  return { plan, state: { upstream, tools, secret } }
}

const noSecret: SecretState = { version: 0, exists: false, custom: {} }

const unlessDefault = (value: unknown, byDefault: string): string | undefined =>
  typeof value === 'string' && value !== byDefault ? value : undefined

function choicesOf(flags: Flags): PresetChoices {
  return {
    name: flags.name,
    variables: flags.var,
    url: flags.url,
    // Left out it stays as it is: what is there may need it.
    allow_private_addresses: flags['allow-private-addresses'] ? true : undefined,
    mount: cleanPath(flags.mount ?? 'mcp'),
    kv_mount: flags['kv-mount'] === undefined ? undefined : cleanPath(flags['kv-mount']),
    kv_path: flags['kv-path'] === undefined ? undefined : cleanPath(flags['kv-path']),
    environment: flags.environment,
    tools: flags.tools?.split(',').map((name) => name.trim()),
    read_only: flags['read-only'],
  }
}

/** Throws `UsageError` in the words of the flags. */
function planned(preset: Preset, choices: PresetChoices): PresetPlan {
  try {
    return planPreset(preset, choices)
  } catch (error) {
    if (!(error instanceof PresetError)) throw error
    const { field, problem, example, advice } = error
    const flag = flagOf(field)
    const hint = example === undefined ? '' : `, for example ${flag}=${example}`
    const sentence = advice?.replace('allow_private_addresses=true', '-allow-private-addresses')
    throw new UsageError(
      `${flag}${problem.startsWith(':') ? '' : ' '}${problem}${sentence === undefined ? hint : `. ${sentence}`}`,
    )
  }
}

function flagOf(field: string): string {
  if (field.startsWith('variables.')) return `-var=${field.slice('variables.'.length)}`
  const name = field.replaceAll('_', '-')
  return Object.hasOwn(flagTable, name) ? `-${name}` : field
}

function addressesOf({ gateway, listener }: Flags): GatewayAddresses {
  const read = (name: string, address: string): string => {
    if (!/^https?:\/\//.test(address) || !URL.canParse(address))
      throw new UsageError(`-${name}: must be an http or https URL, for example -${name}=https://gateway.internal:8251`)
    return address.replace(/\/+$/, '')
  }
  return {
    gateway: read('gateway', gateway ?? 'http://127.0.0.1:8251'),
    listener: listener === undefined ? undefined : read('listener', listener),
  }
}
