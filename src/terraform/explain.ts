/** Failures of the server as diagnostics: at the attribute they are about, and with what is missing. */
import { Refusal, fault, splitSentence, warning } from './protocol/diagnostic.ts'
import type { Diagnostic, Path } from './protocol/diagnostic.ts'
import { CallFailure } from './call-failure.ts'
import type { Server } from './server.ts'

export interface Subject {
  /** The attribute that holds a field of the engine's; undefined for a field without one. */
  readonly attributeOf: (field: string) => string | undefined
  /** Where to point when the engine names no field. */
  readonly otherwise?: Path
  /** Capabilities a write needs, where they are others than those of an upsert. */
  readonly writeNeeds?: readonly string[]
}

const subjectPattern = /^([a-z][a-z0-9_]*)((?:\[\d+\])*)(?:\.([\w-]+))?(, line \d+)?(?::\s+|\s+)/

/**
 * The engine's sentences begin with the field they are about: `scopes[0]: "read:*" covers every upstream. Name a resource, …`
 * becomes a summary, a detail, and a path down to the item. Sentences about nothing in particular keep all of their words.
 */
export function locate(
  sentence: string,
  { attributeOf, otherwise }: Subject,
): { readonly summary: string; readonly detail: string; readonly path?: Path } {
  const [whole = '', field = '', indices = '', key, line = ''] = subjectPattern.exec(sentence) ?? []
  const attribute = attributeOf(field)
  if (attribute === undefined) return { ...splitSentence('', sentence), ...(otherwise && { path: otherwise }) }
  const steps = [...indices.matchAll(/\d+/g)].map(([index]) => Number(index))
  const path: Path = [attribute, ...steps, ...(key === undefined ? [] : [{ key }])]
  return {
    ...splitSentence(
      `${attribute}${indices}${key === undefined ? '' : `.${key}`}${line}`,
      sentence.slice(whole.length),
    ),
    path,
  }
}

/** The engine accepted what it was sent, with these remarks. */
export function warningDiagnostics(warnings: readonly string[] | null | undefined, subject: Subject): Diagnostic[] {
  return (warnings ?? []).map((text) => {
    const { summary, detail, path } = locate(text, subject)
    return warning(summary, detail, path)
  })
}

/** Ends the operation with what `error` means to the user. What is not a failure of the server is thrown on as it is. */
export async function explain(error: unknown, server: Server, subject: Subject): Promise<never> {
  if (!(error instanceof CallFailure)) throw error
  const { kind, errors } = error.error
  if (kind === 'bad_request' || kind === 'not_found') {
    const found = (errors.length > 0 ? errors : [error.message]).map((text) => {
      const { summary, detail, path } = locate(text.trim(), subject)
      return fault(summary, detail, path)
    })
    throw new Refusal(...(found as [Diagnostic]))
  }
  throw new Refusal(
    kind === 'permission_denied' ? await missingCapability(error, server, subject) : outage(error, subject),
  )
}

function outage({ error, method, path, message }: CallFailure, { otherwise }: Subject): Diagnostic {
  if (error.kind === 'unsupported_path')
    return fault(
      `Nothing is mounted at ${path}`,
      `The server says: ${message}. Enable the engine, for example with vault secrets enable -path=${path.split('/')[0] ?? 'mcp'} mcp, or set mount in the provider block.`,
      otherwise,
    )
  if (error.kind === 'sealed') return fault('The server is sealed', 'Unseal it, and run again.')
  const summary =
    error.status === 0
      ? `${message.charAt(0).toUpperCase()}${message.slice(1)}`
      : `The server could not answer ${method} ${path}`
  return fault(
    summary,
    error.status === 0
      ? 'Check the address in the provider block or VAULT_ADDR, and that the server runs.'
      : `It says: ${message} (status ${String(error.status)}). Nothing is known about what it did; run again.`,
  )
}

const needed: Readonly<Record<string, readonly string[]>> = {
  GET: ['read'],
  LIST: ['list'],
  POST: ['create', 'update'],
  PUT: ['create', 'update'],
  PATCH: ['patch'],
  DELETE: ['delete'],
}
const all = ['create', 'read', 'update', 'delete', 'list', 'patch', 'sudo']

async function missingCapability(
  { method, path, message }: CallFailure,
  server: Server,
  { otherwise, writeNeeds }: Subject,
): Promise<Diagnostic> {
  const wanted = (method === 'POST' || method === 'PATCH' ? writeNeeds : undefined) ?? needed[method] ?? []
  const has = await capabilities(server, path)
  const missing = wanted.filter((capability) => has?.includes(capability) !== true)
  const list = (words: readonly string[]) => words.map((word) => JSON.stringify(word)).join(' and ')
  // It has what this needs: then it is a rule about parameters, or about the fields of the request.
  if (missing.length === 0)
    return fault(
      `The server refuses ${method} ${path}`,
      `It says: ${message}. The token has ${list(wanted)} there, so a rule on parameters or an Endpoint Governing Policy may stand against it.`,
      otherwise,
    )
  const present = (has ?? []).filter((capability) => all.includes(capability))
  const policy = `path "${path}" {\n  capabilities = [${[...present, ...missing]
    .sort()
    .map((word) => JSON.stringify(word))
    .join(', ')}]\n}`
  return fault(
    `The token lacks ${list(missing)} on ${path}`,
    `${has === undefined ? 'The server says: permission denied.' : `It has ${present.length > 0 ? list(present) : 'no capability'} there.`} Add to its policy:\n\n${policy}`,
    otherwise,
  )
}

/** Undefined where the token may not even ask for them. */
async function capabilities(server: Server, path: string): Promise<readonly string[] | undefined> {
  try {
    const { data } = await server.request('POST', 'sys/capabilities-self', { body: { paths: [path] }, within: 5_000 })
    const found = data?.[path] ?? data?.capabilities
    return Array.isArray(found) ? found.filter((word): word is string => typeof word === 'string') : undefined
  } catch {
    return undefined
  }
}
