/**
 * What every HTTP listener of the product does alike, whatever it serves: where it listens, whom it answers, how much of a body
 * it reads, how JSON is read and written. Knows neither Vault's API nor the gateway's: each API words its own error bodies.
 */
export { bracketed, isLoopback, parseListenAddress } from './listen-address.ts'
export type { ListenAddress } from './listen-address.ts'
export { checkFrontDoor, ownHosts } from './front-door.ts'
export type { FrontDoorRefusal } from './front-door.ts'
export { BodyReader, unauthenticatedBodyBytes } from './body.ts'
export type { BodyLimits, BodyShare } from './body.ts'
export { bodyText, parseJson } from './json.ts'
export { defaultJsonLimits } from './json-limits.ts'
export type { JsonLimits } from './json-limits.ts'
export type { HttpRequest, HttpResponse } from './message.ts'
export {
  contentLength,
  hasBody,
  headerValues,
  headersOf,
  isNamed,
  isRepeated,
  originForm,
  singleHeader,
} from './request.ts'
export { streamResponse, writeResponse } from './response.ts'
export { breakOff } from './break-off.ts'
