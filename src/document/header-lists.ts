/** Which header names an operator may write where. */
import { isFramingHeader, isFramingName, isHeaderName } from './header-name.ts'
import type { DocumentProblem } from './problem.ts'

const credential =
  /^(?:authorization|proxy-authorization|cookie2?|x-vault-token)$|(?:api[-_]?key|token|secret|password|credential|signature)/i
const LONGEST_HEADER_VALUE = 1024

/** What is wrong with the headers an operator adds to every request. */
export function headerProblems(headers: unknown): readonly DocumentProblem[] {
  if (typeof headers !== 'object' || headers === null) return []
  return Object.entries(headers).flatMap(([name, value]) => headerProblem(name, value) ?? [])
}

function headerProblem(name: string, value: unknown): DocumentProblem | undefined {
  const base = { field: 'headers', key: name, example: { 'Stripe-Version': '2025-03-31' } }
  // A name this long is not a header but something that went to the wrong place, and is not repeated.
  const shown = name.length > 64 ? `(${String(name.length)} characters)` : JSON.stringify(name)
  if (credential.test(name) && isHeaderName(name) && !isFramingName(name))
    return {
      ...base,
      subject: `headers: ${shown}`,
      problem: 'carries a credential',
      advice: `Put the key into KV and name its place with auth, for example auth=header:${name.slice(0, 64)}.`,
    }
  if (!isHeaderName(name) || isFramingHeader(name))
    return { ...base, subject: `headers: ${shown}`, problem: 'is not a header that can be added' }
  if (value === undefined) return undefined
  if (typeof value !== 'string' || /[^\t\x20-\x7e]/.test(value) || value.length > LONGEST_HEADER_VALUE)
    return { ...base, subject: `headers.${name}`, problem: 'must be a printable text on one line' }
  return undefined
}
