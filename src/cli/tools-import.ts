import { readTools, readUpstream } from '../document/index.ts'
import {
  DescriptionError,
  draftTools,
  groupings,
  importOperations,
  operationName,
  planTools,
  readDescription,
  riskLevels,
  selectOperations,
  sharedCalls,
} from '../proposal/index.ts'
import type { ApiDescription, RiskLevel } from '../proposal/index.ts'
import { isName, operationMethods } from '../scope/index.ts'
import type { Tool } from '../scope/index.ts'
import { cleanPath } from './data.ts'
import { Failure, UsageError } from './failure.ts'
import { oneOf, pairs, text, texts, toggle } from './flags.ts'
import type { FlagValues } from './flags.ts'
import { boundedText } from './long-input.ts'
import { counted, printable } from './table.ts'
import { importReport } from './tools-report.ts'
import type { ImportPlan } from './tools-report.ts'
import { vaultCommand } from './vault-command.ts'
import type { VaultCall } from './vault-command.ts'

/** GitHub's description has 13 MB, and 73 with every reference replaced by what it refers to. */
const MOST_BYTES = 96 * 1_048_576

const importFlags = {
  upstream: text('name', 'Upstream whose tools they become; it must exist, because paths are taken below its url.'),
  mount: text('path', 'Where the engine is mounted; default mcp.'),
  yes: toggle('Write the tools. Without it the plan is shown and nothing is written.'),
  'dry-run': toggle('Only show the plan, even with -yes.'),
  'group-by': oneOf(
    groupings,
    'What becomes one tool: a tag (the default: the first of an operation, else as path), the first word of a path, or each operation by its operationId.',
  ),
  tag: texts('tag', 'Only operations with this tag.'),
  'operation-id': texts('id', 'Only the operation with this id.'),
  include: texts('method path', "Only operations that fit, for example 'GET /repos/*'; * is any text."),
  exclude: texts('method path', 'No operation that fits.'),
  deprecated: toggle('Import deprecated operations, too.'),
  name: pairs('Name of the tool of a group that has no usable one of its own, for example -name="Pet Store=pets".'),
  risk: pairs(
    'Risk of tools by method, for example -risk=POST=high; by default reads are low, writes medium and deletions high, and tools that have a risk keep it.',
  ),
  'multi-segment': texts(
    'path',
    "A path of the document with dots behind the parameter that takes several segments: '/files/{path...}'. Those with allowReserved or x-multi-segment are known.",
  ),
  'base-path': text(
    'path',
    "Where the document's paths stand at the host, in place of what its servers say: /api/v3, or / for none.",
  ),
}

type Flags = FlagValues<typeof importFlags>

export const importTools = vaultCommand({
  summary: 'Make tools from an OpenAPI 3 description; shows the plan, and writes it with -yes',
  details:
    'Reads of a tag become the tool <tag>, writes <tag>/write and deletions <tag>/delete. The file is JSON of at most 96 MiB; nothing it refers to is fetched.',
  usage: '[flags] -upstream=<name> <file.json | ->',
  examples: [
    'tools import openapi.json -upstream=github',
    "tools import openapi.json -upstream=github -tag=issues -include='GET *' -yes",
  ],
  flags: importFlags,
  takes: [1, 1],
  async run(call) {
    const { io, args, flags, print } = call
    const upstream = flags.upstream ?? ''
    if (!isName(upstream)) throw new UsageError('-upstream must name an upstream, for example -upstream=github')
    const mount = cleanPath(flags.mount ?? 'mcp')
    checkFlags(flags)
    const file = args[0]!
    const content = await boundedText(io, file, MOST_BYTES)
    const description = orUsage(() => readDescription(parseDocument(file, content)))
    const { url, tools } = await readStanding(call, mount, upstream)
    const plan = orUsage(() => planImport(description, flags, { upstream, url, tools }))
    const writes = flags.yes && !flags['dry-run']
    if (writes) await writeTools(call, `${mount}/tools/${upstream}`, plan)
    print({ upstream, written: writes, ...plan }, () => importReport(`${mount}/tools/${upstream}/`, plan, writes))
    if (plan.tools.length === 0) throw new Failure(1, nothingImported(plan))
    return 0
  },
})

/** A script must not take that for success. */
function nothingImported({ left_out: leftOut, not_selected: unselected }: ImportPlan): string {
  const [first] = leftOut
  const reasons = new Set(leftOut.map(({ reason }) => reason))
  if (first === undefined)
    return `No operation was imported: none of the ${String(unselected)} was selected; see -tag, -operation-id, -include and -exclude`
  const why =
    reasons.size === 1
      ? `${counted(leftOut.length, 'operation')} left out: ${first.reason}`
      : `${String(leftOut.length)} are listed under "Not imported", each with its reason; the first, ${first.operation}: ${first.reason}`
  return printable(`No operation was imported: ${why}`)
}

