/** The engine on one screen: every path under the mount, and the one kind of secret it leases. */
import { createBackend } from '../framework/backend.ts'
import type { PathDef } from '../framework/path.ts'
import type { Factory } from '../logical/backend.ts'
import { ensureCheck } from './check-key.ts'
import { Engine } from './engine.ts'
import { pathAgentRevoke, pathAgents, pathAgentsList } from './path-agents.ts'
import { pathAgentScopes } from './path-agent-scopes.ts'
import { pathConfig, pathRotateCheckKey } from './path-config.ts'
import { pathCreds, pathCredsSession } from './path-creds.ts'
import { pathFeed } from './path-feed.ts'
import { pathIntrospect } from './path-introspect.ts'
import { pathPolicies, pathPoliciesList } from './path-policies.ts'
import { pathAgentSessions, pathSessions, pathSessionsList, pathSessionsRevokeAll } from './path-sessions.ts'
import { pathTidy, pathTidyStatus } from './path-tidy.ts'
import { pathTtlCeiling } from './path-ttl-ceiling.ts'
import { pathTools, pathToolsList, pathToolsUpstreams } from './path-tools.ts'
import { pathUpstreams, pathUpstreamsList } from './path-upstreams.ts'
import { secretToken } from './secret-token.ts'
import { Tidy } from './tidy.ts'
import { cutSettings } from './ttl-ceiling.ts'

const TICK_BUDGET_MS = 250

/** Every path, in the order requests are held against them. Declaring asks nothing of the engine: scripts/generate.mjs reads the schemas here. */
export function enginePaths(engine: Engine, tidy: Tidy): PathDef[] {
  return [
    pathConfig(engine),
    pathRotateCheckKey(engine),
    pathTtlCeiling(engine),
    pathUpstreamsList(engine),
    pathUpstreams(engine),
    pathToolsUpstreams(engine),
    pathToolsList(engine),
    pathTools(engine),
    pathPoliciesList(engine),
    pathPolicies(engine),
    pathAgentsList(engine),
    pathAgents(engine),
    ...pathAgentScopes(engine),
    pathAgentRevoke(engine),
    pathAgentSessions(engine),
    pathCreds(engine),
    pathCredsSession(engine),
    pathSessionsList(engine),
    pathSessionsRevokeAll(engine),
    pathSessions(engine),
    pathIntrospect(engine),
    pathFeed(engine),
    pathTidy(tidy),
    pathTidyStatus(tidy),
  ]
}

export const mcpFactory: Factory = (config) => {
  const engine = new Engine(config)
  const tidy = new Tidy(engine)
  return Promise.resolve(
    createBackend({
      help: 'The mcp engine issues leased phantom tokens to AI agents. A token names tool scopes; a gateway checks it on every request and makes the upstream call with the real key, which agents and MCP servers never see. Ending a lease ends everything that grew from it.',
      system: config.system,
      paths: enginePaths(engine, tidy),
      secrets: [secretToken(engine)],
      async initialize() {
        if (await config.system.readOnly()) return
        // What cannot be stored now is stored with the first token; a mount must start all the same.
        await ensureCheck(engine).catch(() => undefined)
        const stored = await engine.storedConfig().catch(() => undefined)
        for (const sentence of stored ? cutSettings(stored) : []) config.logger.warn({}, sentence)
      },
      invalidate: (key) => {
        engine.records.invalidate(key)
      },
      cleanup() {
        tidy.close()
        engine.feed.close()
        return Promise.resolve()
      },
      async rollback() {
        if (await config.system.readOnly()) return
        // One write ends the whole mount, so that the revokes of its leases, which follow, need none.
        if (!(await engine.removal.check())) await tidy.tick(TICK_BUDGET_MS)
      },
    }),
  )
}
