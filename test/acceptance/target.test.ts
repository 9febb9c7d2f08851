/** What is said where a server that was asked for is not there. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildServerImage, containerOptions, requireContainers } from '../../scripts/containers.mjs'
import type { Docker } from '../../scripts/containers.mjs'
import { findServer } from '../../scripts/find-server.mjs'
import { startTarget } from './target/index.ts'

let folder: string
const binary = async (name: string, says: string): Promise<string> => {
  await writeFile(join(folder, name), `#!/bin/sh\necho '${says}'\n`)
  await chmod(join(folder, name), 0o755)
  return join(folder, name)
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'find-server-'))
  await binary('bao', 'OpenBao v2.6.2, built 2026-10-01')
  await binary('other', 'something else v1')
})
afterAll(() => rm(folder, { recursive: true }))

describe('finding a server', () => {
  it('takes VAULT_BIN first, then bao, then vault on PATH, and believes what the binary says it is', async () => {
    const vault = await binary('my-vault', 'Vault v1.21.0 (abc), built 2025-10-21')
    expect(findServer(undefined, { PATH: `/nowhere:${folder}` })).toEqual({
      product: 'openbao',
      binary: join(folder, 'bao'),
    })
    expect(findServer(undefined, { PATH: folder, VAULT_BIN: vault })).toEqual({ product: 'vault', binary: vault })
    expect(findServer('vault', { VAULT_BIN: vault })).toEqual({ product: 'vault', binary: vault })
  })

  it.each<[string, () => Record<string, string>, 'openbao' | 'vault' | undefined, string]>([
    [
      'nothing on PATH',
      () => ({ PATH: '/nowhere' }),
      undefined,
      'neither `bao` nor `vault` is on PATH: install OpenBao or Vault, or set VAULT_BIN to the binary of a server.',
    ],
    [
      'no PATH',
      () => ({}),
      'openbao',
      'no OpenBao is on PATH: install OpenBao (`bao`), or set VAULT_BIN to the binary of a server.',
    ],
    [
      'only the other one',
      () => ({ PATH: folder }),
      'vault',
      'no Vault is on PATH: install Vault (`vault`), or set VAULT_BIN to the binary of a server.',
    ],
    [
      'VAULT_BIN of the other one',
      () => ({ VAULT_BIN: join(folder, 'bao') }),
      'vault',
      'VAULT_BIN=<folder>/bao is OpenBao, and TARGET=vault asks for Vault: set VAULT_BIN to a binary of Vault, or TARGET=openbao.',
    ],
    [
      'VAULT_BIN of neither',
      () => ({ VAULT_BIN: join(folder, 'other') }),
      undefined,
      'VAULT_BIN=<folder>/other is no binary of Vault or OpenBao that runs here: set it to one, or unset it and put `bao` or `vault` on PATH.',
    ],
    [
      'VAULT_BIN of nothing',
      () => ({ VAULT_BIN: join(folder, 'gone'), PATH: folder }),
      undefined,
      'VAULT_BIN=<folder>/gone is no binary of Vault or OpenBao that runs here: set it to one, or unset it and put `bao` or `vault` on PATH.',
    ],
  ])('%s: one sentence', (_case, env, wanted, sentence) => {
    expect(() => findServer(wanted, env())).toThrow(new Error(sentence.replace('<folder>', folder)))
  })
})

describe('starting a target', () => {
  it('asked for by name and absent fails with the sentence', async () => {
    await expect(startTarget({ TARGET: 'vault', PATH: '/nowhere' })).rejects.toThrow(
      'no Vault is on PATH: install Vault (`vault`), or set VAULT_BIN to the binary of a server.',
    )
    await expect(startTarget({ TARGET: 'openbao', PATH: '/nowhere' })).rejects.toThrow('no OpenBao is on PATH')
  })

  it('that is unknown is refused with the known ones', async () => {
    await expect(startTarget({ TARGET: 'consul' })).rejects.toThrow(
      'TARGET=consul is no target: it is one of embedded, openbao, vault, containers.',
    )
  })
})

describe('containers', () => {
  const lacking =
    (...missing: string[]): Docker =>
    (args) => ({ ok: !missing.some((what) => args.includes(what)), output: '', end: 'the end of the output' })

  it('are built from the images the Dockerfile names, unless others are', () => {
    expect(containerOptions({})).toEqual({
      serverImage: 'hashicorp/vault:1.21',
      nodeImage: 'node:24-alpine',
      network: 'bridge',
      product: 'vault',
    })
    const env = { SERVER_IMAGE: 'local/openbao:1', NODE_IMAGE: 'local/node', DOCKER_NETWORK: 'host' }
    expect(requireContainers(env, lacking())).toEqual({
      serverImage: 'local/openbao:1',
      nodeImage: 'local/node',
      network: 'host',
      product: 'openbao',
    })
  })

  it.each<[string, Docker, Record<string, string>, string]>([
    [
      'Docker',
      lacking('version'),
      {},
      'TARGET=containers needs Docker, and none answers: install and start Docker, or set DOCKER_HOST to one that runs.',
    ],
    [
      'the image of the server',
      lacking('hashicorp/vault:1.21'),
      {},
      'TARGET=containers needs the image hashicorp/vault:1.21, which is not here and cannot be pulled: set SERVER_IMAGE to one that is here, for example one made with `docker import`.',
    ],
    [
      'the image of Node',
      lacking('local/node'),
      { NODE_IMAGE: 'local/node' },
      'TARGET=containers needs the image local/node, which is not here and cannot be pulled: set NODE_IMAGE to one that is here, for example one made with `docker import`.',
    ],
    [
      'a network',
      lacking(),
      { DOCKER_NETWORK: 'none' },
      'DOCKER_NETWORK=none is not a network of TARGET=containers: set it to bridge or host.',
    ],
  ])('without %s are a failure that names it', (_what, docker, env, sentence) => {
    expect(() => requireContainers(env, docker)).toThrow(new Error(sentence))
  })

  it('whose image is in a local store need no registry', () => {
    const requests: (readonly string[])[] = []
    requireContainers({}, (args) => {
      requests.push(args)
      return { ok: true, output: '', end: '' }
    })
    expect(requests.flat()).not.toContain('pull')
  })

  it('are built on the network they run on, and a build that fails shows its end', () => {
    let command: readonly string[] = []
    const options = containerOptions({ DOCKER_NETWORK: 'host' })
    buildServerImage(options, 'tag', (args) => {
      command = args
      return { ok: true, output: '', end: '' }
    })
    expect(command).toEqual(
      expect.arrayContaining(['--network=host', '--tag=tag', '--build-arg=SERVER_IMAGE=hashicorp/vault:1.21']),
    )
    expect(() => {
      buildServerImage(options, 'tag', lacking('build'))
    }).toThrow('could not be built:\nthe end of the output')
  })
})