function orUsage<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof DescriptionError) throw new UsageError(error.message)
    throw error
  }
}

function parseDocument(file: string, content: string): unknown {
  try {
    return JSON.parse(content) as unknown
  } catch (error) {
    const name = file === '-' ? 'Standard input' : file
    // YAML may begin with a bracket too, but descriptions are not written so.
    if (/^\s*\{/.test(content) && error instanceof SyntaxError)
      throw new UsageError(`${name} is not valid JSON; is it complete? ${printable(error.message)}`)
    throw new UsageError(`${name} does not hold JSON. Convert YAML first, for example with: yq -o=json openapi.yaml`)
  }
}

function checkFlags({ risk, 'base-path': basePath }: Flags): void {
  for (const [method, level] of Object.entries(risk ?? {})) {
    if (!operationMethods.has(method.toUpperCase()))
      throw new UsageError(`-risk: ${method} is not a method of operations, for example -risk=POST=high`)
    if (!riskLevels.some((known) => known === level))
      throw new UsageError(`-risk: "${level}" is not one of ${riskLevels.join(', ')}`)
  }
  if (basePath !== undefined && !/^\/[^?#{}]*$/.test(basePath))
    throw new UsageError(`-base-path: "${basePath}" is not a path, for example -base-path=/api/v3`)
}

interface Standing {
  readonly upstream: string
  readonly url: string
  readonly tools: readonly Tool[]
}

async function readStanding(call: VaultCall, mount: string, upstream: string): Promise<Omit<Standing, 'upstream'>> {
  const path = `${mount}/upstreams/${upstream}`
  const found = await call.request(`Error reading ${path}`, (vault, options) => vault.read(path, options))
  if (!found?.data)
    throw new Failure(
      2,
      `There is no upstream ${upstream} yet. Write it first, for example: mcp-vault write ${path} url=https://api.example.com`,
    )
  return { url: readUpstream(path, found.data).value.url, tools: await readToolsAt(call, mount, upstream) }
}

/** Every tool of an upstream; none where there is no list. */
export async function readToolsAt(call: VaultCall, mount: string, upstream: string): Promise<readonly Tool[]> {
  const path = `${mount}/tools/${upstream}`
  const listed = await call.request(`Error listing ${path}`, (vault, options) => vault.list(path, options))
  return listed?.data === undefined || listed.data === null ? [] : readTools(`tools/${upstream}`, listed.data).value
}

function planImport(description: ApiDescription, flags: Flags, { upstream, url, tools }: Standing): ImportPlan {
  const { chosen, deprecated, unselected } = selectOperations(description.operations, {
    tags: flags.tag,
    operationIds: flags['operation-id'],
    include: flags.include,
    exclude: flags.exclude,
    deprecated: flags.deprecated,
  })
  const { imported, leftOut, notes } = importOperations(description, chosen, {
    url,
    basePath: flags['base-path'],
    multiSegment: flags['multi-segment'],
  })
  const risks = new Map(
    Object.entries(flags.risk ?? {}).map(([method, level]) => [method.toUpperCase(), level as RiskLevel]),
  )
  const { drafts, leftOut: unnamed } = draftTools(imported, {
    upstream,
    groupBy: flags['group-by'] ?? 'tag',
    names: flags.name ?? {},
    risks,
  })
  return {
    title: `${description.title} ${description.version}`.trim(),
    ...planTools(drafts, new Map(tools.map((tool) => [tool.name, tool])), risks.size > 0),
    left_out: [
      ...description.leftOut,
      ...leftOut,
      ...unnamed,
      ...deprecated.map((one) => ({
        operation: operationName(one),
        reason: 'it is deprecated; -deprecated imports it',
      })),
    ],
    not_selected: unselected,
    shared_calls: sharedCalls(drafts),
    notes,
  }
}

/** One write a tool. What was written stays where one fails: the next run goes on from there. */
async function writeTools(call: VaultCall, path: string, { tools }: ImportPlan): Promise<void> {
  const changed = tools.filter(({ change }) => change !== 'none')
  for (const [done, { name, operations, risk }] of changed.entries()) {
    const doing = `Error writing ${path}/${name} (${String(done)} of ${String(changed.length)} tools are written; run it again for the rest)`
    await call.request(doing, (vault, options) =>
      vault.request('PUT', `${path}/${name}`, { ...options, body: { operations, risk } }),
    )
  }
}
