import { describe, expect, it } from 'vitest'
import { missing, nothing, refusal, secret } from './scripted-vault.ts'
import { once, terminal } from './terminal.ts'

const v2 = secret({ path: 'secret/', type: 'kv', options: { version: '2' } })
const v1 = secret({ path: 'kv/', type: 'kv', options: { version: '1' } })
const version = {
  created_time: '2026-03-15T16:00:00Z',
  custom_metadata: null,
  deletion_time: '',
  destroyed: false,
  version: 3,
}
const written = secret(version)
const stored = (data: object | null) => secret({ data, metadata: version })

const metadataTable = `======= Metadata =======
Key                Value
---                -----
created_time       2026-03-15T16:00:00Z
custom_metadata    <nil>
deletion_time      n/a
destroyed          false
version            3
`

describe('kv put', () => {
  it('asks which version the mount has, writes below data/ and shows the new version', async () => {
    const shell = await terminal([v2, written])
    await shell.write('stripe.key', 'sk_test_1')
    const { code, out, err } = await shell.mcpVault('kv', 'put', '-mount=secret', 'mcp/stripe', 'api_key=@stripe.key')
    expect(out).toBe(`===== Secret Path =====\nsecret/data/mcp/stripe\n\n${metadataTable}`)
    expect([code, err]).toEqual([0, ''])
    expect(shell.vault.lines()).toEqual(['GET /v1/sys/internal/ui/mounts/secret', 'PUT /v1/secret/data/mcp/stripe'])
    expect(shell.vault.requests[1]!.body).toEqual({ data: { api_key: 'sk_test_1' }, options: {} })
  })

  it('finds the mount in the path when -mount is not given', async () => {
    const { vault } = await once([v2, written], ['kv', 'put', 'secret/mcp/stripe', 'a=1', '-cas', '0'])
    expect(vault.lines()).toEqual([
      'GET /v1/sys/internal/ui/mounts/secret/mcp/stripe',
      'PUT /v1/secret/data/mcp/stripe',
    ])
    expect(vault.requests[1]!.body).toEqual({ data: { a: '1' }, options: { cas: 0 } })
  })

  it('writes straight to the path of a version 1 engine', async () => {
    const { out, vault } = await once([v1, nothing], ['kv', 'put', '-mount=kv', 'mcp/stripe', 'a=1'])
    expect(out).toBe('Success! Data written to: kv/mcp/stripe\n')
    expect(vault.lines()[1]).toBe('PUT /v1/kv/mcp/stripe')
    expect(vault.requests[1]!.body).toEqual({ a: '1' })
  })

  it('takes a server without the request for version 1', async () => {
    const { vault } = await once([missing, nothing], ['kv', 'put', 'kv/mcp/stripe', 'a=1'])
    expect(vault.lines()[1]).toBe('PUT /v1/kv/mcp/stripe')
  })

  it('does not ask for the preflight to be wrapped', async () => {
    const { vault } = await once([v2, written], ['kv', 'put', '-wrap-ttl=60', 'secret/a', 'b=c'])
    expect(vault.requests.map(({ headers }) => headers['x-vault-wrap-ttl'])).toEqual([undefined, '60s'])
  })

  it('prints the refusal of a stale check-and-set', async () => {
    const { code, err } = await once(
      [v2, refusal(400, 'check-and-set parameter did not match the current version')],
      ['kv', 'put', '-cas=1', 'secret/a', 'b=c'],
    )
    expect([code, err]).toEqual([
      2,
      'Error writing data to secret/data/a: Code: 400. Errors:\n* check-and-set parameter did not match the current version\n',
    ])
  })

  it('prints the refusal of the preflight', async () => {
    const sentence =
      'preflight capability check returned 403, please ensure client\'s policies grant access to path "other/"'
    const { code, err, vault } = await once([refusal(403, sentence)], ['kv', 'put', '-mount=other', 'a', 'b=c'])
    expect([code, err]).toEqual([2, `Error looking up the mount of other: Code: 403. Errors:\n* ${sentence}\n`])
    expect(vault.requests).toHaveLength(1)
  })

  it('refuses -cas where there are no versions', async () => {
    expect(await once([v1], ['kv', 'put', '-cas=1', 'kv/a', 'b=c'])).toMatchObject({
      code: 1,
      err: 'Check-and-set not supported on KV Version 1\n',
    })
  })
})

