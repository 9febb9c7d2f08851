import type { FieldSchema } from './field.ts'
import type { PathDef } from './path.ts'

const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
    .join('\n')

/** `path-help` on the mount itself: what the engine is, and every path with its synopsis. */
export function rootHelp(description: string, paths: readonly PathDef[]): string {
  const rows = [...paths]
    .sort((a, b) => (a.pattern < b.pattern ? -1 : 1))
    .map((path) => `    ${path.pattern}\n        ${path.synopsis}\n`)
  return `## DESCRIPTION\n\n${description.trim()}\n\n## PATHS\n\nThe following paths are supported by this backend. To view help for\nany of the paths below, use the help command with any route matching\nthe path pattern.\n\n${rows.join('\n')}\n`
}

/** `path-help` on one path. */
export function pathHelp(requested: string, path: PathDef): string {
  const fields = Object.entries(path.fields).map(([name, schema]) => fieldHelp(name, schema))
  const operations = Object.keys(path.operations).join(', ')
  return `Request:        ${requested}\nMatching Route: ${path.pattern}\n\n${path.synopsis}\n\n## OPERATIONS\n\n    ${operations}${path.sudo ? ' (sudo)' : ''}\n\n## PARAMETERS\n\n${fields.join('\n')}\n## DESCRIPTION\n\n${path.description.trim()}\n`
}

function fieldHelp(name: string, schema: FieldSchema): string {
  const facts = [
    schema.type,
    schema.required ? 'required' : '',
    schema.computed ? 'read only' : '',
    schema.default === undefined ? '' : `default ${JSON.stringify(schema.default)}`,
  ]
  const example =
    schema.example === undefined
      ? ''
      : `\nExample: ${typeof schema.example === 'string' ? schema.example : JSON.stringify(schema.example)}`
  return `${indent(`${name} (${facts.filter((fact) => fact !== '').join(', ')})`)}\n${indent(indent(schema.description + example))}\n`
}
