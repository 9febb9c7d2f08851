/**
 * Presets: one reviewed file for each API in `vault-config/presets`, and what adding one means. Pure: knows neither servers nor files
 * nor who asks; imports only `src/document` and `src/scope`. What programs import from here loads no schema library: files are read
 * (`read.ts`) where presets are built in (`npm run generate`).
 */
export { clientLines } from './clients.ts'
export type { ClientLine, GatewayAddresses } from './clients.ts'
export { PresetError } from './error.ts'
export { presetFields } from './fields.ts'
export { planPreset } from './plan.ts'
export type { PlannedSecretField, PlannedTool, PresetChoices, PresetPlan } from './plan.ts'
export { presets } from './presets.ts'
export type { Preset } from './schema.ts'
