import { z } from 'zod'
import { defaultJsonLimits } from '../http/index.ts'
import type { JsonLimits } from '../http/index.ts'
import { isHeaderName } from '../document/index.ts'
import { durationSeconds } from '../framework/duration.ts'
import { nearest } from './suggest.ts'

/** What configuration files are made of. Every refusal is a sentence that shows an example; the setting's name is put before it. */

interface Issue {
  readonly input?: unknown
}

const wanted =
  (what: string, example: string) =>
  ({ input }: Issue): string =>
    input === undefined ? `is missing, for example ${example}` : `must be ${what}, for example ${example}`

/** A block with these settings and no others. */
export function block<S extends z.core.$ZodLooseShape>(shape: S, example: string): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => unknownSetting(key, known)).join('; ')
        : wanted('a block', example)(issue),
  })
}

function unknownSetting(key: string, known: readonly string[]): string {
  const meant = nearest(key, known)
  return `there is no setting ${JSON.stringify(key)} here; ${meant === undefined ? `known settings are ${known.join(', ')}` : `did you mean ${meant}?`}`
}

/** Blocks distinguished by a name: `service_token "billing" { … }`. */
export const blocks = <T extends z.ZodType>(each: T, example: string): z.ZodRecord<z.ZodString, T> =>
  z.record(z.string(), each, { error: wanted('named blocks', example) })

export function text(example: string): z.ZodString {
  const error = wanted('a text', JSON.stringify(example))
  return z.string({ error }).min(1, { error })
}

export const texts = (example: string): z.ZodArray<z.ZodString> =>
  z.array(text(example), { error: wanted('a list of strings', JSON.stringify([example])) })

export const yesOrNo = (example: boolean): z.ZodBoolean =>
  z.boolean({ error: wanted('true or false', String(example)) })

export const oneOf = <const T extends readonly string[]>(options: T) =>
  z.enum(options, { error: wanted(`one of ${options.join(', ')}`, JSON.stringify(options[0])) })

/** Seconds, or Vault's spelling of a duration: `30`, `"30s"`, `"2m"`. */
export const seconds = (example: number) =>
  z
    .union([z.number(), z.string()], {
      error: wanted('seconds or a duration', `${String(example)} or "${String(example)}s"`),
    })
    .transform((given, context) => {
      const value = typeof given === 'number' ? given : durationSeconds(given)
      if (value !== undefined && value > 0 && value <= 3600) return value
      context.addIssue({
        code: 'custom',
        message: `must be more than 0 and at most 3600 seconds, for example ${String(example)} or "${String(example)}s"`,
      })
      return z.NEVER
    })

export const atLeastOne = (example: number) =>
  z
    .int({ error: wanted('a whole number', String(example)) })
    .min(1, { error: `must be at least 1, for example ${String(example)}` })

export const logLevel = oneOf(['error', 'warn', 'info', 'debug', 'trace'])

const count = (example: number) => {
  const error = wanted('a whole number of at least 1', String(example))
  return z.int({ error }).min(1, { error }).optional()
}

/** Vault's names; the last two are OpenBao's. */
const jsonSettings = {
  max_json_depth: count(300),
  max_json_string_value_length: count(1_048_576),
  max_json_object_entry_count: count(10_000),
  max_json_array_element_count: count(10_000),
  max_json_token: count(500_000),
  max_request_json_memory: count(34_078_720),
  max_request_json_strings: count(1000),
}

/** What a listener's settings say of JSON, where they say anything. */
export function jsonLimitsOf(settings: object): Partial<JsonLimits> {
  const names = Object.keys(defaultJsonLimits)
  return Object.fromEntries(
    Object.entries(settings).filter(([name, value]) => names.includes(name) && value !== undefined),
  )
}

const loopback = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\]):/

export const address = (example: string) =>
  text(example).refine(
    (given) => {
      const port = /^(?:\[[0-9A-Fa-f:.]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(given)?.[1]
      return port !== undefined && Number(port) <= 65_535
    },
    { error: `must be host:port, for example "${example}"`, abort: true },
  )

/**
 * Where to listen. An address other machines can reach needs TLS, because tokens and keys' consent travel over it; one that stands
 * for every interface names no host, so the names to answer to must be listed.
 */
export const listener = (example: string) =>
  block(place(example), `{ address = "${example}" }`).superRefine(tlsCheck(example))

/** The gateway's listener: how much JSON bodies may hold, and how `/check` is served. */
export const gatewayListener = (example: string) =>
  block({ ...place(example), ...jsonSettings, ...checkSettings }, `{ address = "${example}" }`).superRefine(
    tlsCheck(example),
  )

const checkSettings = {
  /** Anyone who reaches the listener may ask /check. */
  check_open: yesOrNo(true).default(false),
  check_scope_header: text('X-Required-Scope')
    .refine((name) => isHeaderName(name) && !isReservedHeader(name), {
      error: 'must be the name of a header of its own, for example "X-Required-Scope"',
    })
    .optional(),
}

/** Headers that say something else to `/check`. */
const isReservedHeader = (name: string): boolean =>
  ['authorization', 'x-gateway-token', 'host', 'content-length', 'transfer-encoding'].includes(name.toLowerCase())

/** A listener of Vault's API. */
export const vaultListener = (example: string) =>
  block(
    { ...place(example), ...jsonSettings, max_request_size: count(33_554_432) },
    `{ address = "${example}" }`,
  ).superRefine(tlsCheck(example))

const place = (example: string) => ({
  address: address(example),
  tls_cert_file: text('/etc/mcp-vault/tls.crt').optional(),
  tls_key_file: text('/etc/mcp-vault/tls.key').optional(),
})

interface Place {
  readonly address: string
  readonly tls_cert_file?: string | undefined
  readonly tls_key_file?: string | undefined
}

const tlsCheck =
  (example: string) =>
  ({ address: at, tls_cert_file: cert, tls_key_file: key }: Place, context: z.core.$RefinementCtx): void => {
    const refuse = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message })
    }
    if ((cert === undefined) !== (key === undefined)) {
      const absent = cert === undefined ? 'tls_cert_file' : 'tls_key_file'
      refuse(absent, 'is missing; a certificate and its key are given together')
    } else if (cert === undefined && !loopback.test(at)) {
      refuse(
        'address',
        `"${at}" can be reached from other machines, so it needs TLS: give tls_cert_file and tls_key_file, or listen on "${example}"`,
      )
    }
  }

/** `0.0.0.0` and `[::]` are not names a client asks for. */
export const isAnyAddress = (at: string): boolean => /^(?:0(?:\.0){3}|\[[0:]+\]):/.test(at)
