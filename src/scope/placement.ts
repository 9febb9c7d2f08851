/**
 * Where an upstream takes its key: one entry of `auth`, as an owner's `mcp_auth` lists it. Reading is lenient, because consent is
 * judged of whatever stands in a document; what a document may hold is for src/document.
 */

import { mintingIn } from './minted.ts'
import type { Minting } from './minted.ts'

/** Text around fields of the secret: `Bot {api_key}` has the literals `Bot ` and an empty one, and one field. */
export interface Template {
  /** One more than fields. */
  readonly literals: readonly string[]
  readonly fields: readonly string[]
}

export type PlacementKind = 'bearer' | 'basic' | 'header' | 'query' | 'path' | 'body' | 'minted' | 'aws_sigv4' | 'none'

export interface Placement {
  /** Undefined = no way to send a key. */
  readonly kind: PlacementKind | undefined
  /** As it is written, and listed. */
  readonly text: string
  /** Of the header, query parameter or body field; empty for the others. */
  readonly name: string
  /** Undefined = the upstream's `kv_field`, with what its kind puts around it. */
  readonly template: Template | undefined
  /** Of kind `minted`: how; what it yields is sent as a bearer token. */
  readonly minting?: Minting | undefined
  /** Of kind `aws_sigv4`: whose signature the service expects. */
  readonly signing?: Signing | undefined
}

/** AWS Signature Version 4, by the secret's `access_key_id` and `secret_access_key`: `aws_sigv4:s3/eu-central-1`. */
export interface Signing {
  readonly service: string
  readonly region: string
  readonly fields: readonly ['access_key_id', 'secret_access_key']
}

/** Neither a template nor a list of consent can hold a comma, so that both are read alike. */
export const placementsIn = (auth: string): readonly Placement[] =>
  auth.split(',').map((entry) => placementOf(entry.trim()))

/** False where calls are made without any key. */
export const takesKey = (auth: string): boolean => placementsIn(auth).some(({ kind }) => kind !== 'none')

function placementOf(text: string): Placement {
  if (text === 'bearer' || text === 'basic' || text === 'none')
    return { kind: text, text, name: '', template: undefined }
  const minting = mintingIn(text)
  if (minting) return { kind: 'minted', text, name: '', template: undefined, minting }
  const signing = signingIn(text)
  if (signing) return { kind: 'aws_sigv4', text, name: '', template: undefined, signing }
  const [, kind, rest] = /^(basic|header|query|path|body):(.*)$/s.exec(text) ?? []
  if (rest === undefined) return { kind: undefined, text, name: '', template: undefined }
  if (kind === 'basic' || kind === 'path') return { kind, text, name: '', template: readTemplate(rest) }
  const equals = rest.indexOf('=')
  return {
    kind: kind as PlacementKind,
    text,
    name: equals < 0 ? rest : rest.slice(0, equals),
    template: equals < 0 ? undefined : readTemplate(rest.slice(equals + 1)),
  }
}

function signingIn(text: string): Signing | undefined {
  const [, service, region] = /^aws_sigv4:([^/]*)\/(.*)$/s.exec(text) ?? []
  if (service === undefined || region === undefined) return undefined
  return { service, region, fields: ['access_key_id', 'secret_access_key'] }
}

export function readTemplate(text: string): Template {
  // With a group in it, what is split at stands between the parts.
  const parts = text.split(/\{([A-Za-z0-9_.-]{1,64})\}/)
  return {
    literals: parts.filter((_, at) => at % 2 === 0),
    fields: parts.filter((_, at) => at % 2 === 1),
  }
}

/** The secret's fields that are sent or exchanged, each once. */
export function fieldsOf(auth: string, kvField: string): readonly string[] {
  const placements = placementsIn(auth).filter(({ kind }) => kind !== 'none')
  return [
    ...new Set(
      placements.flatMap(
        ({ template, minting, signing }) => minting?.fields ?? signing?.fields ?? template?.fields ?? [kvField],
      ),
    ),
  ]
}

/** A template with one field, after at most one scheme word: `Bot {api_key}`. */
export const isPlainTemplate = (template: Template | undefined): boolean =>
  template === undefined ||
  (template.fields.length === 1 &&
    template.literals[1] === '' &&
    /^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+ )?$/.test(template.literals[0]!))

/** Origins beside the upstream's own that are sent something the secret's fields prove. */
export const tokenOrigins = (auth: string): readonly string[] =>
  placementsIn(auth).flatMap(({ minting }) =>
    minting && URL.canParse(minting.tokenUrl) ? [new URL(minting.tokenUrl).origin] : [],
  )
