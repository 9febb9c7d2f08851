import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { isBuiltin } from 'node:module'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPlugin, pluginFile } from '../../scripts/build-plugin.mjs'
import { serviceDefinition } from '../../src/goplugin/index.ts'
import { vaultPlugin } from '../../src/proto/vault-plugin.ts'
import { launchPlugin } from '../fakes/go-plugin-host.ts'
import { cookie } from '../fakes/plugin-backend-host.ts'

const root = resolve(import.meta.dirname, '../..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-artefact-'))
/** What a server asks for at registration. */
const version = serviceDefinition(vaultPlugin, 'logical.PluginVersion')
let built: Awaited<ReturnType<typeof buildPlugin>>
let text: string

beforeAll(async () => {
  built = await buildPlugin({ outDir: join(scratch, 'first'), version: '1.2.3' })
  text = readFileSync(built.path, 'utf8')
})
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true })
})

/** As a person starts it: without what a server puts into the environment. */
function startByHand(path: string, nodeArguments: readonly string[] = []) {
  const { [cookie.name]: _, ...env } = process.env
  const [command, args] = nodeArguments.length === 0 ? [path, []] : [process.execPath, [...nodeArguments, path]]
  return spawnSync(command, args, { env, encoding: 'utf8', timeout: 20_000 })
}

/** What the plugin answers a server that launches it. */
async function reportedVersion(path: string): Promise<unknown> {
  const host = await launchPlugin({ command: path, cookie })
  try {
    return await host.call(version, 'Version', {})
  } finally {
    await host.kill()
  }
}

/** The repository as a fresh clone has it, at `path`; its packages are a link. */
function clone(path: string): void {
  for (const entry of ['src', 'scripts', 'package.json'])
    cpSync(join(root, entry), join(path, entry), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(path, 'node_modules'))
}

describe('the same bytes', () => {
  test('come from two clones in folders of different depth, under another locale, time zone and umask', () => {
    const near = join(scratch, 'near')
    const far = join(scratch, 'a', 'folder with blanks', 'further', 'down')
    clone(near)
    clone(far)
    // What a bundler may find on its way up, and the compiler of another project.
    writeFileSync(
      join(scratch, 'a', 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { target: 'ES5', useDefineForClassFields: false, verbatimModuleSyntax: false },
      }),
    )
    writeFileSync(
      join(far, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { strict: false, experimentalDecorators: true, alwaysStrict: false } }),
    )
    const run = (directory: string, env: NodeJS.ProcessEnv, umask: string) =>
      spawnSync(
        'sh',
        [
          '-c',
          `umask ${umask}; exec "$@"`,
          'sh',
          process.execPath,
          join(directory, 'scripts/build-plugin.mjs'),
          '--plugin-version=1.2.3',
        ],
        { cwd: tmpdir(), env: { ...process.env, ...env }, encoding: 'utf8' },
      )
    const plain = run(near, { LC_ALL: 'C', TZ: 'UTC' }, '022')
    const other = run(
      far,
      { LC_ALL: 'tr_TR.UTF-8', TZ: 'Pacific/Kiritimati', NODE_PATH: tmpdir(), NODE_ENV: 'production' },
      '077',
    )
    expect([plain.stderr, other.stderr]).toEqual(['', ''])
    for (const directory of [near, far]) {
      const path = join(directory, 'dist/plugin', pluginFile)
      expect(readFileSync(path, 'utf8') === text).toBe(true)
      expect(statSync(path).mode & 0o777).toBe(0o755)
    }
    expect(other.stdout).toBe(
      `${join(far, 'dist/plugin', pluginFile)}\n${built.bytes} bytes\nSHA-256 ${built.sha256}\n`,
    )
  })

  test('are identified by their SHA-256 and size', () => {
    const contents = readFileSync(built.path)
    expect(built).toEqual({
      path: join(scratch, 'first', pluginFile),
      bytes: contents.length,
      sha256: createHash('sha256').update(contents).digest('hex'),
    })
  })
})

