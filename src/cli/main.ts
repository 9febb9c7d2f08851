#!/usr/bin/env node
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { processIo } from './io.ts'
import { run } from './run.ts'
import type { Registration } from './command.ts'

/** Every command, in the order help shows them: one line each. */
export const registrations: readonly Registration[] = [
  {
    group: 'Run',
    name: 'server',
    summary: 'Run the embedded Vault: -dev with a gateway beside it, or on a store of its own',
    load: async () => (await import('./server.ts')).server,
  },
  {
    group: 'Run',
    name: 'gateway',
    summary: 'Run a gateway beside any Vault, or make a service token for one',
    load: async () => (await import('./gateway.ts')).gateway,
  },
  {
    group: 'Run',
    name: 'demo',
    summary: 'Walk through a whole deployment as a demo, step by step',
    load: async () => (await import('./demo.ts')).demo(registrations),
  },
  {
    group: 'Run',
    name: 'call',
    summary: 'Call a tool of an MCP server as an agent would, with a phantom token',
    load: async () => (await import('./call.ts')).call,
  },
  {
    group: 'Run',
    name: 'terraform',
    summary: 'Install the Terraform provider, without a registry',
    load: async () => (await import('./terraform.ts')).terraform,
  },
  {
    group: 'Data',
    name: 'add',
    summary: 'Add an API from its preset: upstream, tools, key and consent in one go',
    load: async () => (await import('./add.ts')).add,
  },
  {
    group: 'Data',
    name: 'read',
    summary: 'Read data, or get credentials',
    load: async () => (await import('./read.ts')).read,
  },
  {
    group: 'Data',
    name: 'write',
    summary: 'Write data, or issue a phantom token',
    load: async () => (await import('./write.ts')).write,
  },
  {
    group: 'Data',
    name: 'list',
    summary: 'List what lies below a path',
    load: async () => (await import('./list.ts')).list,
  },
  {
    group: 'Data',
    name: 'delete',
    summary: 'Delete what is at a path',
    load: async () => (await import('./delete.ts')).remove,
  },
  {
    group: 'Data',
    name: 'kv',
    summary: 'Key/value secrets, where the real API keys live',
    load: async () => (await import('./kv.ts')).kv,
  },
  {
    group: 'Data',
    name: 'consent',
    summary: "Consent of keys' owners to their use by upstreams",
    load: async () => (await import('./consent.ts')).consent,
  },
  {
    group: 'Data',
    name: 'tools',
    summary: "Tools of upstreams: from an API's own description, or from what was used",
    load: async () => (await import('./tools.ts')).tools,
  },
  {
    group: 'Data',
    name: 'lease',
    summary: 'Leases: what ends everything issued under them',
    load: async () => (await import('./lease.ts')).lease,
  },
  {
    group: 'Data',
    name: 'unwrap',
    summary: 'Unwrap a wrapped response with its single-use token',
    load: async () => (await import('./unwrap.ts')).unwrap,
  },
  {
    group: 'Data',
    name: 'path-help',
    summary: 'Explain a path: its fields and its responses',
    load: async () => (await import('./path-help.ts')).pathHelp,
  },
  {
    group: 'Vault',
    name: 'login',
    summary: 'Check a token and keep it in ~/.vault-token',
    load: async () => (await import('./login.ts')).login,
  },
  { group: 'Vault', name: 'token', summary: 'Vault tokens', load: async () => (await import('./token.ts')).token },
  {
    group: 'Vault',
    name: 'policy',
    summary: 'ACL policies: who may use which path of Vault',
    load: async () => (await import('./policy.ts')).policy,
  },
  {
    group: 'Vault',
    name: 'secrets',
    summary: 'Mounted engines',
    load: async () => (await import('./secrets.ts')).secrets,
  },
  {
    group: 'Vault',
    name: 'auth',
    summary: 'Auth methods',
    load: async () => (await import('./auth.ts')).auth,
  },
  {
    group: 'Vault',
    name: 'audit',
    summary: 'Audit devices of the server',
    load: async () => (await import('./audit.ts')).audit,
  },
  {
    group: 'Vault',
    name: 'status',
    summary: 'Show whether the server is up and unsealed; exit code 2 when sealed',
    load: async () => (await import('./status.ts')).status,
  },
  {
    group: 'Vault',
    name: 'monitor',
    summary: "Show the server's log as it is written",
    load: async () => (await import('./monitor.ts')).monitor,
  },
  {
    group: 'Vault',
    name: 'version',
    summary: 'Print the version',
    load: async () => (await import('./version.ts')).version,
  },
]

// npx starts a link to this file. Imported, as tests do, it runs nothing.
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await run(process.argv.slice(2), processIo(), registrations)
}
