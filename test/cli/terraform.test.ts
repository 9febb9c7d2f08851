import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/logical/clock.ts'
import type { Io } from '../../src/cli/io.ts'
import { run } from '../../src/cli/run.ts'
import { terraformCommands } from '../../src/cli/terraform.ts'
import type { Machine } from '../../src/cli/terraform.ts'

const linux: Machine = { platform: 'linux', arch: 'x64' }
/** As scripts/bundle.mjs opens it. */
const provider = (version: string, body = ''): string =>
  `#!/usr/bin/env node\n"use strict";\n// terraform-provider-mcp ${version}, MPL-2.0. The packages bundled with it …\n${body}`
const below = 'terraform.d/plugins/terraform.local/mcp/mcp'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcp-terraform-install-'))
  await mkdir(join(folder, 'infra'))
})
afterEach(() => rm(folder, { recursive: true }))

/** `mcp-vault terraform install` of a package with this provider in it; undefined is one that was never built. */
async function install(
  text: string | undefined,
  words: readonly string[] = [`-dir=${join(folder, 'infra')}`],
  machine = linux,
) {
  const file = join(folder, 'terraform-provider-mcp')
  await (text === undefined ? rm(file, { force: true }) : writeFile(file, text))
  let out = ''
  let err = ''
  const unused = () => Promise.reject(new Error('nothing is asked'))
  const io: Io = {
    env: {},
    home: folder,
    clock: systemClock,
    signal: new AbortController().signal,
    stdinIsTerminal: false,
    stdoutIsTerminal: false,
    stdout: (said) => {
      out += said
    },
    stderr: (said) => {
      err += said
    },
    readStdin: unused,
    promptHidden: unused,
    prompt: unused,
    readFile: unused,
    readChunks: () => Readable.from([]),
  }
  const load = () => Promise.resolve(terraformCommands(file, machine))
  return {
    code: await run(['terraform', 'install', ...words], io, [{ group: 'Run', name: 'terraform', summary: '', load }]),
    out,
    err,
  }
}

const installed = (path: string): string => join(folder, 'infra', below, path)

describe('where it goes', () => {
  it('is the folder terraform init looks into, executable, under its own version', async () => {
    const text = provider('1.2.3')
    const { code, out, err } = await install(text)
    expect([code, err]).toEqual([0, ''])
    const file = installed('1.2.3/linux_amd64/terraform-provider-mcp_v1.2.3')
    expect(await readFile(file, 'utf8')).toBe(text)
    expect((await stat(file)).mode & 0o777).toBe(0o755)
    expect(out).toBe(
      `terraform.local/mcp/mcp 1.2.3 → ${installed('1.2.3/linux_amd64')}/  (sha256 ${createHash('sha256').update(text).digest('hex')})\n`,
    )
  })

  it('is a document for scripts', async () => {
    const text = provider('1.2.3')
    const { out } = await install(text, [`-dir=${join(folder, 'infra')}`, '-format=json'])
    expect(JSON.parse(out)).toEqual({
      source: 'terraform.local/mcp/mcp',
      version: '1.2.3',
      sha256: createHash('sha256').update(text).digest('hex'),
      folders: { linux_amd64: installed('1.2.3/linux_amd64') },
      replaced: false,
    })
  })

  it('lets the provider start below a package.json that says "type": "module"', async () => {
    await writeFile(join(folder, 'infra/package.json'), '{"type":"module"}')
    await install(provider('1.2.3', 'console.log(typeof module)'))
    const started = spawnSync(installed('1.2.3/linux_amd64/terraform-provider-mcp_v1.2.3'), { encoding: 'utf8' })
    expect([started.status, started.stdout, started.stderr]).toEqual([0, 'object\n', ''])
  })

  it('holds nothing else, which would be part of the checksum in the lock file', async () => {
    await install(provider('1.2.3'))
    await install(provider('1.2.3', '1'))
    expect((await readdir(installed('1.2.3/linux_amd64'))).sort()).toEqual([
      'package.json',
      'terraform-provider-mcp_v1.2.3',
    ])
  })

  it('keeps other versions beside it', async () => {
    await install(provider('1.2.3'))
    await install(provider('2.0.0-rc.1'))
    expect((await readdir(installed(''))).sort()).toEqual(['1.2.3', '2.0.0-rc.1'])
  })

  it.each([
    ['darwin', 'arm64', 'darwin_arm64'],
    ['linux', 'arm64', 'linux_arm64'],
    ['freebsd', 'x64', 'freebsd_amd64'],
    ['linux', 'ia32', 'linux_386'],
  ])('is named for %s on %s as %s', async (platform, arch, name) => {
    await install(provider('1.2.3'), undefined, { platform, arch })
    expect(await readdir(installed('1.2.3'))).toEqual([name])
  })

  it('is one folder for each platform asked for', async () => {
    const { out } = await install(provider('1.2.3'), [
      `-dir=${join(folder, 'infra')}`,
      '-platform=linux_amd64',
      '-platform=darwin_arm64',
    ])
    expect((await readdir(installed('1.2.3'))).sort()).toEqual(['darwin_arm64', 'linux_amd64'])
    expect(out.split('\n')).toHaveLength(3)
  })
})

