// git over smart HTTP: clone, fetch with a long negotiation, push, how it asks for a password, and where it shows a refusal.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gitServer } from './fakes/git-server.mjs'
import { mustRun, runCommand } from './harness/command.mjs'

export const commands = ['git']
export { readPackets as readBody } from './fakes/git-server.mjs'

const tools = {
  refs: [{ method: 'GET', path: '/{owner}/{repo}/info/refs', capability: 'read', parameters: ['service'] }],
  'upload-pack': [{ method: 'POST', path: '/{owner}/{repo}/git-upload-pack', capability: 'read' }],
  'receive-pack': [{ method: 'POST', path: '/{owner}/{repo}/git-receive-pack', capability: 'update' }],
}
const served = {
  document: { auth: 'basic:oauth2:{api_key}', error_format: 'plain', max_request_bytes: 50 * 1_048_576 },
  consent: { mcp_auth: 'basic:oauth2:{api_key}' },
  tools,
  fake: repositories,
}
/** Two hosts, of which one is for reading. */
export const upstreams = { git: served, 'git-mirror': served }
const toolsOf = (upstream) => [`read:${upstream}:refs`, `read:${upstream}:upload-pack`]
export const scopes = [...toolsOf('git'), 'update:git:receive-pack', ...toolsOf('git-mirror')]
/** A push begins with a look at the references for it; where that is refused nothing is sent, and git shows why. */
export const policy = `
path "tools/git/refs" { capabilities = ["read"] }
path "tools/git/upload-pack" { capabilities = ["read"] }
path "tools/git/receive-pack" { capabilities = ["update"] }
path "tools/git-mirror/upload-pack" { capabilities = ["read"] }
path "tools/git-mirror/refs" {
  capabilities       = ["read"]
  allowed_parameters = { "service" = ["git-upload-pack"] }
}`

const DATE = '1700000000 +0000'
/** git sends no more than this at once without chunks; there is no less. */
const small = ['-c', 'http.postBuffer=65536']
const repository = 'acme/app.git'
const user = 'oauth2'

/** A repository with a history, as new for each run. */
function repositories({ key, folder }) {
  const root = mkdtempSync(join(folder, 'served-'))
  const made = makeRepository(root)
  const serve = gitServer(root, key)
  return async (request, response) => {
    await made
    const { 'content-encoding': coding, 'transfer-encoding': framing } = request.headers
    ways.add(coding ?? framing ?? 'plain')
    return serve(request, response)
  }
}

/** How bodies were sent since it was emptied: `gzip`, `chunked`, `plain`. */
const ways = new Set()

async function makeRepository(root) {
  const bare = join(root, repository)
  mkdirSync(bare, { recursive: true })
  await must(root, ['init', '-q', '--bare', '-b', 'main', bare])
  await must(root, ['-C', bare, 'config', 'http.receivepack', 'true'])
  // What several threads find is a matter of chance.
  await must(root, ['-C', bare, 'config', 'pack.threads', '1'])
  await must(root, ['-C', bare, 'fast-import', '--quiet'], commits('main', 300, prose))
}

const prose = (at) => `line ${at}\n`.repeat(100)

/** Text that does not compress, the same in each run. */
function noise(at) {
  let state = at + 1
  const next = () => (state = (state * 48_271) % 2_147_483_647)
  return Array.from({ length: 20_000 }, () => String.fromCharCode(33 + (next() % 90))).join('')
}

/** As many commits as fast-import reads them, each with a file. */
const commits = (branch, count, contentOf) =>
  Array.from({ length: count }, (_, at) => {
    const [message, content] = [`commit ${at} of ${branch}`, contentOf(at)]
    return [
      `commit refs/heads/${branch}`,
      `committer A <a@example.com> ${DATE}`,
      `data ${message.length}\n${message}`,
      `M 100644 inline ${branch}-${at % 50}.txt`,
      `data ${content.length}\n${content}`,
      '',
    ].join('\n')
  }).join('\n')

const environment = (home, further) => ({
  PATH: process.env.PATH,
  HOME: home,
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  ...further,
})
const git = (folder, args, { input, env } = {}) =>
  runCommand('git', args, { cwd: folder, input, env: environment(folder, env) })
const must = (folder, args, input) => mustRun('git', args, { cwd: folder, input, env: environment(folder) })

export async function run({ at, folder: scratch, step, refused }) {
  const folder = mkdtempSync(join(scratch, 'leg-'))
  const { url, key } = at.git
  const remoteOf = (base, password) => `${base.replace('://', `://${user}:${password}@`)}/${repository}`
  const remote = remoteOf(url, key)
  const plain = ({ exit, stdout, stderr }) =>
    [exit, stdout, stderr].map((text) => String(text).replaceAll(`${user}:${key}@`, ''))
  const steps = { ...reading(remote), ...writing }
  for (const [name, list] of Object.entries(steps))
    await step(name, async () => {
      ways.clear()
      const outcomes = []
      for (const one of list) outcomes.push(plain(await git(folder, one.args ?? one, one)))
      assert.ok(ways.has(way[name] ?? 'plain'), [...ways].join())
      return outcomes
    })
  await asking({ folder, url, key, step })
  await refusals({ folder, remoteOf, at, refused })
}

