export { Limits, defaultLimits } from './limits.ts'
export type { LimitSettings, Origin } from './limits.ts'
export type { Hold } from './byte-budget.ts'
