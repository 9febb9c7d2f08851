import { z } from 'zod'
import { defaultLimits } from '../gateway/limits/index.ts'
import {
  atLeastOne,
  block,
  blocks,
  gatewayListener,
  isAnyAddress,
  listener,
  logLevel,
  seconds,
  text,
  texts,
  yesOrNo,
} from './settings.ts'

/** The settings of `mcp-vault gateway -config=<file>`. */

const loopbackUrl = /^http:\/\/(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::|\/|$)/

const mountPath = /^[A-Za-z0-9_-][A-Za-z0-9_.~-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9_.~-]*)*$/
const approleExample = 'approle { role_id = "…" secret_id_file = "/etc/mcp-vault/gateway.secret-id" }'

/** A login of the gateway's own; what its files hold is read again at every login. */
const approle = block(
  {
    role_id: text('db02de05-fa39-4855-059b-67221c5c2f63').optional(),
    role_id_file: text('/etc/mcp-vault/gateway.role-id').optional(),
    secret_id_file: text('/etc/mcp-vault/gateway.secret-id'),
    /** The file holds a wrapping token; it is unwrapped at the first login, and what it held stays in memory. */
    secret_id_wrapped: yesOrNo(true).default(false),
    mount: text('approle')
      .regex(mountPath, { error: 'must be the path of an auth method below auth/, for example "approle"' })
      .default('approle'),
  },
  '{ role_id = "…" secret_id_file = "/etc/mcp-vault/gateway.secret-id" }',
).superRefine(({ role_id: literal, role_id_file: file }, context) => {
  if ((literal === undefined) !== (file === undefined)) return
  context.addIssue({
    code: 'custom',
    path: ['role_id'],
    message:
      literal === undefined
        ? 'is missing; give role_id or role_id_file'
        : 'cannot be given together with role_id_file; keep one of them',
  })
})

export type AppRoleSettings = z.output<typeof approle>

const vaultUrl = text('https://vault.internal:8200').refine((url) => /^https:\/\//.test(url) || loopbackUrl.test(url), {
  error:
    'must be an https URL, because keys travel over it, for example "https://vault.internal:8200"; http is allowed only for this machine',
})

const vault = block(
  {
    address: vaultUrl.optional(),
    /** The nodes of one cluster, where no load balancer stands before it: the next is asked once one has failed. */
    addresses: z
      .array(vaultUrl, {
        error: 'must be a list of URLs, for example ["https://vault-1.internal:8200", "https://vault-2.internal:8200"]',
      })
      .min(1, { error: 'must name a node, for example ["https://vault-1.internal:8200"]' })
      .optional(),
    /** Read again whenever Vault refuses what it held, so that replacing the token takes no more than writing the file. */
    token_file: text('/etc/mcp-vault/gateway.token').optional(),
    approle: approle.optional(),
    mount: text('mcp').default('mcp'),
    namespace: text('team-a').optional(),
    ca_file: text('/etc/mcp-vault/vault-ca.pem').optional(),
  },
  '{ address = "https://vault.internal:8200" token_file = "/etc/mcp-vault/gateway.token" }',
).superRefine(({ address: one, addresses, token_file: file, approle: login }, context) => {
  if (one === undefined && addresses === undefined)
    context.addIssue({
      code: 'custom',
      path: ['address'],
      message: 'is missing, for example "https://vault.internal:8200"',
    })
  if (one !== undefined && addresses !== undefined)
    context.addIssue({
      code: 'custom',
      path: ['addresses'],
      message: 'cannot be given together with address; keep one of them',
    })
  if ((file === undefined) !== (login === undefined)) return
  if (file === undefined)
    context.addIssue({
      code: 'custom',
      path: ['token_file'],
      message: `is missing, for example "/etc/mcp-vault/gateway.token"; or log in with ${approleExample}`,
    })
  else
    context.addIssue({
      code: 'custom',
      path: ['approle'],
      message: 'cannot be given together with token_file; keep one of them',
    })
})

