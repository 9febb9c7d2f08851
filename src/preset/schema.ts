/** The shape of a preset's file, `vault-config/presets/<name>.json`. What is said in words here is held to by `problems.ts`. */
import { z } from 'zod'
import { toolFields } from '../document/index.ts'
import { presetFields } from './fields.ts'
import type { PresetField } from './fields.ts'

const text = z.string().min(1)

/** The values are judged by the document's own rules. */
const upstream = z.strictObject({
  ...(Object.fromEntries(presetFields.map((field) => [field, z.unknown().optional()])) as Record<
    PresetField,
    z.ZodOptional<z.ZodUnknown>
  >),
  url: text,
  auth: text,
})

/** What differs from customer to customer; `{{name}}` in other texts stands for its value. */
const variable = z.strictObject({
  description: text,
  example: text,
  pattern: z.string().regex(/^\^.*\$$/s, { error: 'must begin with ^ and end with $' }),
  default: z.string().nullable().optional(),
})

const secretField = z.strictObject({
  description: text,
  /** Where its owner gets one. */
  where: text,
  /** Made up. */
  example: text,
  /** What all of them begin with, as far as that is known. */
  prefix: z.array(text).min(1).optional(),
})

const operation = z.strictObject({
  method: text,
  path: text,
  capability: text,
  parameters: z.array(text).optional(),
  denied_parameters: z.array(text).min(1).optional(),
  body: z.boolean().optional(),
})

const tool = z.strictObject({
  name: text,
  description: text,
  risk: z.enum(toolFields.risk.allowed),
  operations: z.array(operation).min(1),
  fields: z.array(text).optional(),
  mcp_tools: z.array(text).optional(),
})

const client = z.strictObject({
  language: text,
  package: text,
  /** A line of code; `{{gateway}}` and the other names of `clientNames` stand for addresses. */
  change: text,
})

export const presetSchema = z.strictObject({
  /** Of the file, and of the upstream unless another one is chosen. */
  name: text,
  /** Grows with every change. */
  version: z.int().min(1),
  reviewed: z.iso.date(),
  title: text,
  /** What its owner should know before: what is left out, and why. Whole sentences. */
  notes: z.array(text).min(1).optional(),
  /** Where the facts are from. */
  sources: z.array(z.url({ protocol: /^https$/ })).min(1),
  variables: z.record(z.string(), variable).default({}),
  upstream,
  /** By field. */
  secret: z.record(z.string(), secretField),
  mcp_origins: z.array(text).min(1),
  tools: z.array(tool).min(1),
  /** A harmless call that shows that the key works. */
  probe: z.strictObject({
    method: text,
    path: text,
    tool: text,
    /** Without which the API refuses it. */
    headers: z.record(z.string(), text).optional(),
    body: text.optional(),
  }),
  clients: z.array(client).min(1),
})

export type Preset = z.output<typeof presetSchema>
export type PresetTool = Preset['tools'][number]
export type PresetSecretField = z.output<typeof secretField>
