import type { z } from 'zod'
import { block, isAnyAddress, logLevel, text, texts, vaultListener } from './settings.ts'

/** The settings of `mcp-vault server -config=<file>`. Spelled as in Vault's own configuration where it has the same thing. */
export const serverConfig = block(
  {
    storage: block(
      {
        level: block(
          {
            /** Directory of everything the server keeps: `store/`, and by default the audit log and the root token's file. */
            path: text('/var/lib/mcp-vault'),
            /** Holds the key that seals the store. Made on the first start; kept apart from `path`, so that a copy of one is of no use without the other. */
            key_file: text('/etc/mcp-vault/store.key').optional(),
          },
          '{ path = "/var/lib/mcp-vault" }',
        ),
      },
      '"level" { path = "/var/lib/mcp-vault" }',
    ),
    listener: block({ tcp: vaultListener('127.0.0.1:8200') }, '"tcp" { address = "127.0.0.1:8200" }'),
    /** Host values accepted in addition to the listener's own: `vault.internal:8200`. */
    allowed_hosts: texts('vault.internal:8200').default([]),
    audit_path: text('/var/log/mcp-vault/audit.jsonl').optional(),
    root_token_file: text('/etc/mcp-vault/root-token').optional(),
    log_level: logLevel.default('info'),
  },
  'storage "level" { path = "/var/lib/mcp-vault" }',
).superRefine(({ listener: { tcp }, allowed_hosts }, context) => {
  if (!isAnyAddress(tcp.address) || allowed_hosts.length > 0) return
  context.addIssue({
    code: 'custom',
    path: ['allowed_hosts'],
    message: `is missing; "${tcp.address}" names no host; list the host names clients use, for example ["vault.internal:8200"]`,
  })
})

export type ServerConfig = z.output<typeof serverConfig>
