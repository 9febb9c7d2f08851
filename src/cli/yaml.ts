import { stringifyJsonExactly } from '../logical/json.ts'

/** JSON values as block-style YAML 1.2. What could be read as something other than a text is quoted as in JSON, which YAML reads alike. */
export function yaml(value: unknown): string {
  return isScalar(value) ? `${scalar(value)}\n` : block(value as object, '')
}

/** Scalars and empty collections stand behind their key, everything else below it. */
const isScalar = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || Object.keys(value).length === 0

function block(value: object, indent: string): string {
  if (Array.isArray(value))
    return value
      .map((entry: unknown) =>
        isScalar(entry)
          ? `${indent}- ${scalar(entry)}\n`
          : `${indent}- ${block(entry as object, `${indent}  `).slice(indent.length + 2)}`,
      )
      .join('')
  return Object.entries(value)
    .map(([key, member]) => {
      const name = `${indent}${quoted(key)}:`
      // A list may stand as deep as its key.
      return isScalar(member)
        ? `${name} ${scalar(member)}\n`
        : `${name}\n${block(member as object, Array.isArray(member) ? indent : `${indent}  `)}`
    })
    .join('')
}

function scalar(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  return stringifyJsonExactly(value ?? null)
}

const plain = /^[A-Za-z_/][A-Za-z0-9_./@-]*(?: [A-Za-z0-9_./@-]+)*$/
const wordsOfYaml = /^(?:true|false|yes|no|on|off|y|n|null|\.inf|\.nan)$/i

const quoted = (value: string): string =>
  plain.test(value) && !wordsOfYaml.test(value) ? value : JSON.stringify(value)
