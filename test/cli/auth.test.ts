import { describe, expect, it } from 'vitest'
import { nothing, refusal, secret } from './scripted-vault.ts'
import { once, terminal } from './terminal.ts'

describe('auth', () => {
  it('lists the methods in order', async () => {
    const methods = {
      'token/': { type: 'token', accessor: 'auth_token_1', description: '' },
      'approle/': { type: 'approle', accessor: 'auth_approle_1', description: 'machines' },
    }
    const { out, vault } = await once([secret(methods)], ['auth', 'list'])
    expect(vault.lines()).toEqual(['GET /v1/sys/auth'])
    expect(out.split('\n').map((line) => line.split(/\s+/)[0])).toEqual(['Path', '----', 'approle/', 'token/', ''])
    const json = (await once([secret(methods)], ['auth', 'list', '-format=json'])).out
    expect(Object.keys(JSON.parse(json) as object)).toEqual(['approle/', 'token/'])
  })

  it('enables a method at its type, or elsewhere', async () => {
    const shell = await terminal([nothing, nothing])
    expect((await shell.mcpVault('auth', 'enable', 'approle')).out).toBe(
      'Success! Enabled approle auth method at: approle/\n',
    )
    await shell.mcpVault('auth', 'enable', '-path=machines/', '-description=all', '-max-lease-ttl=2h', 'approle')
    expect(shell.vault.requests.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/v1/sys/auth/approle', { type: 'approle', config: {} }],
      ['POST', '/v1/sys/auth/machines', { type: 'approle', description: 'all', config: { max_lease_ttl: '7200s' } }],
    ])
  })

  it('disables one', async () => {
    const { out, vault } = await once([nothing], ['auth', 'disable', 'machines/'])
    expect([out, vault.lines()]).toEqual([
      'Success! Disabled the auth method (if it existed) at: machines/\n',
      ['DELETE /v1/sys/auth/machines'],
    ])
  })

  it('enables nothing without a type', async () => {
    const shell = await terminal([])
    expect((await shell.mcpVault('auth', 'enable', ' ')).err.split('\n')[0]).toBe(
      'The type is empty, for example approle',
    )
  })

  it('passes a refusal on', async () => {
    const { err } = await once([refusal(400, 'path is already in use at approle/')], ['auth', 'enable', 'approle'])
    expect(err).toContain('path is already in use at approle/')
  })
})
