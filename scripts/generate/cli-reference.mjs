// vault-config/cli-reference.md: every path of the engine with its operations, fields and lines to type.
import { blocks, code, fence, generated, prose, table } from './markdown.mjs'

const MOUNT = 'mcp'
const typeNames = {
  int: 'integer',
  bool: 'boolean',
  duration: 'seconds, or a text such as `15m`',
  list: 'list of strings',
  lists: 'object of lists of strings',
  object: 'object',
  objects: 'list',
  any: 'anything',
  string: 'string',
}

export function cliReference(paths) {
  return blocks(
    '# CLI reference',
    generated('the paths of src/mcp'),
    `Every path of the engine, mounted at ${code(`${MOUNT}/`)}. Every line also works with ${code('vault')} or ${code('bao')} instead of ${code('mcp-vault')}; the server says the same of a path with ${code(`mcp-vault path-help ${MOUNT}/<path>`)}. Values of lists and objects may be given as JSON too.`,
    table(
      ['path', 'what it is'],
      paths.map((path) => [`[${code(path.pattern)}](#${anchor(path.pattern)})`, path.synopsis]),
    ),
    paths.map(section),
  )
}

/** As forges make them of headings. */
const anchor = (pattern) => pattern.toLowerCase().replaceAll(/[^a-z0-9 _-]/g, '')

function section(path) {
  const names = captures(path)
  const fields = Object.entries(path.fields)
  const given = fields.filter(([name, field]) => !field.computed && !names.includes(name))
  const responseFields = fields.filter(([, field]) => field.computed)
  return [
    `## ${code(path.pattern)}`,
    prose(`${path.synopsis} ${path.description}`),
    `Operations: ${Object.keys(path.operations).map(code).join(', ')}${path.sudo ? '; needs the capability `sudo`' : ''}.`,
    fence('sh', exampleLines(path).join('\n')),
    names.length > 0 &&
      table(
        ['in the path', 'what it is', 'example'],
        names.map((name) => [
          code(`:${name}`),
          prose(path.fields[name].description),
          code(String(path.fields[name].example)),
        ]),
      ),
    given.length > 0 &&
      table(
        ['field', 'type', 'default', 'what it is', 'example'],
        given.map(([name, field]) => [
          code(name),
          typeOf(field),
          defaultOf(field),
          described(field),
          code(argument(name, field)),
        ]),
      ),
    responseFields.length > 0 &&
      table(
        ['response field', 'type', 'what it is', 'example'],
        responseFields.map(([name, field]) => [
          code(name),
          answerType(field),
          prose(field.description),
          code(text(field.example)),
        ]),
      ),
  ]
}

export const captures = (path) => [...path.pattern.matchAll(/:(\w+)/g)].map(([, name]) => name)
const typeOf = (field) =>
  field.allowed ? `${typeNames[field.type]}: ${field.allowed.map(code).join(', ')}` : typeNames[field.type]
const answerType = (field) => (field.type === 'duration' ? 'seconds' : typeNames[field.type])
const defaultOf = (field) =>
  field.required ? '**required**' : field.default === undefined || field.default === '' ? '' : code(text(field.default))
const described = (field) =>
  `${prose(field.description)}${field.secret ? ' Secret: give it from a file or by `-` from standard input.' : ''}`
const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value))

/** Where a path is written in examples: `mcp/upstreams/stripe`. */
export function examplePath(path) {
  return `${MOUNT}/${path.pattern.replaceAll(/:(\w+)(?:\.\.\.)?/g, (_capture, name) => path.fields[name].example).replace(/\/$/, '')}`
}

/** What an example of a write gives, by field. */
export function exampleData(path) {
  const names =
    path.example_fields ??
    Object.entries(path.fields)
      .filter(([, field]) => field.required)
      .map(([name]) => name)
  return Object.fromEntries(names.map((name) => [name, path.fields[name].example]))
}

function exampleLines(path) {
  const at = examplePath(path)
  const words = Object.keys(exampleData(path)).map((name) => argument(name, path.fields[name]))
  const lines = {
    write: words.length > 0 ? `mcp-vault write ${at} ${words.join(' ')}` : `mcp-vault write -f ${at}`,
    read: `mcp-vault read ${at}`,
    list: `mcp-vault list ${at}`,
    patch: `mcp-vault patch ${at} ${words.join(' ')}`,
    delete: `mcp-vault delete ${at}`,
  }
  return Object.entries(lines)
    .filter(([operation]) => path.operations[operation])
    .map(([, line]) => line)
}

/** `url=https://api.stripe.com`, quoted for a shell where it must be. */
function argument(name, field) {
  if (field.secret) return `${name}=-`
  const { example } = field
  const simple = Array.isArray(example) && example.every((item) => typeof item === 'string' && !/,|^[[{]/.test(item))
  return quoted(`${name}=${simple ? example.join(',') : text(example)}`)
}

const quoted = (word) => (/^[\w@%+=:,./-]*$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
