import { readAgent, readPolicy, readScopes } from '../document/index.ts'
import { durationSeconds } from '../framework/duration.ts'
import { isInForce, RecordedUse, RecordsError, suggest } from '../proposal/index.ts'
import type { AgentStanding, AgentUse, Suggestion } from '../proposal/index.ts'
import type { VaultResponse } from '../vault-client/index.ts'
import { cleanPath } from './data.ts'
import { Failure, UsageError } from './failure.ts'
import { oneOf, text, toggle } from './flags.ts'
import { boundedLines } from './long-input.ts'
import { suggestionCommands, suggestionTerraform, toolDocument } from './suggestion-text.ts'
import type { ShownSuggestion } from './suggestion-text.ts'
import { readToolsAt } from './tools-import.ts'
import { counted } from './table.ts'
import { vaultCommand } from './vault-command.ts'
import type { VaultCall } from './vault-command.ts'

/** A gateway's own lines have 64 KiB of texts at most. */
const LONGEST_LINE = 1_048_576
const DEFAULT_FILE = '.mcp-dev/audit.jsonl'

export const suggestTools = vaultCommand({
  summary: "Propose the narrowest tools and scopes for what an agent used, by a gateway's decision records",
  details:
    "The records hold templates of operations, so parameters stay as wide as they are, unless the gateway's audit_paths keeps paths: then a parameter that always had one word becomes that word, and {name...} the segments that were seen. Calls of sessions delegated to other agents are those agents'.",
  usage: `[flags] [audit.jsonl … | -]   (default ${DEFAULT_FILE})`,
  examples: [
    'tools suggest -agent=claude-billing-agent -since=7d /var/log/mcp-vault/gateway-audit.jsonl',
    'tools suggest -session=01K… -as=terraform',
  ],
  flags: {
    agent: text('id', 'What this agent used.'),
    session: text('id', 'What was used in this session.'),
    since: text('duration or time', 'Only records of that time on: 24h, 7d or 2026-11-30T08:00:00Z.'),
    refused: toggle(
      'Cover calls that were refused because no tool or scope covered them, too. What looks like data in their paths (not a word of small letters, or v1) becomes {id}.',
    ),
    as: oneOf(
      ['commands', 'terraform'],
      'How to print it, unless -format=json or yaml: vault commands, the default, or HCL.',
    ),
    mount: text('path', 'Where the engine is mounted; default mcp.'),
    yes: toggle('Write the proposal. Without it nothing is written.'),
  },
  takes: [0, Infinity],
  async run(call) {
    const { io, args, flags, print } = call
    if (flags.agent === undefined && flags.session === undefined)
      throw new UsageError('Say what to look at: -agent=<id>, -session=<id> or both')
    const mount = cleanPath(flags.mount ?? 'mcp')
    const records = new RecordedUse({
      agent: flags.agent,
      session: flags.session,
      sinceUnixMs: flags.since === undefined ? undefined : sinceUnixMs(flags.since, io.clock.now()),
      refused: flags.refused,
    })
    await readRecords(records, args.length === 0 ? [DEFAULT_FILE] : args, call)
    const shown: ShownSuggestion[] = []
    for (const use of records.uses()) shown.push(await suggestionFor(call, mount, use))
    if (shown.length === 0) throw new Failure(1, nothingFound(records))
    const open = shown.filter((one) => !isInForce(one, one.scopes_before))
    if (flags.yes) for (const one of open) await apply(call, one)
    const written = flags.yes && open.length > 0
    const asTable = flags.as === 'terraform' ? suggestionTerraform : suggestionCommands
    const { used, unreadable } = records
    print({ records: used, unreadable_lines: unreadable, written, suggestions: shown.map(plain) }, () =>
      asTable(shown, { used, unreadable, outcome: outcomeOf(open.length, written) }),
    )
    return 0
  },
})

function outcomeOf(open: number, written: boolean): string {
  if (open === 0) return 'Nothing to write: all of it is in force.'
  return written ? 'Written.' : 'Nothing was written. To write it, add -yes.'
}

