/** The spellings of a tool: `stripe/invoices`, as policies have it `tools/stripe/invoices`, and as ids have it `mcp/tools/stripe/invoices`. */
import { isName } from '../scope/index.ts'

/** The path policies know it by; wildcards are left for who reads it next. Undefined for what is not a tool. */
export function toolPathOf(text: string): string | undefined {
  const segments = text.split('/')
  const isTool = (count: number): boolean => count === 2 || count === 3
  const root = segments.findIndex((segment, index) => segment === 'tools' && isTool(segments.length - index - 1))
  const tool = segments.slice(root + 1)
  return isTool(tool.length) && !tool.includes('') ? ['tools', ...tool].join('/') : undefined
}

/** The same of one tool, without wildcards. */
export function exactToolPathOf(text: string): string | undefined {
  const path = toolPathOf(text)
  return path?.split('/').every(isName) === true ? path : undefined
}
