// What a release of the Terraform provider consists of, in a registry's layout: one zip for each platform, the manifest, and the
// SHA-256 of all of them. The provider is a script: every zip holds the same file, and all bytes are the same for the same commit.
//   --out=<dir>                 dist/release
//   --provider-version=1.2.3    by default the package's
// A folder <mirror>/<host>/<namespace>/mcp/ of these zips is a filesystem_mirror as it is. A registry wants the sums signed as well, which
// takes the publisher's key: gpg --detach-sign terraform-provider-mcp_<version>_SHA256SUMS
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildProvider, providerFile } from './build-provider.mjs'
import { buildOptions, own } from './bundle.mjs'
import { zip } from './zip.mjs'

const platforms = ['darwin_amd64', 'darwin_arm64', 'linux_amd64', 'linux_arm64']
/** Of the plugin protocol; a registry offers the provider only to who speaks it. */
const manifest = `${JSON.stringify({ version: 1, metadata: { protocol_versions: ['6.0'] } }, null, 2)}\n`

/** Writes all files of the release into `outDir`; resolves to `{ name, sha256 }` of each, the sums last. */
export async function releaseProvider({ outDir, version = own.version }) {
  const scratch = mkdtempSync(join(tmpdir(), 'provider-release-'))
  let provider
  try {
    provider = readFileSync((await buildProvider({ outDir: scratch, version })).path)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  const stem = `${providerFile}_${version}`
  // What src/cli/terraform.ts installs and nothing else, so that a lock file has one checksum for both; licences are at the provider's end.
  const archive = zip([
    { name: `${providerFile}_v${version}`, contents: provider, mode: 0o755 },
    { name: 'package.json', contents: Buffer.from('{"type":"commonjs"}\n'), mode: 0o644 },
  ])
  const files = [
    ...platforms.map((platform) => [`${stem}_${platform}.zip`, archive]),
    [`${stem}_manifest.json`, Buffer.from(manifest)],
  ]
  const summed = files.map(([name, contents]) => ({
    name,
    contents,
    sha256: createHash('sha256').update(contents).digest('hex'),
  }))
  const sums = Buffer.from(summed.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(''))
  const all = [
    ...summed,
    { name: `${stem}_SHA256SUMS`, contents: sums, sha256: createHash('sha256').update(sums).digest('hex') },
  ]
  mkdirSync(outDir, { recursive: true })
  for (const { name, contents } of [...all, { name: 'terraform-registry-manifest.json', contents: manifest }]) {
    const unfinished = join(outDir, `.${name}.${process.pid}.tmp`)
    writeFileSync(unfinished, contents)
    renameSync(unfinished, join(outDir, name))
  }
  return all.map(({ name, sha256 }) => ({ name, sha256 }))
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { outDir, version, node } = buildOptions('dist/release', 'provider-version')
    if (node !== undefined) throw new Error('node: a release is for every machine; its first line is /usr/bin/env node')
    console.log(outDir)
    for (const { name, sha256 } of await releaseProvider({ outDir, version })) console.log(`${sha256}  ${name}`)
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
