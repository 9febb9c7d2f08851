import { expect, it } from 'vitest'
import { getJson, prefixStorage, putJson } from '../../../src/logical/storage.ts'
import { startHostHarness } from '../harness.ts'

it('a store of a version without identities gets its mount, once, and keeps its own', async () => {
  const first = await startHostHarness()
  await first.host.close()
  const core = prefixStorage(first.storage, 'core/')
  const { entries } = (await getJson<{ entries: { path: string }[] }>(core, 'mounts'))!
  await putJson(core, 'mounts', { entries: entries.filter(({ path }) => path !== 'identity/') })
  for (let start = 0; start < 2; start++) {
    const again = await startHostHarness({ storage: first.storage }, first.engine)
    const { data } = (await again.call('GET', 'sys/mounts')).body
    expect(Object.keys(data as object)).toEqual(['identity/', 'lend/', 'sys/'])
    expect((await again.call('POST', 'identity/entity', { name: 'x' })).status).toBe(start === 0 ? 200 : 204)
    await again.host.close()
  }
})

it('entities and what they are known by outlive a restart', async () => {
  const first = await startHostHarness()
  await first.call('POST', 'sys/auth/approle', { type: 'approle' })
  const { accessor } = (await first.call('GET', 'sys/auth/approle')).body.data
  const { id } = (await first.call('POST', 'identity/entity', { name: 'x' })).body.data
  await first.call('POST', 'identity/entity-alias', { name: 'role', canonical_id: id, mount_accessor: accessor })
  await first.host.close()
  const again = await startHostHarness({ storage: first.storage }, first.engine)
  const found = { alias_name: 'role', alias_mount_accessor: accessor }
  expect((await again.call('POST', 'identity/lookup/entity', found)).body.data.id).toBe(id)
  expect((await again.call('POST', 'identity/entity', { name: 'x', policies: 'root' })).status).toBe(400)
  await again.host.close()
})

it('an alias moves to the entity it is given to, and stands for one at a time', async () => {
  const { call, host } = await startHostHarness()
  await call('POST', 'sys/auth/approle', { type: 'approle' })
  const { accessor } = (await call('GET', 'sys/auth/approle')).body.data
  const made = async (name: string) => (await call('POST', 'identity/entity', { name })).body.data.id as string
  const [one, other] = [await made('one'), await made('other')]
  for (const canonical_id of [one, other])
    await call('POST', 'identity/entity-alias', { name: 'role', canonical_id, mount_accessor: accessor })
  const aliases = async (id: string) => (await call('GET', `identity/entity/id/${id}`)).body.data.aliases as unknown[]
  expect([await aliases(one), await aliases(other)].map(({ length }) => length)).toEqual([0, 1])
  await host.close()
})