describe('kv get', () => {
  it('shows path, metadata and data', async () => {
    const { code, out, vault } = await once(
      [v2, stored({ api_key: 'sk_test_1' })],
      ['kv', 'get', '-mount=secret', 'mcp/stripe'],
    )
    expect(out).toBe(
      `===== Secret Path =====\nsecret/data/mcp/stripe\n\n${metadataTable}\n===== Data =====\nKey        Value\n---        -----\napi_key    sk_test_1\n`,
    )
    expect([code, vault.lines()[1]]).toEqual([0, 'GET /v1/secret/data/mcp/stripe'])
  })

  it('asks for one version', async () => {
    expect((await once([v2, stored({ a: '1' })], ['kv', 'get', '-version=2', 'secret/a'])).vault.lines()[1]).toBe(
      'GET /v1/secret/data/a?version=2',
    )
  })

  it('prints a field of the data, raw', async () => {
    expect((await once([v2, stored({ api_key: 'sk_test_1' })], ['kv', 'get', '-field=api_key', 'secret/a'])).out).toBe(
      'sk_test_1',
    )
  })

  it('prints the envelope as JSON', async () => {
    const { out } = await once([v2, stored({ a: '1' })], ['kv', 'get', '-format=json', 'secret/a'])
    expect(JSON.parse(out)).toMatchObject({ request_id: 'r-1', data: { data: { a: '1' }, metadata: { version: 3 } } })
  })

  it('shows the data alone from a version 1 engine', async () => {
    expect((await once([v1, secret({ passcode: 'x' })], ['kv', 'get', 'kv/a'])).out).toBe(
      '====== Data ======\nKey         Value\n---         -----\npasscode    x\n',
    )
  })

  it('shows the metadata of a deleted version, which Vault sends with 404', async () => {
    const deleted = {
      status: 404,
      body: {
        request_id: 'r',
        lease_id: '',
        renewable: false,
        lease_duration: 0,
        data: { data: null, metadata: version },
        warnings: null,
      },
    }
    const shell = await terminal([v2, deleted, v2, deleted])
    expect(await shell.mcpVault('kv', 'get', 'secret/a')).toMatchObject({
      code: 0,
      out: `== Secret Path ==\nsecret/data/a\n\n${metadataTable}`,
    })
    expect(await shell.mcpVault('kv', 'get', '-field=x', 'secret/a')).toMatchObject({
      code: 2,
      out: '',
      err: 'No data found at secret/data/a\n',
    })
  })

  it('says that there is nothing, and which field is not there', async () => {
    expect(await once([v2, missing], ['kv', 'get', 'secret/a'])).toMatchObject({
      code: 2,
      out: '',
      err: 'No value found at secret/data/a\n',
    })
    expect(await once([v2, stored({ a: 1 })], ['kv', 'get', '-field=version', 'secret/a'])).toMatchObject({
      code: 1,
      out: '',
      err: 'Field "version" not present in secret\n',
    })
  })
})

describe('kv list', () => {
  it('lists below metadata/, also at the mount itself', async () => {
    const shell = await terminal([
      v2,
      secret({ keys: ['stripe'] }),
      v2,
      secret({ keys: ['mcp/'] }),
      v2,
      secret({ keys: ['mcp/'] }),
    ])
    expect((await shell.mcpVault('kv', 'list', '-mount=secret', 'mcp')).out).toBe('Keys\n----\nstripe\n')
    await shell.mcpVault('kv', 'list', '-mount=secret')
    await shell.mcpVault('kv', 'list', 'secret/')
    expect(shell.vault.lines().filter((line) => line.includes('list='))).toEqual([
      'GET /v1/secret/metadata/mcp?list=true',
      'GET /v1/secret/metadata?list=true',
      'GET /v1/secret/metadata?list=true',
    ])
  })

  it('says that there is nothing', async () => {
    expect(await once([v2, missing], ['kv', 'list', 'secret/mcp'])).toMatchObject({
      code: 2,
      err: 'No value found at secret/metadata/mcp/\n',
    })
  })

  it('wants a mount or a path', async () => {
    const { code, err, vault } = await once([], ['kv', 'list'])
    expect([code, err.split('\n')[0], vault.lines()]).toEqual([1, 'Not enough arguments (expected 1, got 0)', []])
  })
})

