import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildProvider } from '../../scripts/build-provider.mjs'
import { releaseProvider } from '../../scripts/release-provider.mjs'
import type { ReleaseFile } from '../../scripts/release-provider.mjs'

const scratch = mkdtempSync(join(tmpdir(), 'mcp-provider-release-'))
const outDir = join(scratch, 'first')
let files: readonly ReleaseFile[]

beforeAll(async () => {
  files = await releaseProvider({ outDir, version: '1.2.3' })
})
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true })
})

/** The entries by the central directory, which is what unpackers go by. */
function entriesOf(archive: Buffer) {
  const end = archive.length - 22
  expect(archive.readUInt32LE(end)).toBe(0x06054b50)
  let at = archive.readUInt32LE(end + 16)
  return Array.from({ length: archive.readUInt16LE(end + 10) }, () => {
    expect(archive.readUInt32LE(at)).toBe(0x02014b50)
    const nameLength = archive.readUInt16LE(at + 28)
    const size = archive.readUInt32LE(at + 24)
    const local = archive.readUInt32LE(at + 42)
    const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
    const entry = {
      name: archive.toString('utf8', at + 46, at + 46 + nameLength),
      mode: archive.readUInt32LE(at + 38) >>> 16,
      crc: archive.readUInt32LE(at + 16),
      contents: archive.subarray(start, start + size),
    }
    at += 46 + nameLength
    return entry
  })
}

describe('a release', () => {
  test('is what a registry asks for, and nothing else', () => {
    expect(readdirSync(outDir).sort()).toEqual([
      'terraform-provider-mcp_1.2.3_SHA256SUMS',
      'terraform-provider-mcp_1.2.3_darwin_amd64.zip',
      'terraform-provider-mcp_1.2.3_darwin_arm64.zip',
      'terraform-provider-mcp_1.2.3_linux_amd64.zip',
      'terraform-provider-mcp_1.2.3_linux_arm64.zip',
      'terraform-provider-mcp_1.2.3_manifest.json',
      'terraform-registry-manifest.json',
    ])
  })

  test('sums up every file by its name', () => {
    const sums = readFileSync(join(outDir, 'terraform-provider-mcp_1.2.3_SHA256SUMS'), 'utf8').trimEnd().split('\n')
    const actual = sums
      .map((line) => line.split('  ')[1]!)
      .map(
        (name) =>
          `${createHash('sha256')
            .update(readFileSync(join(outDir, name)))
            .digest('hex')}  ${name}`,
      )
    expect(sums).toEqual(actual)
    expect(sums).toHaveLength(5)
    expect(files.map(({ name }) => name)).toEqual([
      ...sums.map((line) => line.split('  ')[1]),
      'terraform-provider-mcp_1.2.3_SHA256SUMS',
    ])
  })

  test('says which protocol it speaks, twice the same', () => {
    const manifest = readFileSync(join(outDir, 'terraform-registry-manifest.json'), 'utf8')
    expect(JSON.parse(manifest)).toEqual({ version: 1, metadata: { protocol_versions: ['6.0'] } })
    expect(readFileSync(join(outDir, 'terraform-provider-mcp_1.2.3_manifest.json'), 'utf8')).toBe(manifest)
  })

  test('holds the provider, executable, byte for byte as it is built, and what lets Node start it below any package.json', async () => {
    const { path } = await buildProvider({ outDir: join(scratch, 'built'), version: '1.2.3' })
    const entries = entriesOf(readFileSync(join(outDir, 'terraform-provider-mcp_1.2.3_linux_arm64.zip')))
    expect(entries.map(({ name, mode }) => [name, mode])).toEqual([
      ['terraform-provider-mcp_v1.2.3', 0o100755],
      ['package.json', 0o100644],
    ])
    const [{ contents, crc }] = entries as [(typeof entries)[number]]
    expect(contents.equals(readFileSync(path))).toBe(true)
    expect(crc).toBe(crc32(contents))
  })

  test('has the same bytes when it is made again', async () => {
    expect(await releaseProvider({ outDir: join(scratch, 'second'), version: '1.2.3' })).toEqual(files)
  })
})