const serviceToken = block(
  {
    sha256: text('9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08').regex(/^[0-9a-f]{64}$/, {
      error: 'must be 64 lower-case hexadecimal digits; mcp-vault gateway token makes a token and its sha256',
    }),
    agents: texts('claude-billing-agent').min(1, {
      error: 'must name agents, for example ["claude-billing-agent"], or "*" for all',
    }),
    /** A Vault token of its own to open sessions with; without it the service token can only validate and call. */
    vault_token_file: text('/etc/mcp-vault/billing-mcp.token').optional(),
    /** Or a login of its own. */
    vault_approle: approle.optional(),
  },
  '"billing-mcp" { sha256 = "…" agents = ["claude-billing-agent"] }',
).superRefine(({ vault_token_file: file, vault_approle: login }, context) => {
  if (file !== undefined && login !== undefined)
    context.addIssue({
      code: 'custom',
      path: ['vault_approle'],
      message: 'cannot be given together with vault_token_file; keep one of them',
    })
})

const example = 'vault { address = "https://vault.internal:8200" token_file = "/etc/mcp-vault/gateway.token" }'

const limit = (name: keyof typeof defaultLimits) => atLeastOne(defaultLimits[name]).optional()
const limits = {
  calls_per_session: limit('calls_per_session'),
  calls_per_address: limit('calls_per_address'),
  streams_per_session: limit('streams_per_session'),
  streams_per_caller: limit('streams_per_caller'),
  lookups_per_address: limit('lookups_per_address'),
  unknown_tokens_per_second: limit('unknown_tokens_per_second'),
  refusals_per_second: limit('refusals_per_second'),
  buffered_bytes: limit('buffered_bytes'),
}

export const gatewayConfig = block(
  {
    vault,
    listener: block(
      { http: gatewayListener('127.0.0.1:8251').optional(), grpc: listener('127.0.0.1:8250').optional() },
      '"http" { address = "127.0.0.1:8251" }',
    ).default({}),
    /** By upstream: a port that stands for it, for SDKs that cannot use a path prefix. */
    upstream_listener: blocks(listener('127.0.0.1:8261'), '"stripe" { address = "127.0.0.1:8261" }').default({}),
    allowed_hosts: texts('gateway.internal:8251').default([]),
    audit_path: text('/var/log/mcp-vault/gateway-audit.jsonl'),
    /** Paths of calls stand in the records. */
    audit_paths: yesOrNo(true).default(false),
    service_token: blocks(serviceToken, '"billing-mcp" { sha256 = "…" agents = ["claude-billing-agent"] }').default({}),
    require_key_consent: yesOrNo(true).default(true),
    consent_upstreams: z
      .enum(['enforce', 'warn'], { error: 'must be "enforce", or "warn" for an upgrade' })
      .default('enforce'),
    max_staleness: block(
      { high: seconds(5).optional(), standard: seconds(30).optional(), low: seconds(120).optional() },
      '{ high = 5 }',
    ).default({}),
    limits: block(limits, '{ calls_per_session = 64 }').default({}),
    /** Before it listens it makes calls to itself, for 1.5 s at most, so that the first real ones cost no more than later ones. */
    rehearsal: yesOrNo(true).default(true),
    upstream_ca_file: text('/etc/mcp-vault/upstream-ca.pem').optional(),
    log_level: logLevel.default('info'),
  },
  example,
).superRefine(({ listener: { http }, upstream_listener, allowed_hosts }, context) => {
  const anywhere = [http, ...Object.values(upstream_listener)].find((one) => one && isAnyAddress(one.address))
  if (!anywhere || allowed_hosts.length > 0) return
  context.addIssue({
    code: 'custom',
    path: ['allowed_hosts'],
    message: `is missing; "${anywhere.address}" names no host; list the host names clients use, for example ["gateway.internal:8251"]`,
  })
})

/** Where Vault is, by whichever of the two settings. */
export const addressOf = ({ address: one, addresses }: z.output<typeof vault>): string | readonly string[] =>
  one ?? addresses!

export type GatewayFile = z.output<typeof gatewayConfig>
