/** P6: kill -9 of the server loses no acknowledged write and revives no revoked session. */
import { readFile, rm } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { compileCli } from './process.ts'
import type { Running } from './process.ts'
import { startSurvivalHarness } from './harness.ts'
import type { SurvivalHarness } from './harness.ts'
import { Writer, seededRandom } from './writer.ts'
import type { HeldSession } from './writer.ts'

// `ROUNDS=50 npx vitest run test/survival/kill.test.ts` for the long form.
const rounds = Number(process.env.ROUNDS ?? 3)
const WRITERS = 20
/** Of each writer's sessions so many of the newest, and so many older ones, are looked at after a kill. */
const NEWEST = 40
const OLDER = 5

let compiled: { directory: string; script: string }
let harness: SurvivalHarness
beforeAll(async () => {
  compiled = await compileCli()
})
afterAll(() => rm(compiled.directory, { recursive: true }))
beforeEach(async () => {
  harness = await startSurvivalHarness(compiled.script)
})
afterEach(() => harness.close())

async function verdictOn(vault: VaultClient, token: string): Promise<string> {
  const { data } = await vault.write('mcp/introspect', { token })
  return data?.active === true ? 'active' : String(data?.reason)
}

/** Asks again until it holds; what is queued at a start needs a moment. */
async function eventually(holds: () => Promise<boolean>): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await holds()) return true
    await new Promise((resolve) => {
      setTimeout(resolve, 25)
    })
  }
  return false
}

/** Compares what a session's tokens are with what its writer was told; a sentence for each that is neither. */
async function examineSession(vault: VaultClient, session: HeldSession): Promise<string[]> {
  const verdicts = await Promise.all(
    session.tokens.map(async (one) => ({
      ...one,
      verdict: await verdictOn(vault, one.token),
    })),
  )
  const wrong = ({ verdict: outcome }: (typeof verdicts)[number]): boolean => {
    if (session.standing === 'ended') return outcome !== 'revoked'
    if (session.standing === 'live') return outcome !== 'active'
    return outcome !== 'active' && outcome !== 'revoked'
  }
  const problems = verdicts
    .filter(wrong)
    .map(({ token_id, verdict: outcome }) => `${session.session_id} ${session.standing}, token ${token_id}: ${outcome}`)
  if (session.standing === 'live' && !session.refreshing) {
    for (const { lease_id } of session.tokens) {
      const known = await vault.write('sys/leases/lookup', { lease_id }).then(
        () => true,
        () => false,
      )
      if (!known) problems.push(`${session.session_id} live, lease ${lease_id}: lost`)
    }
  }
  if (session.standing === 'doubtful')
    session.standing = verdicts.every(({ verdict: outcome }) => outcome === 'revoked') ? 'ended' : 'live'
  if (session.standing === 'ending') {
    const over = await eventually(async () => (await verdictOn(vault, session.tokens[0]!.token)) === 'revoked')
    if (over) session.standing = 'ended'
    else problems.push(`${session.session_id}: outlived the Vault token that asked for it`)
  }
  return problems
}

/** The writer's documents; each must hold a value that was acknowledged, or sent later without a response. */
async function examineDocuments(vault: VaultClient, writer: Writer): Promise<string[]> {
  const [agent, scopes, secret] = await Promise.all([
    vault.read(`mcp/agents/${writer.agent}`),
    vault.read(`mcp/agents/${writer.agent}/scopes`),
    vault.read(`secret/data/${writer.agent}`),
  ])
  const kept = secret?.data as { data: { version: number }; metadata: { version: number } } | undefined
  const now = {
    description: String(agent?.data?.description),
    maxTtl: Number(scopes?.data?.max_ttl_seconds),
    secret: kept?.metadata.version ?? 0,
  }
  const problems = [
    ...(writer.description.possible.includes(now.description)
      ? []
      : [`${writer.agent}: description is "${now.description}", not of ${writer.description.possible.join(' | ')}`]),
    ...(writer.maxTtl.possible.includes(now.maxTtl)
      ? []
      : [`${writer.agent}: max_ttl_seconds is ${String(now.maxTtl)}, not of ${writer.maxTtl.possible.join(' | ')}`]),
    ...(writer.secret.possible.includes(now.secret)
      ? []
      : [`${writer.agent}: secret is at version ${String(now.secret)}, not of ${writer.secret.possible.join(' | ')}`]),
    ...(kept === undefined || kept.data.version === kept.metadata.version
      ? []
      : [`${writer.agent}: version ${String(kept.metadata.version)} holds the value of ${String(kept.data.version)}`]),
  ]
  writer.settle(now)
  // A kill between disabling and enabling leaves it disabled.
  await vault.write(`mcp/agents/${writer.agent}`, { disabled: false })
  return problems
}

