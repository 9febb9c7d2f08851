import { replaceDurably } from '../logical/durable-file.ts'
import type { VaultResponse, VaultAuth } from '../vault-client/index.ts'
import { tokenFile } from './connection.ts'
import { Failure, UsageError } from './failure.ts'
import { oneOf, toggle } from './flags.ts'
import type { Io } from './io.ts'
import { responseRows, keyValueTable } from './table.ts'
import { vaultCommand } from './vault-command.ts'

const PRIVATE = 0o600

/** Only the owner may read it, from its first byte on; a half-written file never takes the place of the old one. */
async function store(io: Io, token: string): Promise<void> {
  const path = tokenFile(io)
  try {
    await replaceDurably(path, token, PRIVATE)
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'failed'
    throw new Failure(
      2,
      `The token is good, but ${path} cannot be written (${code}). Set VAULT_TOKEN, or use -no-store.`,
    )
  }
}

async function tokenOf(words: readonly string[], io: Io): Promise<string> {
  const word = words[0]
  const given =
    word === undefined && io.stdinIsTerminal
      ? await io.promptHidden('Token (will be hidden): ')
      : word === undefined || word === '-'
        ? await io.readStdin()
        : word.startsWith('token=')
          ? word.slice('token='.length)
          : word
  const token = given.trim()
  if (token === '') throw new UsageError('No token was given, for example: mcp-vault login hvs.CAESI…')
  return token
}

/** What lookup-self says, in the shape of a login's answer. */
function asLogin(token: string, { status, raw, data }: VaultResponse): VaultResponse {
  const { accessor, ttl, renewable, policies, identity_policies } = data ?? {}
  const auth = {
    client_token: token,
    accessor,
    lease_duration: Number(ttl ?? 0),
    renewable: renewable === true,
    token_policies: policies,
    identity_policies,
    policies,
  }
  return { status, raw, auth: auth as VaultAuth }
}

export const login = vaultCommand({
  summary: 'Check a token and keep it in ~/.vault-token',
  usage: '[flags] [token | -]',
  examples: ['login', 'login -no-print - < token.txt'],
  flags: {
    method: oneOf(['token'], 'Only token; for other methods: write auth/<mount>/login/…'),
    'no-store': toggle('Do not keep the token.'),
    'no-print': toggle('Do not show it.'),
    'token-only': toggle('Print nothing but the token, and do not keep it.'),
  },
  takes: [0, 1],
  async run({ io, args, flags, requestAs, say, print }) {
    const token = await tokenOf(args, io)
    const response = await requestAs(token, 'Error authenticating', (vault, options) =>
      vault.request('GET', 'auth/token/lookup-self', options),
    )
    const kept = !flags['no-store'] && !flags['token-only']
    if (kept) await store(io, token)
    if (flags['token-only']) {
      io.stdout(token + (io.stdoutIsTerminal ? '\n' : ''))
      return 0
    }
    if (io.env.VAULT_TOKEN || io.env.BAO_TOKEN) {
      io.stderr(
        'WARNING! The environment variable VAULT_TOKEN (or BAO_TOKEN) is set and goes before\nthe stored token. Unset it to use the one you just logged in with.\n\n',
      )
    }
    say(
      `Success! You are now authenticated.${kept ? ` The token is kept in ${tokenFile(io)}\nand used from now on; there is no need to log in again.` : ' The token was not stored.'}`,
    )
    const login = asLogin(token, response)
    if (!flags['no-print']) print({ auth: login.auth }, () => `\n${keyValueTable(responseRows(login))}`)
    return 0
  },
})