function sinceUnixMs(given: string, nowMs: number): number {
  const seconds = durationSeconds(given)
  if (seconds !== undefined) return nowMs - seconds * 1000
  const at = /^\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})$/.test(given) ? Date.parse(given) : NaN
  if (Number.isNaN(at))
    throw new UsageError(
      `-since: "${given}" is neither a duration nor a time, for example -since=24h or -since=2026-11-30T08:00:00Z`,
    )
  return at
}

async function readRecords(records: RecordedUse, files: readonly string[], { io }: VaultCall): Promise<void> {
  try {
    for (const file of files)
      for await (const line of boundedLines(io, file, LONGEST_LINE)) {
        if (io.signal.aborted) throw new Failure(130, 'Interrupted')
        records.add(line)
      }
  } catch (thrown) {
    if (thrown instanceof RecordsError) throw new Failure(1, `${thrown.message}.`)
    throw thrown
  }
}

function nothingFound({ refused, unreadable }: RecordedUse): string {
  return [
    'The records hold no allowed call of this selection.',
    ...(refused > 0
      ? [`Refused for want of a tool or a scope: ${counted(refused, 'call')}; -refused covers them.`]
      : []),
    ...(unreadable > 0 ? [`Lines that are no records: ${String(unreadable)}. Is it the audit file of a gateway?`] : []),
  ].join(' ')
}

/** What stands, and the proposal beside it. */
async function suggestionFor(call: VaultCall, mount: string, use: AgentUse): Promise<ShownSuggestion> {
  const agentPath = `${mount}/agents/${use.agent_id}`
  const found = await read(call, agentPath)
  if (!found?.data)
    throw new Failure(2, `Agent ${use.agent_id} of the records is not registered; nothing can be proposed for it.`)
  const agent = readAgent(`agents/${use.agent_id}`, found.data).value
  const own = agent.environment === use.environment
  const scopesPath = `${agentPath}/scopes${own ? '' : `/${use.environment}`}`
  const scopes = await read(call, scopesPath)
  const declared = scopes?.data ? readScopes(scopesPath, scopes.data).value : undefined
  const upstreams = [...new Set(use.calls.map(({ upstream }) => upstream))]
  const standing: AgentStanding = {
    tools: (await Promise.all(upstreams.map((upstream) => readToolsAt(call, mount, upstream)))).flat(),
    declared: declared?.scopes ?? null,
    policies: agent.policies === null ? null : await readPolicies(call, mount, agent.policies),
    own_environment: own,
  }
  return {
    ...suggest(use, standing),
    mount,
    scopes_path: scopesPath,
    own_environment: own,
    scopes_before: standing.declared,
    max_ttl_seconds: declared?.max_ttl_seconds ?? null,
    standing: new Set(standing.tools.map(({ upstream, name }) => `${upstream}/${name}`)),
  }
}

async function readPolicies(call: VaultCall, mount: string, names: readonly string[]) {
  const found = await Promise.all(
    names.map(async (name) => [name, await read(call, `${mount}/policies/${name}`)] as const),
  )
  return found.flatMap(([name, response]) =>
    response?.data ? readPolicy(`policies/${name}`, response.data).value : [],
  )
}

const read = (call: VaultCall, path: string): Promise<VaultResponse | undefined> =>
  call.request(`Error reading ${path}`, (vault, options) => vault.read(path, options))

/** Tools first: no scope may name one that is not there. */
async function apply(call: VaultCall, { mount, scopes_path, scopes, kept, tools }: ShownSuggestion): Promise<void> {
  for (const tool of tools) await put(call, `${mount}/tools/${tool.upstream}/${tool.name}`, toolDocument(tool))
  await put(call, scopes_path, { scopes: [...scopes, ...kept] })
}

const put = (call: VaultCall, path: string, body: object): Promise<VaultResponse> =>
  call.request(`Error writing ${path}; run it again`, (vault, options) =>
    vault.request('PUT', path, { ...options, body }),
  )

/** As scripts get it. */
const plain = ({ standing, tools, ...rest }: ShownSuggestion): Omit<Suggestion, 'tools'> => ({
  ...rest,
  ...{
    tools: tools.map((tool) => ({
      upstream: tool.upstream,
      name: tool.name,
      change: standing.has(`${tool.upstream}/${tool.name}`) ? 'update' : 'create',
      ...toolDocument(tool),
    })),
  },
})
