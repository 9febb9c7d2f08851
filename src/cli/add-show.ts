/** What `mcp-vault add` says: the presets there are, what it will write, and how to go on. */
import { clientLines } from '../preset/index.ts'
import type { GatewayAddresses, Preset, PresetPlan } from '../preset/index.ts'
import type { FieldChange, Step } from './add-steps.ts'
import { withConsent } from '../scope/index.ts'
import { printable, table } from './table.ts'

export const presetList = (presets: readonly Preset[]): string =>
  `${table(
    ['Preset', 'API', 'Key', 'Variables'],
    presets.map(({ name, title, secret, variables }) => [
      name,
      title,
      Object.values(secret)
        .map(({ description }) => description)
        .join('; '),
      Object.entries(variables)
        .map(([variable, { example, default: otherwise }]) =>
          otherwise ? `-var=${variable}=${example} (default ${otherwise})` : `-var=${variable}=${example}`,
        )
        .join(' ') || '-',
    ]),
  )}\nTo see what one would write: mcp-vault add <preset> -dry-run\n`

/** Values on one line each; what is not a text as JSON. */
const shown = (value: unknown): string =>
  printable(typeof value === 'string' ? value : (operationText(value) ?? JSON.stringify(value)))

function operationText(value: unknown): string | undefined {
  const { method, path, capability, ...rest } = Object(value) as Record<string, unknown>
  if (typeof method !== 'string' || typeof path !== 'string') return undefined
  const more = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : ''
  return `${method} ${path}${capability === undefined ? '' : `  (${String(capability)})`}${more}`
}

/** Lists with an item on each line, so that a difference is one line. */
const items = (value: unknown): readonly string[] =>
  value === undefined ? [] : Array.isArray(value) ? value.map(shown) : [shown(value)]

function changeLines({ field, before, after }: FieldChange): readonly string[] {
  const [old, now] = [items(before), items(after)]
  const isList = Array.isArray(before ?? after) && now.length + old.length > 1
  const lines = [
    ...old.filter((line) => !now.includes(line)).map((line) => ['-', line] as const),
    ...now.map((line) => [old.includes(line) ? ' ' : '+', line] as const),
  ]
  return isList
    ? [`    ${field}`, ...lines.map(([sign, line]) => `  ${sign}   ${line}`)]
    : lines.map(([sign, line]) => `  ${sign} ${field}  ${line}`)
}

const keyLine = ({ field, before }: FieldChange): string =>
  `  + ${field}  (never shown${before === undefined ? '' : '; replaces the one there is'})`

function stepText({ kind, path, purpose, isNew, changes, kept }: Step): string {
  const unchanged = kind === 'key' ? 'the key there is stays' : 'unchanged'
  const state = isNew ? 'new' : changes.length === 0 ? unchanged : 'changed'
  const lines = kind === 'key' ? changes.map(keyLine) : changes.flatMap(changeLines)
  const others = Object.entries(kept).map(([field, value]) => `    ${field}  ${shown(value)}  (stays)`)
  const head = `${path}  (${state})${purpose === '' ? '' : `  ${purpose}`}`
  return [head, ...lines, ...others].map((line) => `${line}\n`).join('')
}

/** Everything that will be written, in its order. `others` are tools that are there and not in the plan: not in the preset, or not chosen. */
export function planText({ preset, name }: PresetPlan, steps: readonly Step[], others: readonly string[]): string {
  const left = others.length === 0 ? '' : `Other tools of ${name}, which stay: ${printable(others.join(', '))}\n`
  return `${preset.title}, preset ${preset.name} ${String(preset.version)}, reviewed on ${preset.reviewed}\n${(preset.notes ?? []).map((note) => `Note: ${note}\n`).join('')}\n${steps.map(stepText).join('')}${left}\n`
}

/** Of tools of high risk none: who wants them knows them. */
const readingScopes = ({ tools }: PresetPlan): readonly string[] =>
  tools
    .filter(({ document }) => document.risk !== 'high' && document.risk !== 'critical')
    .flatMap(({ scopes }) => scopes)
    .filter((scope) => /^(?:read|list):/.test(scope))