describe('kv patch', () => {
  it('sends one merge patch', async () => {
    const { code, out, vault } = await once([v2, written], ['kv', 'patch', '-cas=2', 'secret/a', 'b=c'])
    expect([code, out.split('\n')[1], vault.lines()[1]]).toEqual([0, 'secret/data/a', 'PATCH /v1/secret/data/a'])
    expect(vault.requests[1]).toMatchObject({
      body: { data: { b: 'c' }, options: { cas: 2 } },
      headers: { 'content-type': 'application/merge-patch+json' },
    })
  })

  it.each([405, 403])('reads and writes with check-and-set after a %i', async (status) => {
    const { code, vault } = await once(
      [v2, refusal(status, 'no'), stored({ a: '1', b: '2' }), written],
      ['kv', 'patch', 'secret/a', 'b=c'],
    )
    expect(code).toBe(0)
    expect(vault.lines().slice(1)).toEqual([
      'PATCH /v1/secret/data/a',
      'GET /v1/secret/data/a',
      'PUT /v1/secret/data/a',
    ])
    expect(vault.requests[3]!.body).toEqual({ data: { a: '1', b: 'c' }, options: { cas: 3 } })
  })

  it('does neither where there is nothing', async () => {
    expect(await once([v2, missing], ['kv', 'patch', 'secret/a', 'b=c'])).toMatchObject({
      code: 2,
      err: 'No value found at secret/data/a\n',
    })
    expect(await once([v2, missing], ['kv', 'patch', '-method=rw', 'secret/a', 'b=c'])).toMatchObject({
      code: 2,
      err: 'No value found at secret/data/a\n',
    })
  })

  it('stays with the method that was asked for', async () => {
    const { code, vault } = await once(
      [v2, refusal(405, 'unsupported operation')],
      ['kv', 'patch', '-method=patch', 'secret/a', 'b=c'],
    )
    expect([code, vault.requests.length]).toEqual([2, 2])
  })

  it('needs versions', async () => {
    expect(await once([v1], ['kv', 'patch', 'kv/a', 'b=c'])).toMatchObject({
      code: 1,
      err: 'Patch not supported on KV Version 1\n',
    })
  })
})

describe('versions', () => {
  it('deletes the newest, or the named ones', async () => {
    const shell = await terminal([v2, nothing, v2, nothing])
    expect((await shell.mcpVault('kv', 'delete', 'secret/a')).out).toBe(
      'Success! Data deleted (if it existed) at: secret/data/a\n',
    )
    await shell.mcpVault('kv', 'delete', '-versions=1,2', '-versions=4', 'secret/a')
    expect(shell.vault.lines()).toEqual([
      'GET /v1/sys/internal/ui/mounts/secret/a',
      'DELETE /v1/secret/data/a',
      'GET /v1/sys/internal/ui/mounts/secret/a',
      'PUT /v1/secret/delete/a',
    ])
    expect(shell.vault.requests[3]!.body).toEqual({ versions: [1, 2, 4] })
  })

  it.each(['undelete', 'destroy'])('%ss the named ones', async (verb) => {
    const { out, vault } = await once([v2, nothing], ['kv', verb, '-mount', 'secret', '-versions', '2', 'a'])
    expect(out).toBe(`Success! Data written to: secret/${verb}/a\n`)
    expect(vault.requests[1]).toMatchObject({ method: 'PUT', url: `/v1/secret/${verb}/a`, body: { versions: [2] } })
  })

  it('rolls back by writing the old data over the newest version', async () => {
    const { code, vault } = await once(
      [v2, stored({ a: 'new' }), stored({ a: 'old' }), written],
      ['kv', 'rollback', '-version=1', 'secret/a'],
    )
    expect(code).toBe(0)
    expect(vault.lines().slice(1)).toEqual([
      'GET /v1/secret/data/a',
      'GET /v1/secret/data/a?version=1',
      'PUT /v1/secret/data/a',
    ])
    expect(vault.requests[3]!.body).toEqual({ data: { a: 'old' }, options: { cas: 3 } })
  })

  it('writes nothing when the old version is gone', async () => {
    const { code, err, vault } = await once(
      [v2, stored({ a: 'new' }), stored(null)],
      ['kv', 'rollback', '-version=1', 'secret/a'],
    )
    expect([code, err]).toEqual([
      2,
      'Version 1 at secret/data/a does not exist, or is deleted or destroyed; kv metadata get lists the versions\n',
    ])
    expect(vault.requests).toHaveLength(3)
  })

  const wrong: [string[], string][] = [
    [
      ['kv', 'undelete', 'secret/a'],
      'No versions provided, use the "-versions" flag to specify the version to undelete.',
    ],
    [
      ['kv', 'destroy', 'secret/a'],
      'No versions provided, use the "-versions" flag to specify the version to destroy.',
    ],
    [['kv', 'destroy', '-versions=1,x', 'secret/a'], '-versions: "x" is not a whole number, for example -versions=1,2'],
    [['kv', 'delete', '-versions=', 'secret/a'], '-versions: "" is not a whole number, for example -versions=1,2'],
    [['kv', 'rollback', 'secret/a'], '-version must name the version to go back to, for example -version=1'],
    [['kv', 'get', '-version=two', 'secret/a'], '-version: "two" is not a whole number, for example -version=3'],
    [['kv', 'put', 'secret/a'], 'Must supply data, for example api_key=@stripe.key'],
    [['kv', 'patch', '-method=merge', 'secret/a', 'b=c'], '-method: "merge" is not one of patch, rw'],
    [
      ['kv', 'metadata', 'put', '-custom-metadata=mcp_origins', 'secret/a'],
      '-custom-metadata: "mcp_origins" is not name=value, for example -custom-metadata=team=billing',
    ],
    [
      ['kv', 'metadata', 'put', '-delete-version-after=soon', 'secret/a'],
      '-delete-version-after: "soon" is not a duration, for example -delete-version-after=15m',
    ],
    [
      ['kv', 'metadata', 'put', '-max-version=3', 'secret/a'],
      'There is no flag -max-version here. Did you mean -max-versions?',
    ],
  ]
  it.each(wrong)('refuses %j without asking Vault', async (words, sentence) => {
    const { code, out, err, vault } = await once([], words)
    expect([code, out, err.split('\n')[0], vault.lines()]).toEqual([1, '', sentence, []])
  })

  it('names the versions a version 1 engine does not have', async () => {
    expect(await once([v1], ['kv', 'undelete', '-versions=1', 'kv/a'])).toMatchObject({
      code: 1,
      err: 'Undelete not supported on KV Version 1\n',
    })
    expect(await once([v1], ['kv', 'delete', '-versions=1', 'kv/a'])).toMatchObject({
      code: 1,
      err: 'Versions not supported on KV Version 1\n',
    })
    expect(await once([v1], ['kv', 'metadata', 'get', 'kv/a'])).toMatchObject({
      code: 1,
      err: 'Metadata not supported on KV Version 1\n',
    })
  })

  it('refuses the mount itself where a secret is meant', async () => {
    const { code, err, vault } = await once([v2], ['kv', 'delete', 'secret/'])
    expect([code, err.split('\n')[0], vault.requests.length]).toEqual([
      1,
      'The path names no secret below secret/, for example secret/mcp/stripe',
      1,
    ])
  })
})

