import { isFamily } from './command.ts'
import type { Command, Family, Registration } from './command.ts'

/** The screens of help. They are texts, not data: wording may change at any time. */

const firstCommands = `Vault operator, on one machine:
  mcp-vault server -dev -dev-root-token-id=root
  export VAULT_ADDR=http://127.0.0.1:8200 VAULT_TOKEN=root
  mcp-vault add stripe
  mcp-vault path-help mcp/

MCP server author:
  mcp-vault server -dev -dev-seed=article
  mcp-vault call http://127.0.0.1:3000/mcp list_invoices -agent claude-billing-agent
`

const columns = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + 3
  return rows.map(([name, summary]) => `  ${name.padEnd(width)}${summary}\n`).join('')
}

/** `mcp-vault` alone, `mcp-vault help`. */
export function overview(registrations: readonly Registration[]): string {
  const groups = [...new Set(registrations.map(({ group }) => group))]
  const lists = groups.map(
    (group) =>
      `${group}:\n${columns(registrations.filter((entry) => entry.group === group).map(({ name, summary }) => [name, summary]))}`,
  )
  return `Usage: mcp-vault <command> [flags] [arguments]

${firstCommands}
${lists.join('\n')}
Each command has its own page: mcp-vault <command> -h
Flags are written -name=value or -name value. Those that Vault's own command line has, too, work with vault or bao as they are.
`
}

export function familyHelp(name: string, family: Family): string {
  const rows = Object.entries(family.commands).map(([word, entry]): [string, string] => [word, entry.summary])
  return `Usage: mcp-vault ${name} <command> [flags] [arguments]\n\n${family.summary}.\n\n${columns(rows)}`
}

export const usageLine = (name: string, entry: Command): string =>
  `Usage: mcp-vault ${name}${entry.usage === '' ? '' : ` ${entry.usage}`}`

export function commandHelp(name: string, entry: Command): string {
  const flags = Object.entries(entry.flags).map(([flag, { placeholder, short, help }]): [string, string] => [
    `-${flag}${placeholder === '' ? '' : `=<${placeholder}>`}${short === undefined ? '' : `, -${short}`}`,
    help,
  ])
  const examples = (entry.examples ?? []).map((line) => `  $ mcp-vault ${line}\n`).join('')
  return [
    `${usageLine(name, entry)}\n\n${entry.summary}.${entry.details === undefined ? '' : ` ${entry.details}`}\n`,
    examples && `Examples:\n${examples}`,
    flags.length > 0 && `Flags:\n${columns(flags)}`,
  ]
    .filter(Boolean)
    .join('\n')
}

export const entryHelp = (name: string, entry: Command | Family): string =>
  isFamily(entry) ? familyHelp(name, entry) : commandHelp(name, entry)
