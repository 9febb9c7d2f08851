// npm: a scoped package is published to a private registry, and installed from it.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installRegistry, npmMirror, npmRegistry } from './fakes/npm-registry.mjs'
import { runCommand } from './harness/command.mjs'

export const commands = ['npm']
export const prepare = installRegistry

/** What the preset leaves out. */
const owners = [
  { method: 'PUT', path: '/{package}/-rev/{revision}', capability: 'update' },
  { method: 'DELETE', path: '/{package}/-rev/{revision}', capability: 'update' },
]
/** The same registry twice: at a port of its own, and below a path, where only reading is allowed. */
export const upstreams = {
  npm: { preset: 'npm', listener: true, tools: { owners }, fake: npmRegistry },
  'npm-mirror': { preset: 'npm', fake: npmMirror },
}
export const scopes = [
  ...['whoami', 'packages', 'audit'].map((tool) => `read:npm:${tool}`),
  ...['packages:publish', 'dist-tags:write', 'owners'].map((tool) => `update:npm:${tool}`),
  'read:npm-mirror:packages',
]
const telemetry = 'what npm tells about itself and its request'
export const leftOut = {
  'npm-auth-type': telemetry,
  'npm-command': telemetry,
  'pacote-integrity': telemetry,
  'pacote-pkg-id': telemetry,
  'pacote-req-type': telemetry,
  'pacote-version': telemetry,
}
export const responsesLeftOut = {
  'x-powered-by': 'names the program that answered',
  etag: 'of documents that hold the time; which ones are not sent again (304) is compared',
}
const moment = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z|(?<="_rev":\s*")\d+-[0-9a-f]+|(?<=-rev\/)\d+-[0-9a-f]+/g
/** npm writes the base of the registry it was given into what it publishes; a registry writes its own over it. */
const withoutBase = (text) => text.replaceAll(/(?<="tarball":")http:\/\/[^/]+/g, 'BASE')
const withoutMoments = (text) => text.replaceAll(moment, 'MOMENT')
export const comparable = {
  'if-none-match': () => 'as told',
  ':request': ({ start, ...rest }) => ({ ...rest, start: withoutMoments(start) }),
  ':body': (text) => withoutBase(withoutMoments(text)),
}
export const readBody = (body) => Buffer.from(withoutMoments(body.toString('latin1')), 'latin1')

const files = {
  'package.json': '{ "name": "@acme/pkg", "version": "1.0.0", "main": "index.js", "description": "ü" }\n',
  'index.js': "module.exports = 'from the registry'\n",
  'README.md': '# A package\n'.repeat(100),
}

export async function run({ at, folder: scratch, step, refused }) {
  const folder = mkdtempSync(join(scratch, 'leg-'))
  const project = (name, content) => {
    mkdirSync(join(folder, name))
    for (const [file, text] of Object.entries(content)) writeFileSync(join(folder, name, file), text)
  }
  project('pkg', files)
  for (const name of ['app', 'mirrored']) project(name, { 'package.json': '{ "name": "app", "private": true }\n' })
  const npm = npmOf(folder, at.npm)
  const installedIn = (name) =>
    ['node_modules/@acme/pkg/index.js', 'package-lock.json'].map((file) => read(folder, name, file))
  await step('ping', () => npm('app', ['ping']))
  await step('whoami', () => npm('app', ['whoami']))
  await step('publish', () => npm('pkg', ['publish']))
  await step('view', () => npm('app', ['view', '@acme/pkg', 'name', 'version', 'dist.integrity', '--json']))
  await step('install', async () => [await npm('app', ['install', '@acme/pkg'], 'first'), ...installedIn('app')])
  await step('ci, from the lock file', async () => [await npm('app', ['ci'], 'second'), ...installedIn('app')])
  await step('what it has already', () => npm('app', ['view', '@acme/pkg', 'version', '--prefer-online'], 'second'))
  await step('pack', () => npm('app', ['pack', '@acme/pkg'], 'third'))
  await step('dist-tag', async () => [
    await npm('app', ['dist-tag', 'add', '@acme/pkg@1.0.0', 'next']),
    await npm('app', ['dist-tag', 'ls', '@acme/pkg']),
  ])
  await step('deprecate', () => npm('app', ['deprecate', '@acme/pkg@1.0.0', 'use "another" ü']))
  await step('audit', () => npm('app', ['audit', '--audit']))
  await step('publish what is there', () => npm('pkg', ['publish']))
  await step('unpublish', () => npm('app', ['unpublish', '@acme/pkg@1.0.0', '--force']))
  await belowPath({ folder, at, step, refused, npm, installedIn })
}

async function belowPath({ folder, at, step, refused, npm, installedIn }) {
  const mirror = npmOf(folder, at['npm-mirror'])
  const next = (version) =>
    writeFileSync(join(folder, 'pkg/package.json'), files['package.json'].replace('1.0.0', version))
  next('1.1.0')
  await step('publish the next version', () => npm('pkg', ['publish']))
  await step('install, below a path', async () => [
    await mirror('mirrored', ['install', '@acme/pkg'], 'fourth'),
    ...installedIn('mirrored'),
  ])
  const fails = async (...args) => {
    const { exit, stderr } = await mirror(...args)
    if (exit !== 0) throw new Error(stderr)
  }
  next('1.2.0')
  await refused(
    'publish where only reading is allowed',
    () => fails('pkg', ['publish']),
    /update:npm-mirror:packages:publish/,
    1,
  )
  await refused('a tool that was not granted', () => fails('app', ['search', 'a']), /read:npm-mirror:search/)
}

const read = (...path) => readFileSync(join(...path), 'utf8')

/**
 * Runs npm with nothing of whoever runs this. A document of a package names its tarballs by the registry's own URL: npm goes on
 * asking the registry it was given, for `npmjs` of its own accord, for others with replace-registry-host=always.
 */
function npmOf(folder, { url, key }) {
  const { host, pathname } = new URL(url)
  const settings = [
    `registry=${url}/`,
    `//${host}${pathname.replace(/\/$/, '')}/:_authToken=${key}`,
    'replace-registry-host=always',
    'update-notifier=false',
    'fund=false',
    'audit=false',
    'logs-max=0',
  ]
  const place = mkdtempSync(join(folder, 'settings-'))
  writeFileSync(join(place, 'npmrc'), settings.join('\n'))
  const plain = (text) =>
    text
      .replaceAll(key, '<key>')
      .replaceAll(folder, '<folder>')
      .replaceAll(/\b\d+m?s\b/g, '<time>')
  return async (project, args, cache = 'cache') => {
    const settled = { npm_config_userconfig: join(place, 'npmrc'), npm_config_cache: join(folder, cache) }
    const env = { PATH: process.env.PATH, HOME: folder, ...settled }
    const { exit, stdout, stderr } = await runCommand('npm', args, { cwd: join(folder, project), env })
    return { exit, stdout: plain(stdout), stderr: plain(stderr) }
  }
}
