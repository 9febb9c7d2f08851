import { capabilitiesOf, deadCapabilities } from './capability.ts'
import { PolicyError } from './error.ts'
import { readHcl } from './hcl.ts'
import { readJson } from './json.ts'
import { maxPathLength, maxPaths, maxPolicyLength } from './limits.ts'
import { requiredNames, parameterValues } from './parameter-rules.ts'
import { patternProblem } from './pattern.ts'
import type { PathRule, PolicyDocument } from './rule.ts'
import { templateProblem, templateParameters } from './template.ts'
import { kindOf } from './tree.ts'
import type { Member, Node, ObjectNode } from './tree.ts'
import { wrappingTtl } from './wrapping-ttl.ts'

const knownKeys = [
  'comment',
  'policy',
  'capabilities',
  'allowed_parameters',
  'denied_parameters',
  'required_parameters',
  'min_wrapping_ttl',
  'max_wrapping_ttl',
] as const
type Key = (typeof knownKeys)[number]
/** Restrictions other servers know. Reading past one would allow what its author forbade. */
const foreignKeys = [
  'control_group',
  'mfa_methods',
  'expiration',
  'pagination_limit',
  'list_scan_response_keys_filter_path',
  'subscribe_event_types',
]

/** Parses Vault's policy language, HCL or JSON. Throws `PolicyError` with a sentence that names the line. */
export function parsePolicy(text: string): PolicyDocument {
  if (text.length > maxPolicyLength)
    throw new PolicyError(0, `the policy is longer than ${maxPolicyLength} characters; split it into several policies.`)
  const source = text.startsWith('\ufeff') ? text.slice(1) : text
  const root = source.trimStart().startsWith('{') ? readJson(source) : readHcl(source)
  const warnings: string[] = []
  const paths: PathRule[] = []
  for (const member of root.members) {
    if (member.key === 'path') for (const block of pathBlocks(member)) paths.push(readRule(block, warnings))
    else if (member.key !== 'name')
      throw new PolicyError(member.line, `invalid key "${member.key}"; a policy consists of path "…" { … } blocks.`)
    if (paths.length > maxPaths)
      throw new PolicyError(member.line, `the policy has more than ${maxPaths} path blocks; use "+" or a trailing "*".`)
  }
  return { paths, warnings, templated: paths.some((rule) => templateParameters(rule.pattern).length > 0) }
}

/** `path "a" { … }`; in JSON also lists of objects at either level, as HCL's own JSON form has them. */
function pathBlocks(member: Member): { pattern: string; body: ObjectNode; line: number }[] {
  return objectsOf(member.value, member.line).flatMap((object) =>
    object.members.flatMap((entry) =>
      objectsOf(entry.value, entry.line).map((body) => ({ pattern: entry.key, body, line: entry.line })),
    ),
  )
}

function objectsOf(node: Node, line: number): ObjectNode[] {
  if (node.kind === 'object') return [node]
  if (node.kind === 'list') return node.items.flatMap((item) => objectsOf(item, item.line))
  throw new PolicyError(
    line,
    `a path block has a name in quotes and a body, for example path "secret/*" { capabilities = ["read"] }; found ${kindOf(node)}.`,
  )
}

function readRule(
  { pattern, body, line }: { pattern: string; body: ObjectNode; line: number },
  warnings: string[],
): PathRule {
  const name = `path ${JSON.stringify(pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern)}`
  if (pattern.length > maxPathLength) throw new PolicyError(line, `${name} is longer than ${maxPathLength} characters.`)
  const problem = patternProblem(pattern) ?? templateProblem(pattern)
  if (problem !== undefined) throw new PolicyError(line, `${name} ${problem}`)
  const values = membersByKey(body, name)
  const capabilities = capabilitiesOf(values.get('capabilities'), values.get('policy'), name)
  const allowed = parameterValues(values.get('allowed_parameters'), 'allowed_parameters', name)
  const denied = parameterValues(values.get('denied_parameters'), 'denied_parameters', name)
  const required = requiredNames(values.get('required_parameters'), name)
  const rule: PathRule = {
    pattern,
    capabilities,
    ...(allowed && { allowed_parameters: allowed }),
    ...(denied && { denied_parameters: denied }),
    ...(required && { required_parameters: required }),
    ...wrappingTtls(values, name, line),
    line,
  }
  warnings.push(...oddities(rule).map((sentence) => `line ${line}: ${name} ${sentence}`))
  return rule
}

function wrappingTtls(
  values: ReadonlyMap<Key, Member>,
  name: string,
  line: number,
): Pick<PathRule, 'min_wrapping_ttl' | 'max_wrapping_ttl'> {
  const shortest = wrappingTtl(values.get('min_wrapping_ttl'), 'min_wrapping_ttl', name)
  const longest = wrappingTtl(values.get('max_wrapping_ttl'), 'max_wrapping_ttl', name)
  if (shortest > 0 && longest > 0 && longest < shortest)
    throw new PolicyError(line, `${name}: max_wrapping_ttl (${longest}) is less than min_wrapping_ttl (${shortest}).`)
  return { ...(shortest > 0 && { min_wrapping_ttl: shortest }), ...(longest > 0 && { max_wrapping_ttl: longest }) }
}

function membersByKey(body: ObjectNode, name: string): Map<Key, Member> {
  const values = new Map<Key, Member>()
  for (const member of body.members) {
    if (foreignKeys.includes(member.key))
      throw new PolicyError(
        member.line,
        `${name}: ${member.key} is not enforced by this server, so the policy is refused; remove it.`,
      )
    const key = knownKeys.find((known) => known === member.key)
    if (key === undefined)
      throw new PolicyError(member.line, `${name}: invalid key "${member.key}"; known are ${knownKeys.join(', ')}.`)
    if (values.has(key)) throw new PolicyError(member.line, `${name}: ${key} is given twice; write one list.`)
    values.set(key, member)
  }
  return values
}

function oddities(rule: PathRule): string[] {
  const found: string[] = []
  if (rule.capabilities.length === 0)
    found.push('has no capabilities: it grants nothing and hides less specific rules.')
  for (const capability of rule.capabilities)
    if (deadCapabilities.includes(capability))
      found.push(`has the capability "${capability}", which no operation of this server requires.`)
  if (rule.pattern.split('/').some((segment) => segment.includes('+') && segment !== '+'))
    found.push('has a "+" beside other characters of a segment, where it is an ordinary character.')
  if (rule.pattern.slice(0, -1).includes('*'))
    found.push('has a "*" before its end, where it is an ordinary character; "+" stands for one whole segment.')
  for (const key of ['allowed_parameters', 'denied_parameters'] as const) {
    const values = rule[key]
    if (values && Object.keys(values).length === 0) found.push(`has an empty ${key}, which restricts nothing.`)
  }
  const unknown = templateParameters(rule.pattern).filter((parameter) => !parameter.startsWith('identity.'))
  for (const parameter of unknown)
    found.push(`has the template {{${parameter}}}, which never has a value, so it never matches.`)
  return found
}
