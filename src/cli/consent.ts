import { VaultError } from '../vault-client/index.ts'
import type { CallOptions, VaultClient } from '../vault-client/index.ts'
import { consentCommand, missingConsent, takesKey, withConsent } from '../scope/index.ts'
import type { CustomMetadata } from '../scope/index.ts'
import type { Family } from './command.ts'
import { cleanPath } from './data.ts'
import { text } from './flags.ts'
import { printable } from './table.ts'
import { vaultCommand } from './vault-command.ts'

/** One upstream's use of one secret, and what its owner has to say about it. */
interface Finding {
  readonly upstream: string
  readonly secret: string
  /** Entries by list, for example `mcp_upstreams=mcp/shop`; null where the secret's metadata cannot be read. */
  readonly missing: readonly string[] | null
  readonly command: string | null
}

const migrate = vaultCommand({
  summary: "Show which upstreams lack their key owners' consent, and the commands that give it; changes nothing",
  usage: '[flags]',
  examples: ['consent migrate', 'consent migrate -mount=team-a/mcp'],
  flags: { mount: text('path', 'Where the engine is mounted; default mcp.') },
  takes: [0, 0],
  async run({ flags, request, print }) {
    const mount = cleanPath(flags.mount ?? 'mcp')
    const findings = await request(`Error reading the upstreams of ${mount}/`, (vault, options) =>
      inspect(vault, options, mount),
    )
    print(findings, () => report(findings))
    return 0
  },
})

async function inspect(vault: VaultClient, options: CallOptions, mount: string): Promise<Finding[]> {
  const findings: Finding[] = []
  /** Secrets by place, with the consent that the commands so far would have given: what the next command must keep. */
  const secrets = new Map<string, CustomMetadata | null>()
  const environments = await environmentsOf(vault, options, mount)
  for (const name of await keysOf(vault, options, `${mount}/upstreams`)) {
    const upstream = (await vault.read(`${mount}/upstreams/${name}`, options))?.data
    if (!upstream || !takesKey(String(upstream.auth))) continue
    const { kv_mount: kvMount, kv_path: template, kv_field, auth, url } = upstream as Record<string, string>
    for (const kv_path of pathsOf(template!, environments)) {
      const secret = `${kvMount!}/${kv_path}`
      if (!secrets.has(secret))
        secrets.set(secret, await customMetadata(vault, options, `${kvMount!}/metadata/${kv_path}`))
      const custom = secrets.get(secret)!
      const shown = { upstream: `${mount}/${name}`, secret }
      if (custom === null) {
        findings.push({ ...shown, missing: null, command: null })
        continue
      }
      const origin = new URL(url!).origin
      const use = { mount, upstream: name, origin, auth: auth!, kv_path, kv_field: kv_field! }
      const missing = missingConsent(use, custom).map(({ list, entry }) => `${list}=${entry}`)
      findings.push({
        ...shown,
        missing,
        command: missing.length === 0 ? null : consentCommand(use, kvMount!, custom),
      })
      secrets.set(secret, withConsent(use, custom))
    }
  }
  return findings
}

/** One path, or one for each environment that an agent or its scopes name. */
const pathsOf = (template: string, environments: readonly string[]): string[] =>
  template.includes('{{environment}}')
    ? environments.map((environment) => template.replaceAll('{{environment}}', environment))
    : [template]

async function environmentsOf(vault: VaultClient, options: CallOptions, mount: string): Promise<string[]> {
  const found = new Set<string>()
  for (const agent of await keysOf(vault, options, `${mount}/agents`)) {
    const { environment } = (await vault.read(`${mount}/agents/${agent}`, options))?.data ?? {}
    if (typeof environment === 'string') found.add(environment)
    for (const other of await keysOf(vault, options, `${mount}/agents/${agent}/scopes`)) found.add(other)
  }
  return [...found].sort()
}

async function keysOf(vault: VaultClient, options: CallOptions, path: string): Promise<string[]> {
  const keys = (await vault.list(path, options))?.data?.keys
  return Array.isArray(keys) ? keys.filter((key): key is string => typeof key === 'string' && !key.endsWith('/')) : []
}

/** Null where this token may not read it; empty where there is none. */
async function customMetadata(vault: VaultClient, options: CallOptions, path: string): Promise<CustomMetadata | null> {
  try {
    const custom = (await vault.read(path, options))?.data?.custom_metadata
    return typeof custom === 'object' && custom !== null ? (custom as CustomMetadata) : {}
  } catch (error) {
    if (error instanceof VaultError && error.kind === 'permission_denied') return null
    throw error
  }
}

function report(findings: readonly Finding[]): string {
  const lines = findings.map(({ upstream, secret, missing, command }) => {
    const head = `${printable(upstream)}  uses ${printable(secret)}`
    if (missing === null) return `${head}: this token may not read the secret's metadata; ask the key's owner`
    if (missing.length === 0) return `${head}: ok`
    return `${head}: missing ${printable(missing.join(', '))}\n    ${printable(command ?? '')}`
  })
  const open = findings.filter(({ missing }) => missing === null || missing.length > 0).length
  const sum =
    open === 0
      ? `All ${String(findings.length)} uses of keys have their owners' consent.`
      : `${String(open)} of ${String(findings.length)} uses of keys lack consent. Each command belongs to the owner of its secret; of several for one secret, each includes the ones above it.`
  return `${[...lines, sum].join('\n')}\n`
}

export const consent: Family = {
  summary: "Consent of keys' owners to their use by upstreams",
  commands: { migrate },
}
