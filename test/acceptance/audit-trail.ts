import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { must } from './target/server.ts'
import type { ApiResponse, Api } from './target/server.ts'

export interface AuditTuning {
  readonly audit_non_hmac_request_keys: readonly string[]
  readonly audit_non_hmac_response_keys: readonly string[]
}

/** What `vault-config/plugin/tune-audit.sh` asks of a server, read off the command it runs. */
export function shippedAuditTuning(): AuditTuning {
  const script = fileURLToPath(new URL('../../vault-config/plugin/tune-audit.sh', import.meta.url))
  const command = execFileSync('sh', [script, 'mcp'], {
    env: { PATH: process.env.PATH, VAULT_CLI: 'echo' },
    encoding: 'utf8',
  })
  const keys = (flag: string): string[] =>
    [...command.matchAll(new RegExp(`-${flag}=(\\S+)`, 'g'))].map(([, key = '']) => key)
  return {
    audit_non_hmac_request_keys: keys('audit-non-hmac-request-keys'),
    audit_non_hmac_response_keys: keys('audit-non-hmac-response-keys'),
  }
}

export interface Trail {
  /** What must stand nowhere in the audit log: every token, its checksum, and a text that was no token but typed where one goes. */
  readonly secrets: readonly string[]
  readonly tokens: readonly string[]
  /** What must be readable: ids and names of what was done. */
  readonly readable: readonly string[]
}

/** A day of one agent, with every way its tokens travel: issued, refreshed, delegated, wrapped, asked about, renewed, revoked. */
export async function leaveTrail(api: Api, mount: string): Promise<Trail> {
  const send = (method: string, path: string, body?: unknown, wrapTtl?: string): Promise<ApiResponse> =>
    must(
      api(method, path, { ...(body !== undefined && { body }), ...(wrapTtl !== undefined && { wrapTtl }) }),
      `${method} ${path}`,
    )
  const agent = 'trail-agent'
  await send('POST', `${mount}/agents/${agent}`, { owner: 'platform-team', environment: 'production' })
  await send('POST', `${mount}/agents/${agent}/scopes`, { scopes: ['read:stripe:invoices'] })
  const opened = await send('POST', `${mount}/creds/${agent}`, { purpose: 'month-end', ttl: 300 })
  const session = opened.body.data.session_id as string
  const refreshed = await send('POST', `${mount}/creds/${agent}/${session}`, { ttl: 300 })
  const child = await send('POST', `${mount}/creds/${agent}`, {
    parent_token: refreshed.body.data.token as string,
    purpose: 'delegated',
  })
  const read = await send('GET', `${mount}/creds/${agent}`)
  const responses = [opened, refreshed, child, read]
  const { body } = await send('POST', `${mount}/creds/${agent}`, {}, '60s')
  responses.push(await send('POST', 'sys/wrapping/unwrap', { token: body.wrap_info.token as string }))
  const tokens = responses.map(({ body }) => body.data.token as string)
  const digests = tokens.map((token) => createHash('sha256').update(token).digest('hex'))
  await send('POST', `${mount}/introspect`, { token: tokens[0], required_scope: 'read:stripe:invoices' })
  await send('POST', `${mount}/introspect`, { token_sha256: digests[1] })
  await send('POST', `${mount}/introspect`, { session_id: session })
  await send('POST', `${mount}/introspect`, {
    batch_input: [{ token: tokens[3] }, { token_sha256: digests[4] }, { session_id: tokens[1] }, tokens[0]],
  })
  // A token where an id belongs.
  await send('POST', `${mount}/introspect`, { session_id: tokens[2] })
  const refused = await api('POST', `${mount}/creds/${agent}`, {
    body: { parent_token: tokens[0], requested_scopes: ['read:stripe:refunds'] },
  })
  if (refused.status !== 400) throw new Error(`asking for too much was answered ${refused.status}`)
  await send('GET', `${mount}/sessions/${session}`)
  await send('POST', 'sys/leases/renew', { lease_id: opened.body.lease_id as string, increment: 60 })
  await send('POST', 'sys/leases/revoke', { lease_id: opened.body.lease_id as string, sync: true })
  await send('DELETE', `${mount}/creds/${agent}/${session}`)
  await send('POST', `${mount}/agents/${agent}/revoke`, {})
  const ids = responses
    .slice(0, 4)
    .flatMap(({ body }) => [body.data.session_id as string, body.data.token_id as string])
  return { tokens, secrets: [...tokens, ...digests], readable: [...ids, agent, 'month-end', 'read:stripe:refunds'] }
}