/** The line to change in a program, and how to let an agent in. */
export function nextText(plan: PresetPlan, addresses: GatewayAddresses, withoutKey: boolean): string {
  const clients = clientLines(plan, addresses)
  const lines = clients.map(({ language, package: library, change }) => `  ${language}, ${library}:\n    ${change}\n`)
  const listener = clients.some(({ needs_listener: needed }) => needed)
    ? listenerText(plan.name, addresses.listener)
    : ''
  return `${withoutKey ? `${ownerText(plan)}\n` : ''}In programs, the phantom token takes the place of the key:\n${lines.join('')}${listener}
Let an agent in, here with ${readingScopes(plan).length > 0 ? 'the scopes that read' : 'all scopes, because none of them only reads'}:
${nextCommands(plan, addresses)
  .map((line) => `  ${line}\n`)
  .join('')}`
}

/** Which listeners a gateway has stands in its own configuration, which is not read here. */
function listenerText(upstream: string, listener: string | undefined): string {
  const setting = (address: string) =>
    `upstream_listener "${upstream}" { address = "${address}" } in the gateway's file, or -gateway-upstream-address=${upstream}=${address} of server -dev`
  if (listener !== undefined) {
    const { host } = new URL(listener)
    return `  ${host} must be a listener of the gateway for this upstream alone: ${setting(host)}\n`
  }
  return `  Put the address in of a listener of the gateway for this upstream alone, which it has by ${setting('<host>:<port>')}\n  With -listener=http://127.0.0.1:8261, or what it is, the line is shown with it.\n`
}

export const ownerText = (plan: PresetPlan): string =>
  `Commands for the owner of the key:\n${ownerCommands(plan)
    .map((line) => `  ${line}\n`)
    .join('')}`

/** They put the key where the upstream looks for it, and consent to its use. */
function ownerCommands({ secret, use }: PresetPlan): readonly string[] {
  const at = `-mount=${secret.mount}`
  const fields = secret.fields.map(({ name }) => `${name}=@${name}.txt`)
  const consent = Object.entries(withConsent(use, {})).map(
    ([name, value]) => `-custom-metadata='${name}=${String(value).replaceAll("'", "'\\''")}'`,
  )
  return [
    `mcp-vault kv put ${at} ${use.kv_path} ${fields.join(' ')}`,
    `mcp-vault kv metadata patch ${at} ${consent.join(' ')} ${use.kv_path}`,
  ]
}

/** To be pasted one after the other. */
function nextCommands(plan: PresetPlan, { gateway }: GatewayAddresses): readonly string[] {
  const { name, tools, use, probe } = plan
  const agent = `${name}-agent`
  const reading = readingScopes(plan)
  const scopes = reading.length > 0 ? reading : tools.flatMap((tool) => tool.scopes)
  const isCurled = tools.some((tool) => tool.name === probe.tool)
  return [
    `mcp-vault write ${use.mount}/agents/${agent} owner=platform-team environment=production`,
    `mcp-vault write ${use.mount}/agents/${agent}/scopes scopes=${scopes.join(',')}`,
    `TOKEN=$(mcp-vault write -field=token ${use.mount}/creds/${agent} purpose=try-out)`,
    ...(isCurled ? [curlLine(probe, `${gateway}/u/${name}`)] : []),
  ]
}

function curlLine({ method, path, headers = {}, body }: PresetPlan['probe'], base: string): string {
  const options = [
    ...(method === 'GET' ? [] : [`-X ${method}`]),
    ...Object.entries(headers).map(([name, value]) => `-H '${name}: ${value}'`),
    ...(body === undefined ? [] : [`-d '${body}'`]),
  ]
  return ['curl -H "Authorization: Bearer $TOKEN"', ...options, `'${base}${path}'`].join(' ')
}

/** For programs. No key is in it. */
export function planDocument(
  plan: PresetPlan,
  steps: readonly Step[],
  addresses: GatewayAddresses,
  withoutKey: boolean,
): Record<string, unknown> {
  return {
    preset: plan.preset.name,
    preset_version: plan.preset.version,
    upstream: plan.name,
    steps: steps.map(({ kind, path, isNew, changes, body }) => ({
      kind,
      path,
      action: changes.length === 0 ? 'none' : isNew ? 'create' : 'update',
      ...(kind === 'key' ? { fields: changes.map(({ field }) => field) } : { data: body }),
    })),
    ...(withoutKey && { owner: ownerCommands(plan) }),
    clients: clientLines(plan, addresses),
    next: nextCommands(plan, addresses),
  }
}
