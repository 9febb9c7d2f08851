/** The embedded node: a Vault-compatible server in this process, for development, tests and single machines. */
export { createHost } from './host.ts'
export type { Host, HostConfig } from './host.ts'
export type { HostResponse, HostCall } from './http/call.ts'
export type { Listener } from './http/listener.ts'
