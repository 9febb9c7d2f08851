/** What every gRPC server and client here is made from. */
export { serviceDefinition } from './service-definition.ts'
export type { LoadedService } from './service-definition.ts'
export { healthDefinition, healthService } from './health.ts'
export type { HealthReport, HealthRequest, HealthResponse } from './health.ts'
