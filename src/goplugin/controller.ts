/** `plugin.GRPCController`: the host asks the plugin to exit. */
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js'
import type { Clock } from '../logical/clock.ts'
import { goplugin } from '../proto/goplugin.ts'
import type { Service } from './plugin.ts'
import { serviceDefinition } from '../grpc/index.ts'

/** Enough for the answer to leave; hosts wait two seconds for the exit, then kill. */
const RESPONSE_TIMEOUT_MS = 20

export function controllerService(clock: Clock, shutdown: () => void): Service {
  const Shutdown = (_call: ServerUnaryCall<object, object>, callback: sendUnaryData<object>) => {
    callback(null, {})
    clock.after(RESPONSE_TIMEOUT_MS, shutdown)
  }
  return { definition: serviceDefinition(goplugin, 'plugin.GRPCController'), implementation: { Shutdown } }
}
