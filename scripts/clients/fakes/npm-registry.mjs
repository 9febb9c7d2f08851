// A private npm registry: verdaccio in a process of its own, of which nobody gets anything without the key.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { clearTimeout, setTimeout } from 'node:timers'
import { mustInstall } from '../harness/command.mjs'
import { bodyOf, hasBearer, respondJson } from '../harness/fake.mjs'

const START_MS = 50_000
/** The last line for Node 20, with the release of what it needs that registries have. */
const PACKAGE = { private: true, dependencies: { verdaccio: '6.8.0' }, overrides: { 'node-fetch': '2.7.0' } }

/** For `prepare`. */
export async function installRegistry(folder) {
  const place = join(folder, 'verdaccio')
  mkdirSync(place)
  writeFileSync(join(place, 'package.json'), JSON.stringify(PACKAGE))
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await mustInstall('verdaccio', 'npm', args, { cwd: place })
}

/** It ends with the run, however that ends. */
const program = (storage) => `
process.stdin.resume().on('end', () => process.exit())
const { runServer } = require('verdaccio')
const folder = ${JSON.stringify(storage)}
runServer({
  storage: folder,
  configPath: folder + '/config.yaml',
  self_path: folder + '/config.yaml',
  auth: { htpasswd: { file: folder + '/htpasswd' } },
  uplinks: {},
  packages: { '**': { access: '$authenticated', publish: '$authenticated', unpublish: '$authenticated' } },
  log: { type: 'stdout', level: 'fatal' },
  web: { enable: false },
}).then((app) => app.listen(0, '127.0.0.1', function () { console.log('listening on ' + this.address().port) }))
`

let started

/** A registry without packages, as new for each run. */
export function npmRegistry({ key, folder }) {
  started = start(folder)
  // Whoever asks is told.
  started.catch(() => undefined)
  return served(key)
}

/** The same one, under another key. */
export const npmMirror = ({ key }) => served(key)

const served = (key) => async (request, response) => {
  const body = await bodyOf(request)
  if (!hasBearer(request, key)) return respondJson(response, 401, { error: 'authentication required' })
  // verdaccio would ask npm's own registry.
  if (request.url === '/-/npm/v1/security/advisories/bulk') return respondJson(response, 200, {})
  return passOn(request, response, body, await started)
}

/** As a proxy in front of it would, which tells its own name: verdaccio writes it into the URLs of tarballs. */
async function passOn({ method, url, headers }, response, body, { port, token }) {
  const sent = httpRequest({
    host: '127.0.0.1',
    port,
    method,
    path: url,
    headers: { ...headers, authorization: `Bearer ${token}` },
  })
  sent.end(body)
  const answer = await new Promise((resolve, reject) => {
    sent.on('response', resolve)
    sent.on('error', reject)
  })
  // The fake has a date of its own, the same in each run.
  delete answer.headers.date
  response.writeHead(answer.statusCode, answer.headers)
  await pipeline(answer, response)
}

async function start(folder) {
  const storage = mkdtempSync(join(folder, 'storage-'))
  writeFileSync(join(storage, 'config.yaml'), '')
  const script = `${storage.replace('storage-', 'verdaccio/run-')}.cjs`
  writeFileSync(script, program(storage))
  const child = spawn(process.execPath, [script], { cwd: storage, stdio: ['pipe', 'pipe', 'pipe'] })
  const port = await portOf(child)
  const registered = await fetch(`http://127.0.0.1:${port}/-/user/org.couchdb.user:someone`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'someone', password: 'a password of a test' }),
  })
  return { port, token: (await registered.json()).token }
}

function portOf(child) {
  let printed = ''
  return new Promise((found, failed) => {
    const timer = setTimeout(() => failed(new Error(`verdaccio did not start: ${printed}`)), START_MS)
    const look = (chunk) => {
      printed += chunk
      const port = /listening on (\d+)/.exec(printed)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      found(Number(port))
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.on('error', failed)
    child.on('exit', (code) => failed(new Error(`verdaccio ended with ${code}: ${printed}`)))
  })
}
