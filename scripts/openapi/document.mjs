// A second reading of an OpenAPI description, by other code than the product's: what the import is held to.

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']

/** Every operation, with a path that its parameters are filled in. */
export function inspectDocument(document) {
  const follow = (value) =>
    value?.$ref === undefined
      ? value
      : value.$ref
          .split('/')
          .slice(1)
          .reduce((at, name) => at[name.replaceAll('~1', '/')], document)
  return Object.entries(document.paths).flatMap(([path, item]) =>
    methods
      .filter((method) => item[method])
      .map((method) => {
        const parameters = [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map(follow)
        const several = new Set(
          parameters.filter((one) => one.in === 'path' && one['x-multi-segment']).map(({ name }) => name),
        )
        return {
          method: method.toUpperCase(),
          path,
          sample: sampleOf(path, several),
          hasBody: 'requestBody' in item[method],
        }
      }),
  )
}

/** No value that a description has for literal text; where several segments fit, there are three. */
const sampleOf = (path, several) =>
  path.replaceAll(/\{([^{}]+)\}/g, (_whole, name) => (several.has(name) ? 'Q7a/Q7b/Q7c' : 'Q7x'))

/** Whether a path fits one of a tool's operations of that method; by a regular expression, not by the product's tree. */
export function matcher(operations) {
  const patterns = operations.map((operation) => {
    const { method, path } = typeof operation === 'string' ? split(operation) : operation
    const source = path
      .split(/(\{[^{}]+\})/)
      .map((part) =>
        part.startsWith('{') ? (part.endsWith('...}') ? '.+' : '[^/]+') : part.replaceAll(/[.+?^$()|[\]\\*]/g, '\\$&'),
      )
      .join('')
    return { method, expression: new RegExp(`^${source}$`) }
  })
  return (method, path) => patterns.some((one) => one.method === method && one.expression.test(path))
}

const split = (text) => {
  const [method, path] = text.split(' ')
  return { method, path }
}
