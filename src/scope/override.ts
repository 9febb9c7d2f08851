/** Ways in which a request can name another operation than the one in its request line, as frameworks and servers read them. */

const headers = new Set([
  'destination',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-method',
  'x-original-url',
  'x-original-uri',
  'x-override-url',
  'x-rewrite-url',
  'x-forwarded-method',
  'x-forwarded-path',
  'x-forwarded-uri',
  'x-forwarded-url',
])

/** Rack, Express, Symfony and ASP.NET read the method, IIS, Symfony and Zend the URL from such a header; COPY and MOVE (RFC 4918) write where `Destination` says. */
export const isOverrideHeader = (name: string): boolean => headers.has(name.toLowerCase().replaceAll('_', '-'))

/**
 * Rails, Laravel, Symfony and method-override read the method from `_method`; PHP makes that of `.method` and `[method` too. Salesforce
 * reads it from `_HttpMethod`, and services behind Google's RPC libraries from `$httpMethod`, and headers from `$httpHeaders`.
 */
export const isOverrideParameter = (name: string): boolean =>
  /^(?:[_. [+](?:http)?method|\$http(?:method|headers))(?:$|[[\].\0])/.test(
    name
      .normalize('NFKC')
      .toLowerCase()
      .replace(/^\s+(?=[_.[$])/, ''),
  )
