/** What adding a preset means: the documents it becomes, with every choice made and every rule for documents held to. */
import { placeOf, summaryOf, toolProblems, upstreamFields, upstreamProblems, nameProblems } from '../document/index.ts'
import type { DocumentProblem, RuleProblem } from '../document/index.ts'
import { defaultKvPath, fieldsOf, missingConsent, scopeText, toolPath } from '../scope/index.ts'
import type { KeyUse } from '../scope/index.ts'
import { PresetError } from './error.ts'
import type { Preset, PresetSecretField, PresetTool } from './schema.ts'
import { fill, namesIn } from './variables.ts'

export interface PresetChoices {
  /** Of the upstream; default the preset's. */
  readonly name?: string | undefined
  readonly variables?: Readonly<Record<string, string>> | undefined
  /** In place of the preset's: the API on a server of one's own. */
  readonly url?: string | undefined
  readonly allow_private_addresses?: boolean | undefined
  /** Where the engine is mounted, without slashes at the ends. */
  readonly mount: string
  readonly kv_mount?: string | undefined
  /** Of the secret in its mount; default `mcp/<name>`. `{{environment}}` stands for that of a session. */
  readonly kv_path?: string | undefined
  /** Whose secret is meant, where `kv_path` has one for each. */
  readonly environment?: string | undefined
  /** Names of tools; default all. */
  readonly tools?: readonly string[] | undefined
  /** Only operations that read or list. */
  readonly read_only?: boolean | undefined
}

export interface PlannedTool {
  readonly name: string
  readonly description: string
  /** What `tools/<upstream>/<name>` is to hold. */
  readonly document: Readonly<Record<string, unknown>>
  /** Those that grant its operations. */
  readonly scopes: readonly string[]
}

export interface PlannedSecretField extends PresetSecretField {
  readonly name: string
}

export interface PresetPlan {
  readonly preset: Preset
  /** Of the upstream. */
  readonly name: string
  /** What `upstreams/<name>` is to hold; other fields keep what they have. */
  readonly upstream: Readonly<Record<string, unknown>> & { readonly url: string; readonly auth: string }
  readonly tools: readonly PlannedTool[]
  /** What the key's owner has to agree to. */
  readonly use: KeyUse
  readonly origins: readonly string[]
  readonly secret: { readonly mount: string; readonly fields: readonly PlannedSecretField[] }
  /** A harmless call that shows that the key works. */
  readonly probe: Preset['probe']
  readonly variables: Readonly<Record<string, string>>
}

/** Throws `PresetError` for the first choice that cannot be. */
export function planPreset(preset: Preset, choices: PresetChoices): PresetPlan {
  const name = choices.name ?? preset.name
  refuse('name', nameProblems('name', name, preset.name))
  const chosen = chosenTools(preset, choices)
  const source = { ...preset.upstream, ...(choices.url !== undefined && { url: choices.url }) }
  const variables = valuesOf(preset, choices, namesIn({ source, tools: chosen, probe: preset.probe }))
  const upstream = {
    ...fill(source, variables),
    ...(choices.allow_private_addresses !== undefined && { allow_private_addresses: choices.allow_private_addresses }),
    ...(choices.kv_mount !== undefined && { kv_mount: choices.kv_mount }),
    ...(choices.kv_path !== undefined && { kv_path: choices.kv_path }),
  }
  const kvPath = choices.kv_path ?? defaultKvPath(name)
  refuse('', upstreamProblems({ allow_private_addresses: false, kv_path: kvPath, ...upstream, name }))
  const use = useOf(upstream, { mount: choices.mount, upstream: name, kv_path: secretPath(kvPath, choices) })
  return {
    preset,
    name,
    upstream,
    tools: chosen.map((tool) => planTool(name, fill(tool, variables))),
    use,
    origins: originsOf(use),
    secret: {
      mount: choices.kv_mount ?? upstreamFields.kv_mount.default,
      fields: fieldsOf(use.auth, use.kv_field).map((field) => ({
        name: field,
        ...fill(preset.secret[field]!, variables),
      })),
    },
    probe: fill(preset.probe, variables),
    variables,
  }
}

