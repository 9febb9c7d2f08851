/** Which fields of an upstream's document a preset may set. */
import { upstreamFields } from '../document/index.ts'

/** Those who add a preset choose these. */
const chosenFields = ['name', 'kv_mount', 'kv_path', 'allow_private_addresses'] as const

export type PresetField = Exclude<keyof typeof upstreamFields, (typeof chosenFields)[number]>

export const presetFields = Object.keys(upstreamFields).filter(
  (field) => !(chosenFields as readonly string[]).includes(field),
) as readonly PresetField[]
