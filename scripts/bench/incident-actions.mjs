// What an operator runs in an incident: one entry per row of vault-config/incidents.md. `run(stage)` is the action; its response is what
// the times count from the sending of. `undo` brings the stage back; `only` names the kind of server that has the path.
import { AGENT, SCOPES, issue } from './stage.mjs'

const policyOf = (capabilities) =>
  SCOPES.map((scope) => scope.split(':')[2])
    .map((tool) => `path "tools/bench/${tool}" { capabilities = [${capabilities}] }`)
    .join('\n')

const mountAgain = async ({ vault, provision }) => {
  await vault('POST', '/v1/sys/mounts/mcp', { type: 'mcp' })
  await provision()
}

/** Sessions beside the one that is watched, so that prefix revocation has something to do. */
const CROWD = 50

const NAMESPACE = 'bench'

/** What `namespace` names, with mounts of its own, of which ours is the last: a namespace that is deleted loses them one by one. */
export async function enterNamespace({ vault: root, url }, namespace) {
  const vault = (method, path, body) => root(method, path.replace('/v1/', `/v1/${namespace}/`), body)
  await root('POST', `/v1/sys/namespaces/${namespace}`, {})
  const kv = { type: 'kv', options: { version: '2' } }
  for (let count = 0; count < 10; count++) await vault('POST', `/v1/sys/mounts/kv-${count}`, kv)
  await vault('POST', '/v1/sys/mounts/secret', kv)
  await vault('POST', '/v1/sys/mounts/mcp', { type: 'mcp' })
  return { vault, root, url, namespace }
}

/** A key that is taken away, from an upstream of this sensitivity. */
const keyDeleted = (sensitivity) => ({
  name: `kv metadata delete (the key), sensitivity ${sensitivity}`,
  before: ({ vault }) => vault('POST', '/v1/mcp/upstreams/bench', { sensitivity }),
  run: ({ vault }) => vault('DELETE', '/v1/secret/metadata/mcp/bench'),
  undo: async ({ vault, provision }) => {
    await vault('POST', '/v1/mcp/upstreams/bench', { sensitivity: null })
    await provision()
  },
})

export const actions = [
  {
    name: 'lease revoke -sync <lease>',
    run: ({ vault, issued }) => vault('POST', '/v1/sys/leases/revoke', { lease_id: issued.lease_id, sync: true }),
  },
  {
    name: 'delete mcp/sessions/<session>',
    run: ({ vault, issued }) => vault('DELETE', `/v1/mcp/sessions/${issued.data.session_id}`),
  },
  {
    name: `write -f mcp/agents/<agent>/revoke (${CROWD} sessions)`,
    prepare: async ({ vault }) => {
      for (let count = 0; count < CROWD; count++) await issue(vault)
    },
    run: ({ vault }) => vault('POST', `/v1/mcp/agents/${AGENT}/revoke`),
  },
  {
    name: 'lease revoke -sync -prefix, after it (clean-up)',
    // The watched session is ended by its agent in the same action: what is measured beside it is the clean-up.
    prepare: async ({ vault }) => {
      for (let count = 0; count < CROWD; count++) await issue(vault)
    },
    run: async ({ vault }) => {
      await vault('POST', `/v1/mcp/agents/${AGENT}/revoke`)
      await vault('PUT', `/v1/sys/leases/revoke-prefix/mcp/creds/${AGENT}`, { sync: true })
    },
  },
  { name: 'write -f mcp/sessions/revoke-all', run: ({ vault }) => vault('POST', '/v1/mcp/sessions/revoke-all') },
  {
    name: 'write mcp/agents/<agent> disabled=true',
    run: ({ vault }) => vault('POST', `/v1/mcp/agents/${AGENT}`, { disabled: true }),
    undo: ({ vault }) => vault('POST', `/v1/mcp/agents/${AGENT}`, { disabled: false }),
  },
  {
    name: 'narrow mcp/agents/<agent>/scopes',
    prepare: ({ vault }) => vault('POST', '/v1/mcp/tools/bench/other', { operations: ['GET /other'] }),
    run: ({ vault }) => vault('POST', `/v1/mcp/agents/${AGENT}/scopes`, { scopes: ['read:bench:other'] }),
    undo: ({ provision }) => provision(),
  },
  {
    name: 'narrow mcp/policies/<policy>',
    before: async ({ vault }) => {
      await vault('POST', '/v1/mcp/policies/bench', { policy: policyOf('"read"') })
      await vault('POST', `/v1/mcp/agents/${AGENT}`, { policies: ['bench'] })
    },
    run: ({ vault }) => vault('POST', '/v1/mcp/policies/bench', { policy: policyOf('"deny"') }),
    undo: ({ vault }) => vault('POST', `/v1/mcp/agents/${AGENT}`, { policies: null }),
  },
  {
    name: 'delete mcp/upstreams/<upstream>',
    run: ({ vault }) => vault('DELETE', '/v1/mcp/upstreams/bench'),
    undo: ({ provision }) => provision(),
  },
  keyDeleted('high'),
  keyDeleted('standard'),
  keyDeleted('low'),
  {
    name: "kv metadata put (consent's mcp_origins)",
    run: ({ vault }) =>
      vault('POST', '/v1/secret/metadata/mcp/bench', { custom_metadata: { mcp_origins: 'https://other.example' } }),
    undo: ({ provision }) => provision(),
  },
  {
    name: 'secrets disable mcp',
    run: ({ vault }) => vault('DELETE', '/v1/sys/mounts/mcp'),
    undo: mountAgain,
  },
  {
    name: 'secrets move mcp elsewhere',
    run: ({ vault }) => vault('POST', '/v1/sys/remount', { from: 'mcp', to: 'elsewhere' }),
    undo: async (stage) => {
      await stage.settled('/v1/elsewhere/config')
      await stage.vault('DELETE', '/v1/sys/mounts/elsewhere')
      await mountAgain(stage)
    },
  },
  {
    name: 'namespace delete <namespace> (10 mounts before ours)',
    only: 'real',
    namespace: NAMESPACE,
    run: ({ root }) => root('DELETE', `/v1/sys/namespaces/${NAMESPACE}`),
  },
  {
    name: 'policy delete mcp-gateway',
    run: ({ vault }) => vault('DELETE', '/v1/sys/policies/acl/mcp-gateway'),
  },
  {
    name: "token revoke (the gateway's own)",
    run: ({ vault, gateway }) => vault('POST', '/v1/auth/token/revoke', { token: gateway.token }),
  },
  { name: 'gateway killed (SIGKILL)', run: ({ gateway }) => gateway.kill() },
  {
    name: 'seal',
    only: 'real',
    run: ({ vault }) => vault('PUT', '/v1/sys/seal'),
    undo: ({ unseal }) => unseal(),
  },
  { name: 'Vault killed (SIGKILL), max_staleness 30 s', run: ({ killServer }) => killServer() },
]