/** Throws for what a rule for documents refuses; `field` stands for that of the document. */
function refuse(field: string, [problem]: readonly DocumentProblem[]): void {
  if (problem === undefined) return
  const place = placeOf(problem)
  const summary = summaryOf(problem)
  const { rule, advice, example } = 'sentence' in problem ? ({} as Partial<RuleProblem>) : problem
  throw new PresetError(
    field || problem.field,
    (summary.startsWith(`${place} `) ? summary.slice(place.length + 1) : summary) +
      (rule === undefined ? '' : `: ${rule}`),
    { ...(typeof example === 'string' && { example }), ...(advice !== undefined && { advice }) },
  )
}

/** The field of the secret that is the key. */
export const kvFieldOf = ({ kv_field: field }: Readonly<Record<string, unknown>>): string =>
  typeof field === 'string' ? field : upstreamFields.kv_field.default

function useOf(upstream: PresetPlan['upstream'], place: Pick<KeyUse, 'mount' | 'upstream' | 'kv_path'>): KeyUse {
  return {
    ...place,
    origin: new URL(upstream.url).origin,
    auth: upstream.auth,
    kv_field: kvFieldOf(upstream),
  }
}

function secretPath(kvPath: string, { environment }: PresetChoices): string {
  const isTemplate = namesIn(kvPath).has('environment')
  if (isTemplate && environment === undefined)
    throw new PresetError('environment', `is missing: ${kvPath} is another secret for each environment`, {
      example: 'production',
    })
  if (!isTemplate && environment !== undefined)
    throw new PresetError('environment', `has no place in ${kvPath}, the path of the secret`)
  refuse('environment', nameProblems('environment', environment, 'production'))
  return environment === undefined ? kvPath : fill(kvPath, { environment })
}

/** Everywhere something of the secret is sent. */
const originsOf = (use: KeyUse): readonly string[] =>
  missingConsent(use, {}).flatMap(({ list, entry }) => (list === 'mcp_origins' ? [entry] : []))

function planTool(upstream: string, { name, description, ...document }: PresetTool): PlannedTool {
  refuse('tools', toolProblems({ upstream, name, ...document }))
  const path = toolPath({ upstream, name })
  const capabilities = new Set(document.operations.map(({ capability }) => capability))
  return { name, description, document, scopes: [...capabilities].map((capability) => scopeText(capability, path)) }
}

function chosenTools({ name: preset, tools }: Preset, { tools: names, read_only: readOnly }: PresetChoices) {
  const unknown = names?.find((wanted) => !tools.some(({ name }) => name === wanted))
  if (unknown !== undefined)
    throw new PresetError(
      'tools',
      `: ${preset} has no tool ${JSON.stringify(unknown.slice(0, 64))}, only ${tools.map(({ name }) => name).join(', ')}`,
      { example: tools[0]!.name },
    )
  const wanted = names === undefined ? tools : tools.filter(({ name }) => names.includes(name))
  const cut = readOnly === true ? wanted.map(readingPart).filter(({ operations }) => operations.length > 0) : wanted
  if (cut.length === 0) throw new PresetError('tools', `: none of them is left; ${preset} would be of no use`)
  return cut
}

const readingPart = (tool: PresetTool): PresetTool => ({
  ...tool,
  operations: tool.operations.filter(({ capability }) => capability === 'read' || capability === 'list'),
})

/** The values of all variables that stand somewhere, those with a default included. */
function valuesOf(
  { name: preset, variables }: Preset,
  { variables: given = {} }: PresetChoices,
  used: ReadonlySet<string>,
): Readonly<Record<string, string>> {
  const known = Object.keys(variables)
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new PresetError(
      `variables.${unknown}`,
      known.length === 0
        ? `is not needed: ${preset} is the same for everybody`
        : `is not a variable of ${preset}; it has ${known.join(', ')}`,
    )
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, { description, pattern, example, default: otherwise }]) => {
      const value = Object.hasOwn(given, name) ? given[name]! : (otherwise ?? undefined)
      if (value === undefined) {
        if (!used.has(name)) return []
        throw new PresetError(`variables.${name}`, `is missing: ${description}`, { example })
      }
      if (!new RegExp(pattern, 'u').test(value))
        throw new PresetError(`variables.${name}`, `does not fit: ${description}; it must match ${pattern}`, {
          example,
        })
      return [[name, value] as const]
    }),
  )
}
