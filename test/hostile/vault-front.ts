/** What stands between the gateway and its Vault, and fails on the paths whose name says so: `…/sealed-kv`, `…/hanging-kv`. */
import { createServer, request as ask } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface VaultFront {
  readonly url: string
  close(): Promise<void>
}

type Failure = (response: ServerResponse) => void

const failures: readonly (readonly [path: RegExp, fail: Failure])[] = [
  [
    /\/sealed-kv$/,
    (response) => {
      response.writeHead(503).end('{"errors":["Vault is sealed"]}')
    },
  ],
  [
    /\/broken-kv$/,
    (response) => {
      response.writeHead(500).end('{"errors":["1 error occurred: at core.go:12 hvs.CAESIsecret"]}')
    },
  ],
  [
    /\/garbage-kv$/,
    (response) => {
      response.writeHead(200).end('<html>hvs.CAESIsecret</html>')
    },
  ],
  [
    /\/redirecting-kv$/,
    (response) => {
      response.writeHead(307, { location: 'http://169.254.169.254/' }).end()
    },
  ],
  [
    /\/gone-kv$/,
    (response) => {
      response.socket?.resetAndDestroy()
    },
  ],
  [/\/hanging-kv$/, () => undefined],
]

export async function startVaultFront(vaultUrl: string): Promise<VaultFront> {
  const { hostname, port } = new URL(vaultUrl)
  const server = createServer((request, response) => {
    const path = request.url!.split('?', 1)[0]!
    const failure = failures.find(([pattern]) => pattern.test(path) && path.startsWith('/v1/secret/'))
    if (failure) {
      failure[1](response)
      return
    }
    const behind = ask(
      {
        hostname,
        port,
        path: request.url,
        method: request.method,
        headers: { ...request.headers, host: `${hostname}:${port}` },
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    behind.on('error', () => {
      response.destroy()
    })
    response.on('close', () => {
      behind.destroy()
    })
    request.pipe(behind)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}
