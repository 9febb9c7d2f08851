/** A known API, as arguments for `mcp_upstream` and `mcp_tool`: what `mcp-vault add` would write. */
import { PresetError, planPreset, presetFields, presets } from '../../preset/index.ts'
import type { Preset, PresetPlan } from '../../preset/index.ts'
import { withConsent } from '../../scope/index.ts'
import { fromEngine, attributeOf } from '../engine-field.ts'
import type { EngineField } from '../engine-field.ts'
import { engineSchema } from '../engine-schema.ts'
import { Refusal, fault } from '../protocol/diagnostic.ts'
import type { Diagnostic, Path } from '../protocol/diagnostic.ts'
import type { DataSource } from '../protocol/provider.ts'
import type { Attributes, CtyType } from '../protocol/schema.ts'
import { isObject, isWhollyKnown } from '../protocol/value.ts'
import type { Value, ValueObject } from '../protocol/value.ts'
import type { Server } from '../server.ts'

const names = presets.map(({ name }) => name)

const tool: CtyType = [
  'object',
  {
    description: 'string',
    risk: 'string',
    operations: [
      'list',
      [
        'object',
        {
          method: 'string',
          path: 'string',
          capability: 'string',
          parameters: ['list', 'string'],
          denied_parameters: ['list', 'string'],
          body: 'bool',
        },
      ],
    ],
    fields: ['list', 'string'],
    mcp_tools: ['list', 'string'],
    scopes: ['list', 'string'],
  },
]

