// Google's own client of Drive: tokens that are exchanged for an assertion, pages by token, files by part.
import { Buffer } from 'node:buffer'
import { generateKeyPairSync, randomBytes, verify } from 'node:crypto'
import { createServer } from 'node:http'
import { URLSearchParams } from 'node:url'
import { bodyOf, hasBearer, rejectionOf, respond, respondJson } from './harness/fake.mjs'

export const packages = ['@googleapis/drive@22.0.0']
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const TOKEN = `ya29.example_${randomBytes(16).toString('hex')}`
const scopesOfGoogle = ['drive.readonly', 'calendar.readonly'].map((name) => `https://www.googleapis.com/auth/${name}`)

/** Its own server, as Google's is: what the gateway sends there is no call of the program. */
const issuer = createServer((request, response) => {
  void bodyOf(request).then((body) => exchange(response, new URLSearchParams(body.toString())))
}).unref()
await new Promise((listening) => issuer.listen(0, '127.0.0.1', listening))
const issuerUrl = `http://127.0.0.1:${issuer.address().port}`
const auth = `google_service_account:${scopesOfGoogle.join(' ')};token_url=${issuerUrl}/token`
export const upstreams = {
  google: {
    preset: 'google',
    listener: true,
    secret: () => ({
      client_email: 'robot@acme.example',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    }),
    document: { auth },
    consent: (url) => ({
      mcp_origins: `${url},${issuerUrl}`,
      mcp_auth: auth,
      mcp_fields: 'client_email,private_key',
    }),
    fake: api,
  },
}
export const scopes = ['read:google:about', 'read:google:files']
export const leftOut = { 'x-goog-api-client': 'what the client tells about itself' }

const content = randomBytes(200_000)
const problem = (response, code, message, reason) =>
  respondJson(response, code, { error: { code, message, errors: [{ message, domain: 'global', reason }] } })

function exchange(response, form) {
  const [head, claims, signature] = form.get('assertion').split('.')
  const isSigned = verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))
  if (!isSigned) return respondJson(response, 400, { error: 'invalid_grant' })
  respondJson(response, 200, { access_token: TOKEN, expires_in: 3599, token_type: 'Bearer' })
}

function api() {
  const routes = {
    'GET /drive/v3/about': (response, url) => respondJson(response, 200, { asked: url.search }),
    'GET /drive/v3/files': (response, url) => {
      const page = Number(url.searchParams.get('pageToken') ?? 0)
      const more = page < 2 ? { nextPageToken: String(page + 1) } : {}
      respondJson(response, 200, { files: [{ id: `file-${page}` }], asked: url.searchParams.get('q'), ...more })
    },
    'GET /drive/v3/files/file-1': (response, url, request) => {
      if (url.searchParams.get('alt') !== 'media') return respondJson(response, 200, { id: 'file-1', name: 'ü' })
      const type = { 'content-type': 'application/pdf', 'accept-ranges': 'bytes' }
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
      if (from === 0) return respond(response, 200, content, type)
      const range = `bytes ${from}-${content.length - 1}/${content.length}`
      respond(response, 206, content.subarray(from), { ...type, 'content-range': range })
    },
  }
  return async (request, response) => {
    await bodyOf(request)
    const url = new URL(request.url, 'http://fake')
    if (!hasBearer(request, TOKEN)) return problem(response, 401, 'Request had invalid credentials.', 'authError')
    const route = routes[`${request.method} ${url.pathname}`]
    return route ? route(response, url, request) : problem(response, 404, 'File not found: 404.', 'notFound')
  }
}

export async function run({ at, load, step, refused }) {
  const { drive } = await load('@googleapis/drive')
  const { key, secret, url } = at.google
  const headers = { Authorization: `Bearer ${secret ? TOKEN : key}` }
  const { about, files } = drive({ version: 'v3', rootUrl: `${url}/`, headers, retry: false })
  await step('who it is', async () => (await about.get({ fields: 'user,storageQuota' })).data)
  await step('three pages of files', async () => {
    const found = []
    let pageToken
    do {
      const { data } = await files.list({ pageSize: 1, q: "name contains 'ü & +'", pageToken })
      found.push(data)
      pageToken = data.nextPageToken
    } while (pageToken)
    return found
  })
  const bytes = async (options) => {
    const { data, status } = await files.get(
      { fileId: 'file-1', alt: 'media' },
      { responseType: 'arraybuffer', ...options },
    )
    return [status, Buffer.from(data).toString('base64')]
  }
  await step('a file', () => bytes({}))
  await step('the rest of a file', () => bytes({ headers: { Range: 'bytes=100000-' } }))
  await step('what Google does not know', () => rejectionOf(files.get({ fileId: '404' }), ['status', 'message']))
  await refused(
    'a tool that was not granted',
    () => drive({ version: 'v3', rootUrl: `${url}/`, headers }).comments.list({ fileId: 'file-1', fields: '*' }),
    /read:google:comments/,
  )
  await refused('what no tool covers', () => files.delete({ fileId: 'file-1' }), /no tool of google covers DELETE/)
}