/** The credentials in a URL as a header has them. */
const headerOf = (remote) => Buffer.from(/\/\/(.*)@/.exec(remote)[1]).toString('base64')

const reading = (remote) => ({
  'a clone': [
    ['clone', '-q', remote, 'clone'],
    ['-C', 'clone', 'log', '--format=%H'],
  ],
  'a shallow clone': [
    ['clone', '-q', '--depth=3', remote, 'shallow'],
    ['-C', 'shallow', 'log', '--format=%H'],
  ],
  'a clone by protocol version 0': [
    ['-c', 'protocol.version=0', 'clone', '-q', remote, 'old'],
    ['-C', 'old', 'log', '--format=%H'],
  ],
  'the header that CI systems set': [
    ['-c', `http.extraHeader=Authorization: Basic ${headerOf(remote)}`, 'ls-remote', remote.replace(/\/\/.*@/, '//')],
  ],
  'ls-remote': [['ls-remote', remote]],
  'a fetch whose negotiation goes out in gzip': strangers('few', 200, remote, []),
  'a fetch whose negotiation is longer than the buffer': strangers('many', 4_000, remote),
  'the same by protocol version 0': strangers('zero', 4_000, remote, ['-c', 'protocol.version=0', ...small]),
  'a repository that is not there': [['ls-remote', remote.replace('app.git', 'nothing.git')]],
})

/** Where git must have sent a body in another way than as it is: else the step would show nothing. */
const way = {
  'a fetch whose negotiation goes out in gzip': 'gzip',
  'a fetch whose negotiation is longer than the buffer': 'chunked',
  'the same by protocol version 0': 'chunked',
  'a push larger than the buffer': 'chunked',
}

/** A repository whose commits the server has never heard of: git names all of them before it gives up. */
const strangers = (name, count, remote, settings = small) => [
  ['init', '-q', '-b', 'own', name],
  { args: ['-C', name, 'fast-import', '--quiet'], input: commits('own', count, prose) },
  ['-C', name, ...settings, 'fetch', '-q', remote, 'main'],
  ['-C', name, 'rev-parse', 'FETCH_HEAD'],
]

const imported = (branch, count, contentOf) => ({
  args: ['-C', 'clone', 'fast-import', '--quiet'],
  input: commits(branch, count, contentOf),
})

const writing = {
  'a small push': [imported('small', 2, prose), ['-C', 'clone', 'push', 'origin', 'small']],
  'a push larger than the buffer': [
    imported('large', 40, noise),
    ['-C', 'clone', ...small, '-c', 'pack.compression=0', 'push', 'origin', 'large'],
    ['-C', 'clone', 'ls-remote', 'origin'],
  ],
  'a push that git itself rejects': [['-C', 'clone', 'push', 'origin', 'small:main']],
  'the end of a branch': [
    ['-C', 'clone', 'push', 'origin', '--delete', 'small'],
    ['-C', 'clone', 'ls-remote', 'origin'],
  ],
}

/** A password that git has to ask for, and what it says of a wrong one. */
async function asking({ folder, url, key, step }) {
  const helper = join(folder, 'askpass')
  writeFileSync(
    helper,
    '#!/bin/sh\necho "$1" >> asked\ncase "$1" in Username*) echo oauth2 ;; *) echo "$ANSWER" ;; esac\n',
  )
  chmodSync(helper, 0o700)
  const ask = async (password) => {
    rmSync(join(folder, 'asked'), { force: true })
    const env = { GIT_ASKPASS: helper, ANSWER: password }
    const { exit, stdout } = await git(folder, ['ls-remote', `${url}/${repository}`, 'main'], { env })
    const asked = readFileSync(join(folder, 'asked'), 'utf8').replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')
    return { exit, stdout, asked }
  }
  await step('a password that it has to ask for', () => ask(key))
}

async function refusals({ folder, remoteOf, at, refused }) {
  const fails = async (args) => {
    const { exit, stderr } = await git(folder, args)
    if (exit !== 0) throw new Error(stderr)
  }
  const wrong = remoteOf(at.git.url, 'svt_test_nobody')
  await refused('a password that is wrong', () => fails(['ls-remote', wrong]), /token/)
  const mirror = remoteOf(at['git-mirror'].url, at['git-mirror'].key)
  await fails(['ls-remote', mirror])
  await refused(
    'a push where only reading is allowed',
    () => fails(['-C', 'clone', 'push', mirror, 'large']),
    /service/,
  )
  await refused('what no tool covers', () => fails(['ls-remote', `${mirror}/lfs`]), /no tool of git-mirror covers/)
}
