/**
 * `plugin.GRPCStdio`: served, open and silent. Hosts discard what comes through it; what this process prints is logged instead, where
 * somebody reads it.
 */
import type { ServerWritableStream } from '@grpc/grpc-js'
import { goplugin } from '../proto/goplugin.ts'
import type { Service } from './plugin.ts'
import { serviceDefinition } from '../grpc/index.ts'

export function stdioService(): Service {
  const StreamStdio = (stream: ServerWritableStream<object, object>) => {
    stream.on('error', () => undefined)
  }
  return { definition: serviceDefinition(goplugin, 'plugin.GRPCStdio'), implementation: { StreamStdio } }
}
