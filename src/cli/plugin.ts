/** What a Vault or OpenBao server launches: bundled into one file by `npm run build:plugin`, in which the version is a constant. */
// First: what other modules print while they load must not reach the server as the handshake.
import '../goplugin/silence.ts'
import { randomBytes } from 'node:crypto'
import { servePlugin } from '../goplugin/index.ts'
import { systemClock } from '../logical/clock.ts'
import { mcpFactory } from '../mcp/backend.ts'
import { enginePlugin } from '../plugin/index.ts'

declare const PLUGIN_VERSION: string

void servePlugin(
  enginePlugin({
    factory: mcpFactory,
    version: PLUGIN_VERSION,
    clock: systemClock,
    random: (bytes) => randomBytes(bytes),
  }),
)
