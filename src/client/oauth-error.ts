/**
 * Errors that the MCP SDK's bearer middleware recognises, in either of its lines, without depending on one. Line 1.x tells an
 * error by its class. Line 2.x tells it by a brand: a set of names under a symbol of the global registry, so that copies of the
 * SDK recognise each other's errors. What is thrown here is of the class where 1.x is installed, and carries the brand always.
 */
import { createRequire } from 'node:module'

type OAuthErrorCode = 'invalid_token' | 'server_error'
type OAuthErrorClass = new (message: string) => Error

/** The error classes of one copy of SDK 1.x. */
export interface OAuthErrorClasses {
  readonly InvalidTokenError: OAuthErrorClass
  readonly ServerError: OAuthErrorClass
}

/** Of SDK 2.x: what its `instanceof` looks for, and the name of its one OAuth error class. */
const BRANDS = Symbol.for('mcp.sdk.errorBrands')
const OAUTH_BRAND = 'mcp.OAuthError'

/** `code` and `toResponseObject` are how 2.x reads an error, `errorCode` is how 1.x does. */
export function oauthError(classes: OAuthErrorClasses, code: OAuthErrorCode, message: string): Error {
  const error = new (code === 'invalid_token' ? classes.InvalidTokenError : classes.ServerError)(message)
  // Not enumerable, so that an error prints and serialises as the SDK's own does.
  if (!Object.hasOwn(error, BRANDS))
    Object.defineProperty(error, BRANDS, { value: new Set([OAUTH_BRAND]), configurable: true })
  return Object.defineProperty(error, 'code', { value: code, configurable: true })
}

/** Where the middleware of SDK 1.x lies in a CommonJS program, whichever copy of it that program loaded. */
const COMMONJS_MIDDLEWARE =
  /[\\/]@modelcontextprotocol[\\/]sdk[\\/]dist[\\/]cjs[\\/]server[\\/]auth[\\/]middleware[\\/]bearerAuth\.js$/

let imported: Promise<OAuthErrorClasses> | undefined

/**
 * The classes the middleware in use compares with. SDK 1.x is two copies of itself, one for `require` and one for `import`, whose
 * classes differ; `require` leaves a trace of what was loaded, so the copy of a CommonJS program is found wherever it lies.
 */
export async function errorClassesInUse(): Promise<OAuthErrorClasses> {
  const require = createRequire(import.meta.url)
  const middleware = Object.keys(require.cache).find((file) => COMMONJS_MIDDLEWARE.test(file))
  if (middleware !== undefined) return createRequire(middleware)('../errors.js') as OAuthErrorClasses
  return (imported ??= importErrors())
}

/** The SDK is an optional peer. Where 1.x is absent nobody checks for its classes, and their shape is enough. */
async function importErrors(): Promise<OAuthErrorClasses> {
  try {
    return await import('@modelcontextprotocol/sdk/server/auth/errors.js')
  } catch {
    return {
      InvalidTokenError: ownClass('InvalidTokenError', 'invalid_token'),
      ServerError: ownClass('ServerError', 'server_error'),
    }
  }
}

const ownClass = (name: string, errorCode: OAuthErrorCode): OAuthErrorClass =>
  class extends Error {
    override readonly name = name
    readonly errorCode = errorCode
    toResponseObject(): Record<string, string> {
      return { error: errorCode, error_description: this.message }
    }
  }