describe('again', () => {
  it('says nothing of a lock file when the bytes are the same', async () => {
    await install(provider('1.2.3'))
    expect((await install(provider('1.2.3'))).err).toBe('')
  })

  it('says what to do when a lock file may know other bytes under this version', async () => {
    await install(provider('1.2.3'))
    const { code, err } = await install(provider('1.2.3', 'console.log(1)'))
    expect([code, err]).toEqual([
      0,
      'Another build of 1.2.3 was installed there before. If .terraform.lock.hcl names terraform.local/mcp/mcp, remove that block and run terraform init.\n',
    ])
  })
})

describe('what it refuses, with nothing written', () => {
  const untouched = async (): Promise<void> => {
    expect(await readdir(join(folder, 'infra'))).toEqual([])
  }

  it('a package without the provider', async () => {
    const { code, err } = await install(undefined)
    expect([code, err]).toEqual([
      1,
      `The provider is not built: there is no ${join(folder, 'terraform-provider-mcp')}. In a clone of the repository: npm run build:provider\n`,
    ])
    await untouched()
  })

  it('a file that is not the provider', async () => {
    const { code, err } = await install('#!/bin/sh\necho 1.2.3\n')
    expect(code).toBe(1)
    expect(err).toMatch(/is not the provider, or is damaged/)
    await untouched()
  })

  it('a directory that is not there', async () => {
    const { code, err } = await install(provider('1.2.3'), [`-dir=${join(folder, 'infar')}`])
    expect([code, err]).toEqual([
      1,
      `-dir: ${join(folder, 'infar')} is not a directory; name the one your .tf files are in.\n`,
    ])
  })

  it('Windows, and says what is missing there', async () => {
    for (const { code, err } of [
      await install(provider('1.2.3'), undefined, { platform: 'win32', arch: 'x64' }),
      await install(provider('1.2.3'), ['-platform=windows_amd64']),
    ]) {
      expect(code).toBe(1)
      expect(err).toMatch(/^Windows is not supported: .*\.exe.*Unix socket.*WSL/)
    }
    await untouched()
  })

  it('a machine Terraform knows nothing of', async () => {
    const { code, err } = await install(provider('1.2.3'), undefined, { platform: 'aix', arch: 'ppc64' })
    expect(code).toBe(1)
    expect(err).toMatch(/^There is no provider for aix on ppc64: the platforms are linux, darwin/)
  })

  it.each(['linux', 'linux_x64', 'linux_amd64_v1', '../linux_amd64', ''])('the platform "%s"', async (platform) => {
    const { code, err } = await install(provider('1.2.3'), [`-dir=${join(folder, 'infra')}`, `-platform=${platform}`])
    expect(code).toBe(1)
    expect(err).toContain(`-platform: "${platform}" is not one of linux, darwin`)
    await untouched()
  })

  it('a place that cannot be written, and leaves it as it was', async () => {
    await writeFile(join(folder, 'infra/terraform.d'), 'a file')
    const { code, err } = await install(provider('1.2.3'))
    expect(code).toBe(1)
    expect(err).toBe(`${installed('1.2.3/linux_amd64')} cannot be written (ENOTDIR).\n`)
    expect(await readFile(join(folder, 'infra/terraform.d'), 'utf8')).toBe('a file')
  })

  it('leaves no half of a file where the last step fails', async () => {
    await mkdir(installed('1.2.3/linux_amd64/terraform-provider-mcp_v1.2.3/in-the-way'), { recursive: true })
    const { code, err } = await install(provider('1.2.3'))
    expect(code).toBe(1)
    expect(err).toMatch(/cannot be written \(E(ISDIR|NOTEMPTY|EXIST)\)/)
    expect(await readdir(installed('1.2.3/linux_amd64'))).toEqual(['terraform-provider-mcp_v1.2.3'])
  })

  it('a read-only folder of a person who is not root', async () => {
    await chmod(join(folder, 'infra'), 0o555)
    const { code, err } = await install(provider('1.2.3'))
    await chmod(join(folder, 'infra'), 0o755)
    // Root writes everywhere.
    expect([code, err.includes('cannot be written (EACCES)')]).toEqual(
      process.getuid?.() === 0 ? [0, false] : [1, true],
    )
  })
})
