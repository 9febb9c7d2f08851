export type { GoPlugin, PluginHost, Service } from './plugin.ts'
export { servePlugin } from './serve.ts'
export { serviceDefinition } from '../grpc/index.ts'
