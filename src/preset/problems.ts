/** What is wrong with a preset as a whole: what its shape cannot say. Every preset is held to this before it is built in. */
import { isHeaderName, placeOf, summaryOf, toolProblems, upstreamProblems } from '../document/index.ts'
import { defaultKvPath, fieldsOf, isName, matchOperations, parseOperation } from '../scope/index.ts'
import { clientNames } from './clients.ts'
import { PresetError } from './error.ts'
import { kvFieldOf, planPreset } from './plan.ts'
import type { Preset } from './schema.ts'
import { fill, namesIn } from './variables.ts'

/** Sentences that begin with the field. `file` is the name of the file without its ending. */
export function presetProblems(file: string, preset: Preset): readonly string[] {
  return [
    ...(preset.name === file ? [] : [`name: must be ${file}, as the file is called`]),
    ...variableProblems(preset),
    ...secretProblems(preset),
    ...documentProblems(preset),
    ...clientProblems(preset),
  ]
}

const examples = ({ variables }: Preset): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).map(([name, { example }]) => [name, example]))

function variableProblems({ variables, upstream, tools, probe, secret, mcp_origins, clients }: Preset): string[] {
  const declared = Object.keys(variables)
  const served = { upstream, tools, probe, secret, mcp_origins }
  const used = new Set([...namesIn(served), ...namesIn(clients)])
  return [
    ...[...namesIn(served)]
      .filter((name) => !declared.includes(name))
      .map((name) => `variables: {{${name}}} stands in a text and is not declared`),
    ...Object.entries(variables).flatMap(([name, variable]) => [
      ...(/^[a-z][a-z0-9_]*$/.test(name) && name !== 'environment' && !isClientName(name)
        ? []
        : [`variables.${name}: is not a name of a variable`]),
      ...(used.has(name) ? [] : [`variables.${name}: stands in no text`]),
      ...patternProblems(name, variable),
    ]),
  ]
}

const isClientName = (name: string): boolean => (clientNames as readonly string[]).includes(name)

function patternProblems(name: string, { pattern, example, default: otherwise }: Preset['variables'][string]) {
  let rule: RegExp
  try {
    rule = new RegExp(pattern, 'u')
  } catch {
    return [`variables.${name}.pattern: is not a regular expression`]
  }
  return [
    ...(rule.test(example) ? [] : [`variables.${name}.example: does not match its pattern`]),
    ...(typeof otherwise !== 'string' || rule.test(otherwise)
      ? []
      : [`variables.${name}.default: does not match its pattern`]),
    // What stands in a URL, a path or a header must not end it, nor a line of code.
    ...(['\n', ' ', ',', '"', "'", '\\', '{', '#', '?', '@'].some((character) => rule.test(example + character))
      ? [`variables.${name}.pattern: lets a value end the text around it`]
      : []),
  ]
}

function secretProblems(preset: Preset): string[] {
  const upstream = fill(preset.upstream, examples(preset))
  const needed = fieldsOf(upstream.auth, kvFieldOf(upstream))
  const declared = Object.keys(preset.secret)
  return [
    ...needed.filter((name) => !declared.includes(name)).map((name) => `secret.${name}: is missing; auth needs it`),
    ...declared.filter((name) => !needed.includes(name)).map((name) => `secret.${name}: is not used by auth`),
    ...Object.entries(preset.secret).flatMap(([name, { example, prefix }]) =>
      prefix === undefined || prefix.some((start) => example.startsWith(start))
        ? []
        : [`secret.${name}.example: has none of its prefixes`],
    ),
  ]
}

/** By the rules for documents, all of them; then as one plan, with the variables' examples. */
function documentProblems(preset: Preset): string[] {
  const values = examples(preset)
  const place = { name: preset.name, kv_path: defaultKvPath(preset.name), allow_private_addresses: false }
  const problems = [
    ...upstreamProblems({ ...fill(preset.upstream, values), ...place }).map(
      (problem) => `upstream.${placeOf(problem)}: ${summaryOf(problem)}`,
    ),
    ...fill(preset.tools, values).flatMap(({ name, description: _said, ...tool }, at) =>
      toolProblems({ upstream: preset.name, name, ...tool }).map(
        (problem) => `tools[${String(at)}].${placeOf(problem)}: ${summaryOf(problem)}`,
      ),
    ),
    ...repeated(preset.tools.map(({ name }) => name)).map((name) => `tools: ${name} is there twice`),
  ]
  if (problems.length > 0 || !isName(preset.name)) return problems
  try {
    const { origins } = planPreset(preset, { mount: 'mcp', variables: values })
    return [...originProblems(fill(preset.mcp_origins, values), origins), ...probeProblems(fill(preset, values))]
  } catch (error) {
    // What is wrong with the secret's fields is said above.
    if (error instanceof PresetError) return [`${error.field}: ${error.problem}`]
    if (error instanceof TypeError) return []
    throw error
  }
}

const repeated = (names: readonly string[]): readonly string[] => names.filter((name, at) => names.indexOf(name) !== at)

const originProblems = (written: readonly string[], derived: readonly string[]): string[] =>
  [...written].sort().join() === [...derived].sort().join()
    ? []
    : [`mcp_origins: must be ${derived.join(', ')}, where the key goes by url and auth`]

function probeProblems({ name: upstream, probe, tools }: Preset): string[] {
  const [path = '', ...rest] = probe.path.split('?')
  if (!path.startsWith('/') || rest.length > 1) return ['probe.path: must begin with a slash, for example /user']
  const known = tools.map((tool) => ({ upstream, name: tool.name, operations: tool.operations.map(parseOperation) }))
  const segments = path === '/' ? [] : path.slice(1).split('/').map(decodeURIComponent)
  const found = matchOperations(known, probe.method, segments).some(({ tool }) => tool.name === probe.tool)
  return found ? quotingProblems(probe) : [`probe: is not an operation of the tool ${probe.tool}`]
}

/** It is shown as a command line, with what it sends in single quotes. */
const quotingProblems = ({ path, headers = {}, body = '' }: Preset['probe']): string[] => [
  ...Object.keys(headers)
    .filter((name) => !isHeaderName(name))
    .map((name) => `probe.headers: ${JSON.stringify(name)} is not the name of a header`),
  ...([...Object.values(headers), path, body].some((value) => /[^\x20-\x7e]|'/.test(value))
    ? ['probe: must hold no single quote, and printable ASCII on one line']
    : []),
]

function clientProblems({ name: preset, variables, clients }: Preset): string[] {
  const known = new Set<string>([...clientNames, ...Object.keys(variables)])
  return clients.flatMap(({ change }, at) => {
    const names = [...namesIn(change)]
    const place = `clients[${String(at)}].change`
    return [
      ...names.filter((name) => !known.has(name)).map((name) => `${place}: {{${name}}} stands for nothing`),
      ...(names.includes('gateway') || names.some((name) => name.startsWith('listener'))
        ? []
        : [`${place}: must have the gateway's address, for example {{gateway}}/u/${preset}`]),
    ]
  })
}
