import { expect, it } from 'vitest'
import { MemoryStorage } from '../../src/logical/storage.ts'
import type { StorageEntry } from '../../src/logical/storage.ts'
import { settle } from '../fakes/clock.ts'
import { TestEngine } from './engine.ts'

/** Reads of one key take their value at once and hand it over when told to. */
class SlowStorage extends MemoryStorage {
  slowKey = ''
  #release: () => void = () => undefined

  override async get(key: string): Promise<StorageEntry | undefined> {
    const entry = await super.get(key)
    if (key === this.slowKey)
      await new Promise<void>((resolve) => {
        this.#release = resolve
      })
    return entry
  }

  release(): void {
    this.slowKey = ''
    this.#release()
  }
}

async function start(): Promise<{ engine: TestEngine; storage: SlowStorage }> {
  const storage = new SlowStorage()
  const engine = await TestEngine.start({ storage })
  await engine.write('agents/billing', { owner: 'before', environment: 'production' })
  await engine.restart()
  return { engine, storage }
}

it('a record is read once, however much else is written meanwhile and however many ask for it', async () => {
  const { engine, storage } = await start()
  storage.slowKey = 'ag/billing'
  const during = await engine.storage.during(async () => {
    const reads = [engine.read('agents/billing'), engine.read('agents/billing')]
    await settle()
    await engine.write('upstreams/stripe', { url: 'https://api.stripe.com' })
    storage.release()
    await Promise.all(reads)
    await engine.read('agents/billing')
  })
  expect(during.get).toBe(2)
})

it('what a change overtook is answered but not kept', async () => {
  const { engine, storage } = await start()
  const activeNode = await TestEngine.start({ storage })
  storage.slowKey = 'ag/billing'
  const slow = engine.read('agents/billing')
  await settle()
  storage.slowKey = ''
  await activeNode.write('agents/billing', { owner: 'after' })
  engine.backend.invalidateKey('ag/billing')
  storage.release()
  expect((await slow)!.data).toMatchObject({ owner: 'before' })
  expect((await engine.read('agents/billing'))!.data).toMatchObject({ owner: 'after' })
})

it('a record changed by another node is read again once that is announced', async () => {
  const { engine, storage } = await start()
  const activeNode = await TestEngine.start({ storage })
  await engine.read('agents/billing')
  await activeNode.write('agents/billing', { owner: 'after' })
  expect((await engine.read('agents/billing'))!.data).toMatchObject({ owner: 'before' })
  engine.backend.invalidateKey('ag/billing')
  expect((await engine.read('agents/billing'))!.data).toMatchObject({ owner: 'after' })
})

it('a read that fails is tried again by the next who asks', async () => {
  const { engine } = await start()
  engine.storage.failGets = true
  expect((await engine.refusal(engine.read('agents/billing'))).kind).toBe('unavailable')
  engine.storage.failGets = false
  expect((await engine.read('agents/billing'))!.data).toMatchObject({ owner: 'before' })
})

it('what is in use stays in memory, however many unknown tokens are asked about', async () => {
  const { engine } = await start()
  for (let i = 0; i < 60_000; i++) {
    await engine.introspect({ token_sha256: i.toString(16).padStart(20, '0').padEnd(64, 'a') })
    if (i % 10_000 === 0) await engine.read('agents/billing')
  }
  expect(await engine.storage.during(() => engine.read('agents/billing'))).toMatchObject({ get: 0 })
})

it('what is long pushes out what is not in use, so that memory stays bounded by bytes too', async () => {
  const { engine } = await start()
  await engine.read('agents/billing')
  const policy = `# ${'x'.repeat(200_000)}\npath "tools/stripe/invoices" { capabilities = ["read"] }`
  for (let i = 0; i < 700; i++) await engine.write(`policies/long-${i}`, { policy })
  expect(await engine.storage.during(() => engine.read('agents/billing'))).toMatchObject({ get: 1 })
})
