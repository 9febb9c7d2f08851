/** How an upstream takes its key, and how its clients write it: the fields `auth` and `token_alias`. */
import { isListable, isOverrideParameter, placementsIn } from '../scope/index.ts'
import type { Placement, PlacementKind, Template } from '../scope/index.ts'
import { isFramingHeader, isHeaderName } from './header-name.ts'
import { mintingExamples, mintingFault } from './minting.ts'
import type { DocumentProblem } from './problem.ts'

export const authFields = {
  auth: {
    type: 'string',
    joined: true,
    description:
      'Where the key is put into a request, and where clients put the phantom token: bearer, basic, basic:{user}:{pass}, header:<Name>[=<template>], query:<name>[=<template>], path:<template>, body:<field>[=<template>] or none; several with commas between. {name} in a template is a field of the secret, for example header:Authorization=Bot {api_key}; without a template it is kv_field. Or it signs, with the fields access_key_id and secret_access_key: aws_sigv4:<service>/<region>. Or it is exchanged for a short-lived one: oauth2_client_credentials:<token URL>[;scope=…][;audience=…][;resource=…][;client_auth=post], oauth2_refresh:<token URL>[;…][;client_auth=post|none], github_app:<app>/<installation>[;api=…], google_service_account:<scopes>[;subject=…][;token_url=…].',
    example: 'bearer',
    default: 'bearer',
  },
  token_alias: {
    type: 'string',
    description:
      'What clients that check the format of keys may write before the phantom token, for example sk_test_; {token} says where the token stands if something follows it. Removed before the token is looked at.',
    example: 'sk_test_',
  },
} as const

/** An entry has to fit a value of KV's custom metadata, beside others. */
const LONGEST_PLACEMENT = 256
const MOST_PLACEMENTS = 8
const ways =
  'bearer, basic, basic:{user}:{pass}, header:<Name>, query:<name>, path:<template>, body:<field>, several of these with commas between, aws_sigv4:<AWS service>/<region>, oauth2_client_credentials:<token URL>, oauth2_refresh:<token URL>, github_app:<app>/<installation>, google_service_account:<scope> or none'

/** `allowPrivate`: the document's `allow_private_addresses`, as far as it is known. */
export function authProblems(auth: unknown, allowPrivate?: unknown): readonly DocumentProblem[] {
  if (typeof auth !== 'string') return []
  const placements = placementsIn(auth)
  const found =
    auth.trim() === auth
      ? placements.map((placement) => placementFault(placement, allowPrivate)).find((fault) => fault !== undefined)
      : { problem: 'must not begin or end with a space' }
  const fault = found ?? listFault(placements)
  return fault === undefined ? [] : [{ field: 'auth', example: 'header:X-Api-Key', ...fault }]
}

interface Fault {
  readonly value?: string
  readonly problem: string
  readonly example?: string
}

function placementFault(placement: Placement, allowPrivate: unknown): Fault | undefined {
  const { kind, text, template, minting } = placement
  if (kind === undefined) return { value: text, problem: `is not a way to send a key: ${ways}` }
  const fault =
    text.length > LONGEST_PLACEMENT
      ? `is longer than ${String(LONGEST_PLACEMENT)} characters`
      : (nameFault(placement) ??
        (template && templateFault(kind, template)) ??
        (minting && mintingFault(minting, allowPrivate)))
  if (fault !== undefined)
    return { value: text, problem: fault, example: minting ? mintingExamples[minting.kind] : examples[kind] }
  // What the key's owner could not list could never be used.
  return isListable(text)
    ? undefined
    : {
        value: text,
        problem: "must be printable ASCII without two spaces in a row, because the key's owner lists it in mcp_auth",
      }
}

const examples: Readonly<Record<PlacementKind, string>> = {
  minted: mintingExamples.github_app,
  bearer: 'bearer',
  basic: 'basic:{user}:{pass}',
  header: 'header:X-Api-Key={api_key}',
  query: 'query:api_key',
  path: 'path:/bot{api_key}',
  body: 'body:token',
  none: 'none',
  aws_sigv4: 'aws_sigv4:s3/eu-central-1',
}

function nameFault({ kind, name, signing }: Placement): string | undefined {
  if (signing && !/^[a-z0-9-]{1,64}\/[a-z0-9-]{1,64}$/.test(`${signing.service}/${signing.region}`))
    return 'must name a service and a region of AWS, with a slash between'
  if (kind === 'header' && (!isHeaderName(name) || isFramingHeader(name)))
    return 'does not name a header that may carry a key'
  if ((kind === 'query' && !/^[A-Za-z0-9_.~-]{1,64}$/.test(name)) || isOverrideParameter(name))
    return 'does not name a query parameter that may carry a key'
  // A name that servers take apart (`a[b]`, `a.b`) would be another field for some of them.
  if (kind === 'body' && !/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name))
    return 'does not name a body field that may carry a key'
  return undefined
}

function templateFault(kind: PlacementKind, { literals, fields }: Template): string | undefined {
  if (fields.length === 0) return 'has a template without a field of the secret in braces'
  if (literals.some((literal) => /[{}]/.test(literal)))
    return 'has a brace in its template that belongs to no field; a field is a name of letters, digits, _ . -'
  if (literals.slice(1, -1).includes('')) return 'has two fields with nothing between them'
  if (kind === 'basic' && !literals.some((literal) => literal.includes(':')))
    return 'has no colon between user and password'
  if (kind === 'header' && literals.at(-1)!.endsWith(' ')) return 'ends with a space'
  return kind === 'path' ? pathFault(literals) : undefined
}

/** RFC 3986, 3.3: what is sent must be what is written here, in whole segments. */
function pathFault(literals: readonly string[]): string | undefined {
  if (literals.some((literal) => !/^[A-Za-z0-9._~!$&'()*+=:@/-]*$/.test(literal)))
    return 'has a character in its path that is not sent as it is'
  const segments = literals.join('x').split('/')
  if (segments.shift() !== '' || segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    return 'must be one or more path segments, each after a slash'
  return undefined
}

function listFault(placements: readonly Placement[]): Fault | undefined {
  if (placements.length > MOST_PLACEMENTS) return { problem: `must have at most ${String(MOST_PLACEMENTS)} places` }
  const alone = placements.find(({ kind }) => kind === 'none' || kind === 'minted' || kind === 'aws_sigv4')
  if (alone && placements.length > 1) return { problem: `must not name other places beside ${alone.text}` }
  const places = placements.map(placeOf)
  const twice = places.find((place, at) => places.indexOf(place) !== at)
  return twice === undefined ? undefined : { problem: `names ${twice} twice` }
}

function placeOf({ kind, name }: Placement): string {
  if (kind === 'bearer' || kind === 'basic') return 'the header authorization'
  if (kind === 'path') return 'the path'
  return `the ${kind === 'query' ? 'query parameter' : kind === 'body' ? 'body field' : 'header'} ${name.toLowerCase()}`
}

/** Unset, or empty as `vault write token_alias=` makes it: none. */
export function aliasProblems(alias: unknown): readonly DocumentProblem[] {
  if (typeof alias !== 'string' || alias === '') return []
  const problem = /^[A-Za-z0-9._~:+/=-]{0,64}(?:\{token\}[A-Za-z0-9._~:+/=-]{1,64})?$/.test(alias)
    ? undefined
    : 'must be at most 64 letters, digits and . _ ~ : + / = - before the token, and as many after {token}'
  return problem === undefined ? [] : [{ field: 'token_alias', problem, example: 'sk_test_' }]
}