/** The newest sessions all, the older ones by lot. */
function sample(sessions: readonly HeldSession[], random: () => number): HeldSession[] {
  const older = sessions.slice(0, -NEWEST)
  return [
    ...sessions.slice(-NEWEST),
    ...Array.from({ length: Math.min(OLDER, older.length) }, () => older[Math.floor(random() * older.length)]!),
  ]
}

async function leasesOf(vault: VaultClient, agent: string): Promise<string[]> {
  const below = async (prefix: string): Promise<string[]> => {
    const keys = ((await vault.list(`sys/leases/lookup/${prefix}`))?.data?.keys ?? []) as string[]
    const lists = await Promise.all(
      keys.map((key) => (key.endsWith('/') ? below(`${prefix}${key}`) : [`${prefix}${key}`])),
    )
    return lists.flat()
  }
  return below(`mcp/creds/${agent}/`)
}

describe('kill -9 of the server', () => {
  it(
    'in the middle of its very first start leaves a store that starts, with one way in',
    async () => {
      const random = seededRandom(7)
      const begun = Date.now()
      const measured = await harness.startServer()
      const startMs = Date.now() - begun
      await measured.stop('SIGKILL')
      for (let round = 0; round < Math.ceil(rounds / 3); round++) {
        await harness.configure({ path: `first-${String(round)}` })
        await rm(harness.workshop.path('store.key'))
        // Most of a start is loading; what is of interest happens towards its end.
        for (let attempt = 0; attempt < 3; attempt++)
          await harness.workshop.startAndKill(['server', '-config=server.hcl'], startMs * (0.6 + 0.5 * random()))
        const server = await harness.startServer()
        const token = (await readFile(harness.workshop.path(`first-${String(round)}/root-token`), 'utf8')).trim()
        expect((await harness.client(token).read('auth/token/lookup-self'))?.data).toMatchObject({ policies: ['root'] })
        expect((await harness.client(token).read('sys/audit'))?.data).toHaveProperty('file/')
        await server.stop('SIGKILL')
      }
    },
    30_000 + rounds * 20_000,
  )

  it(
    `loses no acknowledged write and revives nothing in ${String(rounds)} rounds of ${String(WRITERS)} writers`,
    async () => {
      const random = seededRandom(20_260_315)
      let server: Running = await harness.startServer()
      const vault = await harness.asRoot()
      await vault.write('sys/mounts/mcp', { type: 'mcp' })
      await vault.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
      const writers = Array.from(
        { length: WRITERS },
        (_, i) => new Writer(vault, `agent-${String(i)}`, seededRandom(i)),
      )
      await Promise.all(writers.map((writer) => writer.setUp()))
      let examined = 0
      for (let round = 0; round < rounds; round++) {
        const working = Promise.all(writers.map((writer) => writer.workUntilItDies()))
        await new Promise((resolve) => {
          setTimeout(resolve, 100 + random() * 500)
        })
        expect(await server.stop('SIGKILL')).toEqual([null, 'SIGKILL'])
        await working
        server = await harness.startServer()
        const problems = await Promise.all(
          writers.map(async (writer) => {
            const sessions = sample(writer.sessions, random)
            examined += sessions.length
            const found = await examineDocuments(vault, writer)
            for (const session of sessions) found.push(...(await examineSession(vault, session)))
            return found
          }),
        )
        expect(problems.flat(), `round ${String(round)}`).toEqual([])
      }
      const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged, 0)
      // Enough was done for the rounds to mean something, on a slow machine too.
      expect(acknowledged).toBeGreaterThan(rounds * 10)
      await endEverything(vault, writers)
      if (process.env.ROUNDS !== undefined)
        console.log(
          `${String(rounds)} rounds: ${String(acknowledged)} acknowledged pieces of work, ${String(examined)} sessions examined`,
        )
    },
    60_000 + rounds * 20_000,
  )

  /** Every lease there is can be revoked, and with the last one nothing is alive. */
  async function endEverything(vault: VaultClient, writers: readonly Writer[]): Promise<void> {
    for (const { agent } of writers) {
      await Promise.all(
        (await leasesOf(vault, agent)).map((lease_id) => vault.write('sys/leases/revoke', { lease_id, sync: true })),
      )
      expect(await leasesOf(vault, agent)).toEqual([])
    }
    const tokens = writers.flatMap(({ sessions }) => sessions.flatMap((session) => session.tokens))
    const verdicts = await Promise.all(tokens.map(({ token }) => verdictOn(vault, token)))
    expect(verdicts.filter((outcome) => outcome !== 'revoked')).toEqual([])
  }
})
