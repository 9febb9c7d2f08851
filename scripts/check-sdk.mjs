// The packed product in MCP servers of both lines of the MCP SDK, as ES modules and as CommonJS: what their bearer middleware
// makes of live, revoked and malformed tokens. Needs a build (npm run build) and a package registry, because the second line is
// no dependency of this repository. NODES="node20 node22" names the Node programs to run under; default is this one.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-sdk-'))
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const nodes = (process.env.NODES ?? process.execPath).split(' ')

const lines = {
  v1: [`@modelcontextprotocol/sdk@${devDependencies['@modelcontextprotocol/sdk']}`, 'express@5'],
  v2: ['@modelcontextprotocol/server@2', '@modelcontextprotocol/express@2', 'express@5'],
}
const middleware = {
  v1: '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js',
  v2: '@modelcontextprotocol/express',
}
const loads = {
  'module.mjs': (line) => `import express from 'express'
import { requireBearerAuth } from '${middleware[line]}'
import { connect } from 'vault-plugin-secrets-mcp/client'
import { startFakeGateway } from 'vault-plugin-secrets-mcp/client/testing'`,
  'required.cjs': (line) => `const express = require('express')
const { requireBearerAuth } = require('${middleware[line]}')
const { connect } = require('vault-plugin-secrets-mcp/client')
const { startFakeGateway } = require('vault-plugin-secrets-mcp/client/testing')`,
  'imported.cjs': (line) => `const express = require('express')
const { requireBearerAuth } = require('${middleware[line]}')
const loading = Promise.all([import('vault-plugin-secrets-mcp/client'), import('vault-plugin-secrets-mcp/client/testing')])`,
}

const program = (load) => `${load}
async function main() {
  ${load.includes('loading') ? 'const [{ connect }, { startFakeGateway }] = await loading' : ''}
  const fake = await startFakeGateway()
  const gateway = connect({ address: fake.address, token: fake.token })
  const app = express()
  app.use('/any', requireBearerAuth({ verifier: gateway.verifier() }), (request, response) => response.json(request.auth))
  app.use('/needs', requireBearerAuth({ verifier: gateway.verifier(), requiredScopes: ['read:stripe:events'] }), (_, response) => response.json({}))
  const server = await new Promise((resolve) => { const bound = app.listen(0, '127.0.0.1', () => resolve(bound)) })
  const status = async (path, token) => {
    const { port } = server.address()
    const response = await fetch('http://127.0.0.1:' + port + path, { headers: { authorization: 'Bearer ' + token } })
    return response.status + (response.headers.get('www-authenticate')?.includes('invalid_token') ? ' challenge' : '')
  }
  const session = fake.openSession({ scopes: ['read:stripe:events'] })
  const seen = { live: await status('/any', session.token), scope: await status('/needs', session.token) }
  fake.changeScopes(session.session_id, [])
  seen.narrowed = await status('/needs', session.token)
  seen.malformed = await status('/any', 'svt_prod_noise')
  fake.endSession(session.session_id)
  seen.revoked = await status('/any', session.token)
  const expired = fake.openSession()
  fake.endSession(expired.session_id, 'expired')
  seen.expired = await status('/any', expired.token)
  const { token } = fake.openSession()
  await fake.close()
  seen.outage = await status('/any', token)
  console.log(JSON.stringify(seen))
  process.exit(0)
}
void main()
`
const expected = {
  live: '200',
  scope: '200',
  narrowed: '403',
  malformed: '401 challenge',
  revoked: '401 challenge',
  expired: '401 challenge',
  outage: '500',
}

function npm(args, cwd) {
  return execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd, encoding: 'utf8' })
}

try {
  const packed = join(
    scratch,
    npm(['pack', '--ignore-scripts', '--pack-destination', scratch], root).trim().split('\n').at(-1),
  )
  const counts = { passed: 0, failed: 0 }
  for (const [line, packages] of Object.entries(lines)) {
    const folder = join(scratch, line)
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), '{"private":true}')
    npm(['install', '--ignore-scripts', packed, ...packages], folder)
    for (const [file, load] of Object.entries(loads)) {
      writeFileSync(join(folder, file), program(load(line)))
      for (const node of nodes) {
        const { stdout, stderr } = spawnSync(node, [file], { cwd: folder, encoding: 'utf8', timeout: 60_000 })
        const ok = stdout.trim() === JSON.stringify(expected)
        counts[ok ? 'passed' : 'failed']++
        console.log(`  ${ok ? 'ok ' : 'BAD'}  SDK ${line}, ${file}, ${node}${ok ? '' : `; found ${stdout}${stderr}`}`)
      }
    }
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, 0 skipped`)
  process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
