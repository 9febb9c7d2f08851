import { createHash } from 'node:crypto'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { replaceDurably } from '../logical/durable-file.ts'
import { command } from './command.ts'
import type { Family } from './command.ts'
import { Failure, UsageError } from './failure.ts'
import { text, texts } from './flags.ts'
import { document, formatFlag, formatOf } from './format.ts'
import type { Format } from './format.ts'
import type { Io } from './io.ts'

/** What is found in a local folder under this name is looked for nowhere else; no registry answers to the host. */
const ADDRESS = 'terraform.local/mcp/mcp'
const FILE = 'terraform-provider-mcp'
/**
 * Lies beside the provider, here as in the release: to Node `_v1.2.3` is a file extension, which it refuses below a package.json that
 * says `"type": "module"`, as that of the project the .tf files are in may. Of one package.json it asks no further.
 */
const MANIFEST = Buffer.from('{"type":"commonjs"}\n')

/** Go's names of what Node calls otherwise; the provider is a script, so these are all the same bytes. */
const systems: Readonly<Record<string, string>> = {
  linux: 'linux',
  darwin: 'darwin',
  freebsd: 'freebsd',
  openbsd: 'openbsd',
}
const processors: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ia32: '386' }

/** The machine a command runs on, in Node's words. */
export interface Machine {
  readonly platform: string
  readonly arch: string
}

const windows =
  'Windows is not supported: Terraform starts only .exe files there, which this script is not, and the provider listens on a Unix socket only. Run Terraform, and this command, in WSL.'

function platformsOf(requested: readonly string[], { platform, arch }: Machine): readonly string[] {
  if (requested.length > 0) return requested.map(checkedPlatform)
  if (platform === 'win32') throw new Failure(1, windows)
  const [system, processor] = [systems[platform], processors[arch]]
  if (system === undefined || processor === undefined)
    throw new Failure(
      1,
      `There is no provider for ${platform} on ${arch}: the platforms are ${known(systems)} on ${known(processors)}.`,
    )
  return [`${system}_${processor}`]
}

const known = (names: Readonly<Record<string, string>>): string => Object.values(names).join(', ')

function checkedPlatform(requested: string): string {
  const [system = '', processor = '', ...rest] = requested.split('_')
  if (system === 'windows') throw new Failure(1, windows)
  if (rest.length > 0 || !Object.values(systems).includes(system) || !Object.values(processors).includes(processor)) {
    throw new UsageError(
      `-platform: "${requested}" is not one of ${known(systems)} with one of ${known(processors)}, for example -platform=linux_arm64`,
    )
  }
  return requested
}

/** Its head names the version it was built as: a folder must not claim another one. */
async function builtProvider(
  file: string,
): Promise<{ readonly contents: Buffer; readonly version: string; readonly sha256: string }> {
  const contents = await readFile(file).catch((thrown: unknown) => {
    const { code } = thrown as NodeJS.ErrnoException
    if (code === 'ENOENT')
      throw new Failure(
        1,
        `The provider is not built: there is no ${file}. In a clone of the repository: npm run build:provider`,
      )
    throw new Failure(1, `The provider ${file} cannot be read (${code ?? 'unknown'}).`)
  })
  const [, version] =
    new RegExp(`^// ${FILE} ([0-9A-Za-z.+-]+),`, 'm').exec(contents.subarray(0, 1_024).toString('latin1')) ?? []
  if (version === undefined)
    throw new Failure(
      1,
      `${file} is not the provider, or is damaged: its header names no version. Install the package again.`,
    )
  return { contents, version, sha256: createHash('sha256').update(contents).digest('hex') }
}

/** Never in place, so that a Terraform that starts it meanwhile finds the old one or the new one. True where it took another one's place. */
async function place(contents: Buffer, folder: string, file: string, mode: number): Promise<boolean> {
  const path = join(folder, file)
  try {
    await mkdir(folder, { recursive: true })
    const before = await readFile(path).catch(() => undefined)
    await replaceDurably(path, contents, mode)
    return before !== undefined && !before.equals(contents)
  } catch (thrown) {
    throw new Failure(1, `${folder} cannot be written (${(thrown as NodeJS.ErrnoException).code ?? 'unknown'}).`)
  }
}

/** As a person would type it: below where the command was called, with `./` before it. */
function shown(path: string): string {
  const below = relative(process.cwd(), path)
  return below === '..' || below.startsWith(`..${sep}`) ? path : `./${below}`
}

interface Installation {
  readonly file: string
  readonly directory: string
  readonly platforms: readonly string[]
  readonly format: Format
}

async function install(io: Io, { file, directory, platforms, format }: Installation): Promise<number> {
  const { contents, version, sha256 } = await builtProvider(file)
  const facts = await stat(directory).catch(() => undefined)
  if (!facts?.isDirectory())
    throw new Failure(1, `-dir: ${directory} is not a directory; name the one your .tf files are in.`)
  let replaced = false
  const folders: Record<string, string> = {}
  for (const platform of platforms) {
    const folder = join(directory, 'terraform.d/plugins', ADDRESS, version, platform)
    replaced = (await place(contents, folder, `${FILE}_v${version}`, 0o755)) || replaced
    await place(MANIFEST, folder, 'package.json', 0o644)
    folders[platform] = folder
    if (format === 'table') io.stdout(`${ADDRESS} ${version} → ${shown(folder)}/  (sha256 ${sha256})\n`)
  }
  if (format !== 'table') io.stdout(document(format, { source: ADDRESS, version, sha256, folders, replaced }))
  // Under the same version, not even terraform init -upgrade accepts another checksum than that of the lock file.
  if (replaced)
    io.stderr(
      `Another build of ${version} was installed there before. If .terraform.lock.hcl names ${ADDRESS}, remove that block and run terraform init.\n`,
    )
  return 0
}

/** `file` is the built provider, which is part of the package; nothing is built where it is installed. */
export function terraformCommands(file: string, machine: Machine): Family {
  const installProvider = command({
    summary: 'Put the provider where terraform init finds it without a registry',
    usage: '[flags]',
    examples: ['terraform install', 'terraform install -dir=infra -platform=linux_amd64 -platform=darwin_arm64'],
    flags: {
      dir: text('directory', 'Where your .tf files are; default the current one.'),
      platform: texts('os_arch', "Platform of the Terraform or OpenTofu that will use it; default this machine's."),
      ...formatFlag,
    },
    takes: [0, 0],
    run: ({ io, flags }) =>
      install(io, {
        file,
        directory: resolve(flags.dir ?? '.'),
        platforms: platformsOf(flags.platform, machine),
        format: formatOf(io, flags.format),
      }),
  })
  return { summary: 'Install the Terraform provider, without a registry', commands: { install: installProvider } }
}

/** `src/cli` and `dist/cli` lie equally deep in the package. */
export const terraform = terraformCommands(
  fileURLToPath(new URL(`../../dist/terraform/${FILE}`, import.meta.url)),
  process,
)