describe('kv metadata', () => {
  it('sets custom metadata', async () => {
    const { out, vault } = await once(
      [v2, nothing],
      [
        'kv',
        'metadata',
        'put',
        '-mount=secret',
        '-custom-metadata=mcp_origins=https://api.stripe.com',
        '-max-versions=5',
        '-cas-required',
        '-delete-version-after=1h',
        'mcp/stripe',
      ],
    )
    expect(out).toBe('Success! Data written to: secret/metadata/mcp/stripe\n')
    expect(vault.requests[1]).toMatchObject({ method: 'PUT', url: '/v1/secret/metadata/mcp/stripe' })
    expect(vault.requests[1]!.body).toEqual({
      custom_metadata: { mcp_origins: 'https://api.stripe.com' },
      max_versions: 5,
      cas_required: true,
      delete_version_after: '3600s',
    })
  })

  it('leaves out what was not given', async () => {
    const { vault } = await once([v2, nothing], ['kv', 'metadata', 'put', '-cas-required=false', 'secret/a'])
    expect(vault.requests[1]!.body).toEqual({ cas_required: false })
  })

  it('patches and removes single entries', async () => {
    const { vault } = await once(
      [v2, nothing],
      ['kv', 'metadata', 'patch', '-custom-metadata=a=1', '-remove-custom-metadata=b', 'secret/a'],
    )
    expect(vault.requests[1]).toMatchObject({ method: 'PATCH', body: { custom_metadata: { a: '1', b: null } } })
  })

  it('shows settings and every version in order', async () => {
    const one = { created_time: 't1', deletion_time: '', destroyed: false }
    const response = secret({
      cas_required: false,
      custom_metadata: { mcp_origins: 'https://api.stripe.com' },
      max_versions: 0,
      versions: { 10: one, 2: one },
    })
    expect((await once([v2, response], ['kv', 'metadata', 'get', 'secret/a'])).out).toBe(`= Metadata Path =
secret/metadata/a

======= Metadata =======
Key                Value
---                -----
cas_required       false
custom_metadata    map[mcp_origins:https://api.stripe.com]
max_versions       0

====== Version 2 ======
Key              Value
---              -----
created_time     t1
deletion_time    n/a
destroyed        false

===== Version 10 =====
Key              Value
---              -----
created_time     t1
deletion_time    n/a
destroyed        false
`)
  })

  it('deletes everything, and says when there is nothing to show', async () => {
    const shell = await terminal([v2, nothing, v2, missing])
    expect((await shell.mcpVault('kv', 'metadata', 'delete', 'secret/a')).out).toBe(
      'Success! Data deleted (if it existed) at: secret/metadata/a\n',
    )
    expect(await shell.mcpVault('kv', 'metadata', 'get', 'secret/a')).toMatchObject({
      code: 2,
      err: 'No value found at secret/metadata/a\n',
    })
    expect(shell.vault.lines()[1]).toBe('DELETE /v1/secret/metadata/a')
  })
})
