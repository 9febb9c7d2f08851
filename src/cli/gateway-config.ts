import type { z } from 'zod'
import { block, blocks, isAnyAddress, listener, logLevel, seconds, text, texts, yesOrNo } from './settings.ts'

/** The settings of `mcp-vault gateway -config=<file>`. */

const loopbackUrl = /^http:\/\/(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::|\/|$)/

const vault = block({
  address: text('https://vault.internal:8200').refine((url) => /^https:\/\//.test(url) || loopbackUrl.test(url), {
    error: 'must be an https URL, because keys travel over it, for example "https://vault.internal:8200"; http is for this machine alone',
  }),
  /** Read again whenever Vault refuses what it held, so that whoever replaces the token only has to write the file. */
  token_file: text('/etc/mcp-vault/gateway.token'),
  mount: text('mcp').default('mcp'),
  namespace: text('team-a').optional(),
  ca_file: text('/etc/mcp-vault/vault-ca.pem').optional(),
}, '{ address = "https://vault.internal:8200" token_file = "/etc/mcp-vault/gateway.token" }')

const serviceToken = block({
  sha256: text('9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08')
    .regex(/^[0-9a-f]{64}$/, { error: 'must be 64 lower-case hexadecimal digits; mcp-vault gateway token makes a token and its sha256' }),
  agents: texts('claude-billing-agent').min(1, { error: 'must name agents, for example ["claude-billing-agent"], or "*" for all' }),
  /** A Vault token of its own to open sessions with; without it the service token can only validate and call. */
  vault_token_file: text('/etc/mcp-vault/billing-mcp.token').optional(),
}, '"billing-mcp" { sha256 = "…" agents = ["claude-billing-agent"] }')

const example = 'vault { address = "https://vault.internal:8200" token_file = "/etc/mcp-vault/gateway.token" }'

export const gatewayConfig = block({
  vault,
  listener: block({ http: listener('127.0.0.1:8251').optional(), grpc: listener('127.0.0.1:8250').optional() }, '"http" { address = "127.0.0.1:8251" }').default({}),
  /** By upstream: a port that stands for it, for SDKs that take no path prefix. */
  upstream_listener: blocks(listener('127.0.0.1:8261'), '"stripe" { address = "127.0.0.1:8261" }').default({}),
  allowed_hosts: texts('gateway.internal:8251').default([]),
  audit_path: text('/var/log/mcp-vault/gateway-audit.jsonl'),
  service_token: blocks(serviceToken, '"billing-mcp" { sha256 = "…" agents = ["claude-billing-agent"] }').default({}),
  require_key_consent: yesOrNo(true).default(true),
  max_staleness: block({ high: seconds(5).optional(), standard: seconds(30).optional(), low: seconds(120).optional() }, '{ high = 5 }').default({}),
  upstream_ca_file: text('/etc/mcp-vault/upstream-ca.pem').optional(),
  log_level: logLevel.default('info'),
}, example).superRefine(({ listener: { http }, upstream_listener, allowed_hosts }, context) => {
  const anywhere = [http, ...Object.values(upstream_listener)].find((one) => one && isAnyAddress(one.address))
  if (!anywhere || allowed_hosts.length > 0) return
  context.addIssue({ code: 'custom', path: ['allowed_hosts'], message: `is missing; "${anywhere.address}" names no host, so say which ones clients use, for example ["gateway.internal:8251"]` })
})

export type GatewayFile = z.output<typeof gatewayConfig>
