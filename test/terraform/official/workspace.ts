import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { inflateRawSync } from 'node:zlib'
import { findTerraform } from '../../../scripts/find-terraform.mjs'

const root = resolve(import.meta.dirname, '../../..')
const LIMIT_MS = 120_000

export interface Run {
  readonly code: number
  /** stdout and stderr, as they came. */
  readonly output: string
}

export interface Workspace {
  /** The configuration Terraform is run in; a copy, to be edited at will. */
  readonly folder: string
  /** One command; `env` over what the workspace was opened with. Never rejects: the exit code says how it went. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Run>
  /** As `run`, and throws with the whole output unless it exits 0. */
  must(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>
  /** Replaces a text that must be there in a file of the configuration. */
  edit(file: string, from: string, to: string): Promise<void>
  /** Every file Terraform wrote or was given, by path, entries of plan files unpacked, and all it has said so far. */
  everything(): Promise<Readonly<Record<string, string>>>
  close(): Promise<void>
}

/**
 * A copy of `vault-config/<configuration>` with the modules and policies it refers to, for the provider binary as it is: dev_overrides
 * need no init and no registry.
 */
export async function openWorkspace(
  configuration: string,
  { provider, env }: { provider: string; env: Readonly<Record<string, string>> },
): Promise<Workspace> {
  const scratch = await mkdtemp(join(tmpdir(), 'terraform-official-'))
  for (const folder of ['terraform/vault-provider', 'terraform/examples/article-official', 'policies']) {
    await cp(join(root, 'vault-config', folder), join(scratch, folder), {
      recursive: true,
      filter: (path) => !/\.terraform|terraform\.tfstate/.test(path),
    })
  }
  const cliConfig = join(scratch, 'cli.tfrc')
  await writeFile(
    cliConfig,
    `provider_installation {\n  dev_overrides { "hashicorp/vault" = ${JSON.stringify(dirname(resolve(provider)))} }\n}\n`,
  )
  await mkdir(join(scratch, 'home'))
  const { binary } = findTerraform()
  const folder = join(scratch, 'terraform', configuration)
  // Nothing of this machine's own settings: no CLI configuration, no token file, no proxy.
  const base = {
    PATH: process.env.PATH ?? '',
    HOME: join(scratch, 'home'),
    TMPDIR: scratch,
    TF_CLI_CONFIG_FILE: cliConfig,
    CHECKPOINT_DISABLE: '1',
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    ...env,
  }
  const said: string[] = []
  const run: Workspace['run'] = (args, more = {}) =>
    new Promise((done) => {
      execFile(
        binary,
        [...args, ...(colourful.has(args[0] ?? '') ? ['-no-color'] : [])],
        { cwd: folder, env: { ...base, ...more }, timeout: LIMIT_MS, maxBuffer: 64 * 2 ** 20 },
        (failure, stdout, stderr) => {
          const output = stdout + stderr
          said.push(output)
          done({ code: failure === null ? 0 : typeof failure.code === 'number' ? failure.code : -1, output })
        },
      )
    })
  const must: Workspace['must'] = async (args, more) => {
    const { code, output } = await run(args, more)
    if (code !== 0) throw new Error(`terraform ${args.join(' ')} exited ${code}:\n${output}`)
    return output
  }
  // Modules are linked, providers are not looked for.
  await must(['get'])
  return {
    folder,
    run,
    must,
    async edit(file, from, to) {
      const text = await readFile(join(folder, file), 'utf8')
      if (!text.includes(from)) throw new Error(`${file} does not hold ${JSON.stringify(from)}`)
      await writeFile(join(folder, file), text.replaceAll(from, to))
    },
    everything: async () => ({ ...(await filesBelow(scratch)), 'all output': said.join('\n') }),
    close: () => rm(scratch, { recursive: true, force: true }),
  }
}

const colourful = new Set(['apply', 'plan', 'destroy', 'get', 'validate', 'test', 'import'])

async function filesBelow(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const content = await readFile(path)
    Object.assign(
      found,
      entry.name.endsWith('.tfplan')
        ? Object.fromEntries(unzip(content).map(([name, text]) => [`${path}:${name}`, text]))
        : { [path]: content.toString('latin1') },
    )
  }
  return found
}

/** The entries of a zip file: from its central directory, which the end record points to (APPNOTE 4.3.12, 4.3.16). */
function unzip(zip: Buffer): [name: string, text: string][] {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06'))
  const entries: [string, string][] = []
  for (let at = zip.readUInt32LE(end + 16), left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [method, size, nameLength, extraLength, commentLength, local] = [
      zip.readUInt16LE(at + 10),
      zip.readUInt32LE(at + 20),
      zip.readUInt16LE(at + 28),
      zip.readUInt16LE(at + 30),
      zip.readUInt16LE(at + 32),
      zip.readUInt32LE(at + 42),
    ]
    const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
    const data = zip.subarray(from, from + size)
    entries.push([
      zip.toString('utf8', at + 46, at + 46 + nameLength),
      (method === 8 ? inflateRawSync(data) : data).toString('latin1'),
    ])
    at += 46 + nameLength + extraLength + commentLength
  }
  return entries
}
