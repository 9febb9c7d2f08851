import { findServer, targets } from '../../../scripts/find-server.mjs'
import { startContainer } from './containers.ts'
import { startEmbedded } from './embedded.ts'
import { startProcess } from './process.ts'
import type { Server, Target } from './server.ts'

export type { ApiResponse, Api, CallOptions, PluginControl, Product, Server, Target } from './server.ts'

/** A server of its own for the test file that asks, by TARGET. Rejects with one sentence where what was asked for by name is absent. */
export function startTarget(env: Readonly<Record<string, string | undefined>> = process.env): Promise<Server> {
  const target = (env.TARGET ?? '') === '' ? 'embedded' : (env.TARGET as Target)
  switch (target) {
    case 'embedded':
      return startEmbedded()
    case 'containers':
      return startContainer(env)
    case 'openbao':
    case 'vault':
      return Promise.resolve().then(() => startProcess(findServer(target, env)))
    default:
      return Promise.reject(new Error(`TARGET=${String(target)} is no target: it is one of ${targets.join(', ')}.`))
  }
}