describe('the file', () => {
  test('is alone in its folder, executable for everybody and writable for its owner only', () => {
    expect(readdirSync(join(scratch, 'first'))).toEqual([pluginFile])
    expect(statSync(built.path).mode & 0o777).toBe(0o755)
  })

  test('begins with a line that finds Node on the PATH', () => {
    expect(text.startsWith('#!/usr/bin/env node\n')).toBe(true)
  })

  test('holds no path of this machine, no source map and nothing that only an ES module has', () => {
    const traces = [
      root,
      scratch,
      homedir() === '/' ? root : homedir() + '/',
      'sourceMappingURL',
      'import.meta',
      'import_meta',
      'file://',
    ]
    expect(traces.filter((trace) => text.includes(trace))).toEqual([])
  })

  test("loads Node's own modules and nothing else", () => {
    const code = text.slice(0, text.indexOf('\n/*\n'))
    // A dot before it or a brace after it makes it a method of that name.
    const requests = [...code.matchAll(/(?<![\w$]|\.\s*)(?:require|import)\(([^)]*)\)(?!\s*\{)/g)].map(([, argument]) =>
      argument!.trim(),
    )
    const modules = requests.map((argument) => /^"([^"]+)"$/.exec(argument)?.[1] ?? argument)
    expect(modules).toContain('http2')
    expect(modules.filter((name) => !isBuiltin(name))).toEqual([])
  })

  test('holds these packages, with their licences, and no other', () => {
    const listed = [...text.matchAll(/^((?:@[\w-]+\/)?[\w.-]+) \d+\.\d+\.\d+\S* \(([\w. -]+)\)$/gm)]
    expect(
      listed
        .map(([, name]) => name!)
        .filter((name) => !name.startsWith('@protobufjs/'))
        .sort(),
    ).toEqual(['@grpc/grpc-js', '@grpc/proto-loader', '@js-sdsl/ordered-map', 'lodash.camelcase', 'long', 'protobufjs'])
    const licence = (name: string) =>
      readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8')
        .replaceAll('\r', '')
        .trim()
    expect(listed.map(([, name]) => name!).filter((name) => !text.includes(licence(name)))).toEqual([])
  })
})

describe('started by hand', () => {
  test('it refuses with status 1, writes nothing to stdout, and says on stderr what it is', () => {
    const { status, stdout, stderr } = startByHand(built.path)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(/^This is a secrets engine for Vault and OpenBao\./)
  })

  test.each(['commonjs', 'module'])('it does the same below a package.json of type %s', (type) => {
    const directory = join(scratch, type)
    mkdirSync(directory)
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ type }))
    cpSync(built.path, join(directory, pluginFile))
    const { status, stdout, stderr } = startByHand(join(directory, pluginFile))
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: startByHand(built.path).stderr })
  })

  test('with a Node that is too old it says so', () => {
    const { status, stdout, stderr } = startByHand(built.path, [
      '--import',
      'data:text/javascript,delete process.getBuiltinModule',
    ])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toBe(`vault-plugin-secrets-mcp needs Node 20.19 or newer; this is Node ${process.version}\n`)
  })
})

describe('options', () => {
  test('the version is what the plugin reports to a server, with the v it is registered under', async () => {
    expect(await reportedVersion(built.path)).toEqual({ plugin_version: 'v1.2.3' })
  })

  test("the version is the package's unless another is asked for, and changes the bytes", async () => {
    const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    const plain = await buildPlugin({ outDir: join(scratch, 'plain') })
    expect(plain.sha256).not.toBe(built.sha256)
    expect(await reportedVersion(plain.path)).toEqual({ plugin_version: `v${own.version}` })
  })

  test('a fixed Node changes the first line only', async () => {
    const fixed = await buildPlugin({ outDir: join(scratch, 'fixed'), version: '1.2.3', node: process.execPath })
    expect(readFileSync(fixed.path, 'utf8') === text.replace('#!/usr/bin/env node\n', `#!${process.execPath}\n`)).toBe(
      true,
    )
    expect(startByHand(fixed.path).status).toBe(1)
  })

  test.each([
    [{ version: 'v0.2.0' }, 'plugin version: "v0.2.0" is no semantic version without a leading v, such as 0.2.0'],
    [{ version: '0.2' }, 'plugin version: "0.2" is no semantic version without a leading v, such as 0.2.0'],
    [{ version: '' }, 'plugin version: "" is no semantic version without a leading v, such as 0.2.0'],
    [{ version: '01.2.3' }, 'plugin version: "01.2.3" is no semantic version without a leading v, such as 0.2.0'],
    [
      { version: '1.2.3\nprocess.exit(0)' },
      'plugin version: "1.2.3\nprocess.exit(0)" is no semantic version without a leading v, such as 0.2.0',
    ],
    [
      { version: '1.2.3+vault.builtin' },
      'plugin version: the metadata "builtin" of "1.2.3+vault.builtin" is reserved by the server for its own plugins',
    ],
    [{ node: 'node' }, 'node: "node" is no absolute path without blanks, such as /usr/local/bin/node'],
    [
      { node: '/opt/my node/bin/node' },
      'node: "/opt/my node/bin/node" is no absolute path without blanks, such as /usr/local/bin/node',
    ],
    [
      { node: `/${'n'.repeat(260)}` },
      `node: "/${'n'.repeat(260)}" is no absolute path without blanks, such as /usr/local/bin/node`,
    ],
  ])('%j is refused, and nothing is written', async (options, message) => {
    const outDir = join(scratch, 'refused')
    await expect(buildPlugin({ outDir, ...options })).rejects.toThrow(new Error(message))
    expect(existsSync(outDir)).toBe(false)
  })
})
