// The upstream of the hostile check, as a process of its own: short responses for the honest, awkward ones for the others.
import { createServer } from 'node:http'

const PAGE_BYTES = 10 * 1024 * 1024 - 256
const endless = Buffer.alloc(9 * 1024 * 1024, 'a')

/** Arrays of as many `item` as fit, and the like: each just under `max_response_bytes` at its default. */
const repeated = (item) => `[${item.repeat(Math.floor(PAGE_BYTES / item.length) - 1)}1]`
const makers = {
  integers: () => repeated('1,'),
  decimals: () => repeated('1.0,'),
  objects: () => repeated('{},'),
  strings: () => repeated('"",'),
  nested: () => '['.repeat(PAGE_BYTES / 2) + ']'.repeat(PAGE_BYTES / 2),
  'same-name': () => `{${'"id":1,'.repeat(Math.floor(PAGE_BYTES / 7) - 1)}"id":2}`,
  names: () => `{${Array.from({ length: 500_000 }, (_, index) => `"name${index}":1`).join(',')}}`,
  escapes: () => `["${String.raw`\u0061`.repeat(Math.floor(PAGE_BYTES / 6) - 2)}"]`,
}
const pages = new Map()

function page(name) {
  if (!pages.has(name)) pages.set(name, Buffer.from(makers[name]()))
  return pages.get(name)
}

function respond(request, response) {
  request.resume()
  const [, first, second] = request.url.split('/')
  if (first === 'stream') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: open\n\n')
    return
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  if (first === 'endless') {
    response.write('{"id":"')
    response.write(endless)
  } else if (first === 'page') response.end(page(second))
  else response.end('{"id":1,"name":"thing"}')
}

for (const name of Object.keys(makers)) page(name)
const server = createServer(respond)
server.listen(0, '127.0.0.1', () => {
  console.log(`upstream http://127.0.0.1:${server.address().port}`)
})
