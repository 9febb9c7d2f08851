import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createVaultClient } from '../vault-client/index.ts'
import type { VaultClient, VaultError } from '../vault-client/index.ts'
import { Failure } from './failure.ts'
import { text } from './flags.ts'
import type { FlagValues } from './flags.ts'
import { variable } from './io.ts'
import type { Io } from './io.ts'
import { printable } from './table.ts'

/** Where Vault is and who asks. */
export interface Connection {
  readonly client: VaultClient
  readonly address: string
  readonly hasToken: boolean
}

export const connectionFlags = {
  address: text('url', 'Address of Vault; default VAULT_ADDR, else http://127.0.0.1:8200.'),
  namespace: text('path', 'Namespace to work in; default VAULT_NAMESPACE.'),
  'ca-cert': text('file', 'PEM file of the authorities to trust; default VAULT_CACERT.'),
}

const DEFAULT_ADDRESS = 'http://127.0.0.1:8200'
const TIMEOUT_MS = 60_000

export const tokenFile = (io: Io): string => join(io.home, '.vault-token')

async function storedToken(io: Io): Promise<string | undefined> {
  const stored = await readFile(tokenFile(io), 'utf8').catch((thrown: unknown) => {
    const error = thrown as NodeJS.ErrnoException
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return ''
    throw new Failure(
      1,
      `The token in ${tokenFile(io)} cannot be read (${error.code ?? 'unreadable'}). Repair the file, or set VAULT_TOKEN.`,
    )
  })
  return stored.trim() || undefined
}

/** `token` stands for the environment's and the stored one. Throws `Failure` and, for a malformed setting, `VaultError`. */
export async function connect(flags: FlagValues<typeof connectionFlags>, io: Io, token?: string): Promise<Connection> {
  const address = flags.address ?? variable(io, 'ADDR') ?? DEFAULT_ADDRESS
  const namespace = flags.namespace ?? variable(io, 'NAMESPACE')
  const caFile = flags['ca-cert'] ?? variable(io, 'CACERT')
  const sent = token ?? variable(io, 'TOKEN') ?? (await storedToken(io))
  const client = createVaultClient({
    address,
    clock: io.clock,
    timeoutMs: TIMEOUT_MS,
    userAgent: 'mcp-vault',
    ...(sent === undefined ? {} : { token: sent }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(caFile === undefined ? {} : { caFile }),
  })
  return { client, address, hasToken: sent !== undefined }
}

/** What to tell the person: Vault's own errors in its layout, or one sentence when Vault did not answer. */
export function describe(error: VaultError, connection?: Connection): string {
  if (error.errors.length > 0) {
    const hint =
      error.status === 403 && connection?.hasToken === false
        ? '\n\nNo token was sent. Set VAULT_TOKEN, or run: mcp-vault login'
        : ''
    return `Code: ${String(error.status)}. Errors:\n${error.errors.map((text) => `* ${printable(text.trim())}`).join('\n')}${hint}`
  }
  if (error.kind === 'unavailable' && error.status === 0) {
    return `${printable(error.message)}. To start a development server: mcp-vault server -dev. To name another one: VAULT_ADDR or -address.`
  }
  return `${error.status === 0 || error.message.includes(String(error.status)) ? '' : `Code: ${String(error.status)}. `}${printable(error.message)}`
}
