// Repositories over smart HTTP as hosting services serve them: git's own http-backend behind Basic authentication.
import { spawn } from 'node:child_process'
import { bodyOf, respond } from '../harness/fake.mjs'

/** Serves the repositories in `root` to whoever has the key as password. */
export const gitServer = (root, key) => async (request, response) => {
  const body = await bodyOf(request)
  const credentials = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const [user, password] = Buffer.from(credentials, 'base64').toString().split(':')
  if (password !== key) return respond(response, 401, '', { 'www-authenticate': 'Basic realm="git"' })
  return answer(root, user, request, response, body)
}

/** RFC 3875: the request as environment and standard input, the response as standard output. */
function environmentOf(root, user, { method, url, headers }) {
  const { pathname, search } = new URL(url, 'http://upstream')
  const named = {
    CONTENT_TYPE: headers['content-type'],
    CONTENT_LENGTH: headers['content-length'],
    HTTP_CONTENT_ENCODING: headers['content-encoding'],
    GIT_PROTOCOL: headers['git-protocol'],
  }
  return {
    PATH: process.env.PATH,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_CONFIG_NOSYSTEM: '1',
    REMOTE_USER: user,
    REMOTE_ADDR: '127.0.0.1',
    REQUEST_METHOD: method,
    PATH_INFO: decodeURIComponent(pathname),
    QUERY_STRING: search.slice(1),
    ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)),
  }
}

function answer(root, user, request, response, body) {
  const backend = spawn('git', ['http-backend'], {
    env: environmentOf(root, user, request),
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  // It may answer without having read all of it.
  backend.stdin.on('error', () => undefined)
  backend.stdin.end(body)
  const output = []
  backend.stdout.on('data', (chunk) => output.push(chunk))
  return new Promise((over, failed) => {
    backend.on('error', failed)
    backend.on('close', (code) => {
      if (code === 0) send(response, Buffer.concat(output))
      else response.destroy()
      over()
    })
  })
}

function send(response, output) {
  const end = output.indexOf('\r\n\r\n')
  const fields = output
    .subarray(0, end)
    .toString()
    .split('\r\n')
    .map((line) => /^(.*?): *(.*)$/.exec(line).slice(1))
  const status = Number.parseInt(fields.find(([name]) => name === 'Status')?.[1] ?? '200', 10)
  response.writeHead(status, fields.filter(([name]) => name !== 'Status').flat())
  response.end(output.subarray(end + 4))
}

const SIDEBAND = { data: 1, progress: 2 }

/**
 * A response in pkt-lines with its sideband joined: how the data is cut into packets, and how often progress is told, is chance.
 * Anything else stays as it is.
 */
export function readPackets(body) {
  const packets = []
  for (let at = 0; at < body.length;) {
    const length = Number.parseInt(body.toString('latin1', at, at + 4), 16)
    if (Number.isNaN(length) || at + length > body.length) return body
    const payload = body.subarray(at + 4, at + Math.max(length, 4))
    if (payload[0] === SIDEBAND.data) packets.push(payload.subarray(1))
    else if (payload[0] !== SIDEBAND.progress) packets.push(body.subarray(at, at + Math.max(length, 4)))
    at += Math.max(length, 4)
  }
  return Buffer.concat(packets)
}
