// From spawn to the handshake line, which is what a server waits for when it mounts, reloads or unseals; beside a Node that prints one
// line and ends, which no plugin in JavaScript can be faster than.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { quantile } from '../loops.mjs'

const RUNS = 15
/** Any certificate will do for a host that never connects. Its key was never kept. */
const hostCertificate = `-----BEGIN CERTIFICATE-----
MIIBlDCCATugAwIBAgIUNUj6+pjDct0nU3Q6xdNOw/PCWuwwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA1NDAxOFoYDzIxMjYxMDI4
MDU0MDE4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAS53Lt7pQWyUvVvDh+/pVHFwD3mz9K8EfINJGgMqi7lx7kGVPYWSQR5
FZDhF4bFSMLd7QZTZeBRALa5bS+d+w1+o2kwZzAdBgNVHQ4EFgQUMG2SwiypoEs9
g3kytZ131vw87XUwHwYDVR0jBBgwFoAUMG2SwiypoEs9g3kytZ131vw87XUwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
RwAwRAIgDVEGy6LfRuVxx8Zxy7qsT0Qi9q1Mr1qhohnp83pUNNwCIC6fAbBqald1
Me6el0d7iS7xHuGMhtLFlylP/zldTw6h
-----END CERTIFICATE-----
`
const cookie = {
  VAULT_BACKEND_PLUGIN: '6669da05-b1c8-4f49-97d9-c8e5bed98e20',
  PLUGIN_PROTOCOL_VERSIONS: '5',
  VAULT_PLUGIN_METADATA_MODE: 'false',
  VAULT_PLUGIN_AUTOMTLS_ENABLED: 'true',
  VAULT_VERSION: '1.21.0',
}

async function lineAfter(program, args, env) {
  const started = performance.now()
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const exited = once(child, 'exit')
  await once(child.stdout, 'data')
  const took = performance.now() - started
  child.kill('SIGKILL')
  await exited
  return took
}

export async function measureStart({ engine, peer }) {
  const env = { PATH: process.env.PATH, ...cookie, PLUGIN_CLIENT_CERT: hostCertificate }
  const subjects = [
    { name: 'Node, one line', run: () => lineAfter(process.execPath, ['-e', 'console.log(1)'], env), took: [] },
    { name: 'Go peer', run: () => lineAfter(peer, [], env), took: [] },
    { name: 'mcp', run: () => lineAfter(engine, [], env), took: [] },
  ]
  for (let turn = 0; turn <= RUNS; turn++) {
    for (const { run, took } of subjects) {
      const ms = await run()
      // The first warms the page cache.
      if (turn > 0) took.push(ms)
    }
  }
  console.log('\nSpawn to handshake line, ms: p50, most; times a bare Node')
  for (const { name, took } of subjects) {
    console.log(
      name.padEnd(20) +
        [
          quantile(took, 0.5).toFixed(0),
          Math.max(...took).toFixed(0),
          (quantile(took, 0.5) / quantile(subjects[0].took, 0.5)).toFixed(2),
        ]
          .map((cell) => cell.padStart(15))
          .join(''),
    )
  }
}
