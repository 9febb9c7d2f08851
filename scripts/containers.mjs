// The acceptance suite's server in a container: what it needs, and how its image is built. Options are environment variables:
//   SERVER_IMAGE, NODE_IMAGE  what vault-config/docker/Dockerfile is built from; also images that `docker import` made of a root file system
//   DOCKER_NETWORK            bridge (default), or host where Docker has no bridge: for the build and for the container
//   DOCKER_BUILDKIT           Docker's own: 0 for the legacy builder
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const folder = join(root, 'vault-config/docker')
const networks = ['bridge', 'host']

/** How the target is to be run; what the environment does not name is the Dockerfile's own. Throws one sentence for what is not an option. */
export function containerOptions(env) {
  const dockerfile = readFileSync(join(folder, 'Dockerfile'), 'utf8')
  const image = (name) => env[name] || new RegExp(`^ARG ${name}=(\\S+)$`, 'm').exec(dockerfile)[1]
  const network = env.DOCKER_NETWORK || 'bridge'
  if (!networks.includes(network))
    throw new Error(`DOCKER_NETWORK=${network} is not a network of TARGET=containers: set it to bridge or host.`)
  const serverImage = image('SERVER_IMAGE')
  return {
    serverImage,
    nodeImage: image('NODE_IMAGE'),
    network,
    product: serverImage.includes('openbao') ? 'openbao' : 'vault',
  }
}

/** Throws one sentence that names what is missing: Docker, or one of the images. `docker` runs its command line. */
export function requireContainers(env = process.env, docker = dockerCommand(env)) {
  const options = containerOptions(env)
  if (!docker(['version', '--format', '{{.Server.Version}}']).ok)
    throw new Error(
      'TARGET=containers needs Docker, and none answers: install and start Docker, or set DOCKER_HOST to one that runs.',
    )
  for (const [name, image] of [
    ['SERVER_IMAGE', options.serverImage],
    ['NODE_IMAGE', options.nodeImage],
  ])
    if (!docker(['image', 'inspect', image]).ok && !docker(['pull', image]).ok)
      throw new Error(
        `TARGET=containers needs the image ${image}, which is not here and cannot be pulled: set ${name} to one that is here, for example one made with \`docker import\`.`,
      )
  return options
}

/** Builds the Dockerfile under the name `tag`. Throws with the end of the build's output. */
export function buildServerImage({ serverImage, nodeImage, network, product }, tag, docker = dockerCommand()) {
  const context = mkdtempSync(join(tmpdir(), 'server-image-'))
  try {
    // The legacy builder does not read Dockerfile.dockerignore: what the build may see is copied.
    for (const name of allowedFiles()) cpSync(join(root, name), join(context, name), { recursive: true })
    const built = docker([
      'build',
      `--network=${network === 'host' ? 'host' : 'default'}`,
      `--file=${join(folder, 'Dockerfile')}`,
      `--tag=${tag}`,
      `--build-arg=SERVER_IMAGE=${serverImage}`,
      `--build-arg=NODE_IMAGE=${nodeImage}`,
      `--build-arg=SERVER=${product}`,
      context,
    ])
    if (!built.ok) throw new Error(`the image of TARGET=containers could not be built:\n${built.end}`)
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}

/** Stops the containers that carry `label` and removes the image `tag`; what is gone already is not a failure. */
export function removeContainers(label, tag, docker = dockerCommand()) {
  const { output } = docker(['ps', '--all', '--quiet', `--filter=label=${label}`])
  const ids = output.split('\n').filter((id) => id !== '')
  if (ids.length > 0) docker(['rm', '--force', '--volumes', ...ids])
  docker(['image', 'rm', '--force', tag])
}

/** The names that the Dockerfile's ignore file lets through. */
const allowedFiles = () =>
  readFileSync(join(folder, 'Dockerfile.dockerignore'), 'utf8')
    .split('\n')
    .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []))

const linesShown = 30
const longestMinutes = 20

function dockerCommand(env = process.env) {
  return (args) => {
    const { status, stdout, stderr } = spawnSync('docker', args, {
      env,
      encoding: 'utf8',
      timeout: longestMinutes * 60_000,
      maxBuffer: 64 * 1024 * 1024,
    })
    const output = stdout ?? ''
    return { ok: status === 0, output, end: `${output}${stderr ?? ''}`.split('\n').slice(-linesShown).join('\n') }
  }
}