const given: Attributes = {
  name: {
    type: 'string',
    required: true,
    description: `Name of the preset: ${names.map((name) => `\`${name}\``).join(', ')}.`,
  },
  variables: {
    type: ['map', 'string'],
    optional: true,
    description: 'What differs from customer to customer, for example `{ site = "acme" }`.',
  },
  upstream_name: {
    type: 'string',
    optional: true,
    computed: true,
    description: 'Name of the upstream. Default: the name of the preset.',
  },
  url: {
    type: 'string',
    optional: true,
    computed: true,
    description: "Base URL. Default: the preset's; give another one for the API on a server of your own.",
  },
  kv_path: {
    type: 'string',
    optional: true,
    computed: true,
    description: 'Path of the secret. Default: `mcp/<upstream_name>`.',
  },
  allow_private_addresses: {
    type: 'bool',
    optional: true,
    description: '`true` where `url` is http: or in a private network, as in `mcp_upstream`.',
  },
  read_only: { type: 'bool', optional: true, description: 'Only operations that read. Default: `false`.' },
}

const computed: Attributes = {
  version: { type: 'number', computed: true, description: 'Version of the preset.' },
  title: { type: 'string', computed: true, description: 'Name of the API.' },
  notes: {
    type: ['list', 'string'],
    computed: true,
    description: 'What to know before: what is left out, and why. Null where there is nothing.',
  },
  tools: {
    type: ['map', tool],
    computed: true,
    description:
      'Tools by name, for `for_each` of `mcp_tool`; each with `scopes`, those that grant all of it, and a `description` for people.',
  },
  key_fields: {
    type: ['map', 'string'],
    computed: true,
    description: 'Fields the secret must have, each with what it is and where its owner gets it.',
  },
  mcp_origins: { type: ['list', 'string'], computed: true, description: 'Origins that the key is sent to.' },
  custom_metadata: {
    type: ['map', 'string'],
    computed: true,
    description:
      "The owner's consent, for a secret that something else than `key_wo` of `mcp_upstream` writes, such as `vault_kv_secret_v2`.",
  },
}

const upstreamFields = engineSchema.upstreams.fields as Readonly<Record<string, EngineField>>
/** The arguments of `mcp_upstream`, null where the preset leaves the default. */
const settings = presetFields.filter((field) => field !== 'url')
const settingAttributes: Attributes = Object.fromEntries(
  settings.map((field) => {
    const declared = upstreamFields[field]!
    return [field, { type: attributeOf(field, declared).type, computed: true, description: declared.description }]
  }),
)

/** Nothing is asked of any server. */
export function presetSource(server: () => Server): DataSource {
  return {
    schema: {
      description:
        'A reviewed preset of an API: its URL, how it takes its key, which headers it needs, and tools to start with. Null where the preset leaves a default. Contacts no server.',
      attributes: { ...given, ...settingAttributes, ...computed },
    },
    validate(config) {
      if (typeof config.name !== 'string') return []
      const preset = presetOf(config.name)
      if (preset === undefined) return [unknownPreset(config.name)]
      if (!Object.keys(given).every((name) => isWhollyKnown(config[name] ?? null))) return []
      const plan = planned(preset, config, 'mcp')
      return 'problem' in plan ? [plan.problem] : []
    },
    read(config) {
      const preset = presetOf(String(config.name))
      if (preset === undefined) throw new Refusal(unknownPreset(String(config.name)))
      const plan = planned(preset, config, server().mount())
      if ('problem' in plan) throw new Refusal(plan.problem)
      return Promise.resolve({ ...config, ...valuesOf(plan) })
    },
  }
}

const presetOf = (name: string): Preset | undefined => presets.find((preset) => preset.name === name)

const unknownPreset = (name: string): Diagnostic =>
  fault(`name ${JSON.stringify(name.slice(0, 60))} is not a preset`, `There are ${names.join(', ')}.`, ['name'])

function planned(preset: Preset, config: ValueObject, mount: string): PresetPlan | { readonly problem: Diagnostic } {
  const text = (value: Value | undefined) => (typeof value === 'string' ? value : undefined)
  const flag = (value: Value | undefined) => (typeof value === 'boolean' ? value : undefined)
  try {
    return planPreset(preset, {
      mount,
      name: text(config.upstream_name),
      variables: isObject(config.variables) ? textsIn(config.variables) : undefined,
      url: text(config.url),
      kv_path: text(config.kv_path),
      allow_private_addresses: flag(config.allow_private_addresses),
      read_only: flag(config.read_only),
    })
  } catch (error) {
    if (!(error instanceof PresetError)) throw error
    return { problem: problemOf(error) }
  }
}

const textsIn = (variables: ValueObject): Record<string, string> =>
  Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : [])),
  )

function problemOf({ field, problem, example, advice }: PresetError): Diagnostic {
  if (field === 'environment')
    return fault(
      'kv_path is another secret for each environment',
      'Give the path of one of them here, and the one with {{environment}} to mcp_upstream.',
      ['kv_path'],
    )
  const [attribute = '', variable] = (field === 'name' ? 'upstream_name' : field).split('.')
  const path: Path | undefined = Object.hasOwn(given, attribute) ? [attribute] : undefined
  const written = variable === undefined ? JSON.stringify(example) : `{ ${variable} = ${JSON.stringify(example)} }`
  return fault(
    `${variable === undefined ? attribute : field} ${problem}`,
    advice ?? (example === undefined ? '' : `Write for example ${attribute} = ${written}.`),
    path,
  )
}

function valuesOf({ preset, name, upstream, tools, use, origins, secret }: PresetPlan): ValueObject {
  return {
    upstream_name: name,
    url: upstream.url,
    kv_path: use.kv_path,
    ...Object.fromEntries(settings.map((field) => [field, fromEngine(field, upstreamFields[field]!, upstream[field])])),
    version: preset.version,
    title: preset.title,
    notes: preset.notes ?? null,
    tools: Object.fromEntries(tools.map((one) => [one.name, toolValue(one)])),
    key_fields: Object.fromEntries(
      secret.fields.map(({ name: field, description, where }) => [field, `${description} (${where})`]),
    ),
    mcp_origins: origins,
    custom_metadata: withConsent(use, {}) as Record<string, string>,
  }
}

/** An object of Terraform's has all of its attributes. */
function toolValue({ description, document, scopes }: PresetPlan['tools'][number]): ValueObject {
  const { operations, risk, fields = null, mcp_tools = null } = document as Record<string, Value>
  const all = (operations as readonly ValueObject[]).map(
    ({ method, path, capability, parameters = null, denied_parameters = null, body = null }) =>
      ({ method, path, capability, parameters, denied_parameters, body }) as ValueObject,
  )
  return { description, risk: risk ?? null, operations: all, fields, mcp_tools, scopes }
}
