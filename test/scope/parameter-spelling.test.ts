import { describe, expect, it } from 'vitest'
import { parsePolicy } from '../../src/policy/index.ts'
import { jsonBody, judgeTool } from '../../src/scope/index.ts'
import type { CallParameters } from '../../src/scope/index.ts'

const policy = parsePolicy(`path "tools/par/refunds" {
  capabilities = ["create"]
  denied_parameters = { "destination" = [], "source_id" = [], "is-admin" = ["1"], "created[gte]" = [], "Straße" = [] }
}`)
const limited = parsePolicy(`path "tools/par/refunds" {
  capabilities = ["create"]
  allowed_parameters = { "amount" = ["1"], "*" = [] }
}`)

function reason(document: typeof policy, query: string, body: CallParameters['body'] = { kind: 'none' }): string {
  const link = { agent_id: 'a', granted: null, declared_scopes: null, policies: [document], own_environment: true }
  return judgeTool([link], 'tools/par/refunds', 'create', { query: [...new URLSearchParams(query)], body }).reason
}

describe('deny: a denied name in a spelling that some server reads as the same', () => {
  it.each([
    ['other letters', 'DESTINATION'],
    ['the long s, which Go folds to s', 'de\u017ftination'],
    ['full-width letters', '\uff44estination'],
    ['the Kelvin sign for k, and ß for ss', 'STRASSE'],
    ['an invisible character', 'desti\u00adnation'],
    ['a no-break space at the end', 'destination\u00a0'],
    ['a NUL and more', 'destination\0x'],
    ['a dot for PHP', 'source.id'],
    ['a space for PHP', 'source id'],
    ['an unclosed bracket for PHP', 'source[id'],
    ['protobuf JSON', 'sourceId'],
    ['a hyphen', 'source-id'],
    ['brackets that Rack drops', ']destination'],
    ['brackets at the end', 'destination]'],
    ['brackets around it', '[destination]'],
    ['a member of the denied structure, with a dot', 'destination.account'],
    ['a member of the denied structure, in brackets', 'destination[account]'],
    ['brackets of a denied name as a dot', 'created.gte'],
  ])('%s', (_what, name) => {
    const query = new URLSearchParams({ [name]: 'x' }).toString()
    expect([
      reason(policy, query),
      reason(policy, '', { kind: 'form', pairs: [[name, 'x']] }),
      reason(policy, '', jsonBody({ [name]: 'x' })),
    ]).toEqual(['parameter_refused', 'parameter_refused', 'parameter_refused'])
  })

  it('also where only one value is denied', () => {
    expect([
      reason(policy, 'is_admin=1'),
      reason(policy, 'isAdmin=1'),
      reason(policy, 'is.admin=0&is_admin=1'),
    ]).toEqual(['parameter_refused', 'parameter_refused', 'parameter_refused'])
  })

  it.each(['x=1;destination=a', 'x=1%3Bdestination%3Da', 'x;destination=a', 'x=1; destination', 'x=1;source.id=a'])(
    'behind a ";", at which some servers part pairs: %s',
    (text) => {
      expect([
        reason(policy, text),
        reason(policy, '', { kind: 'form', pairs: [...new URLSearchParams(text)] }),
        reason(limited, text.replace(/destination|source.id/, 'amount')),
      ]).toEqual(['parameter_refused', 'parameter_refused', 'parameter_refused'])
    },
  )

  it('and a value that is not allowed does not pass by "*" in another spelling', () => {
    expect([reason(limited, '\uff41mount=2'), reason(limited, 'a.mount=2'), reason(limited, 'amount[]=2')]).toEqual([
      'parameter_refused',
      'parameter_refused',
      'parameter_refused',
    ])
  })
})

describe('allow: names that no server takes for the denied one', () => {
  it.each(['destinations', 'sources', 'id', 'source', 'created', 'created[lte]', 'is_admin2', 'metadata[destination]'])(
    '%s',
    (name) => {
      expect(reason(policy, new URLSearchParams({ [name]: '1' }).toString())).toBe('allowed')
    },
  )

  it.each(['note=a;b', 'note=sources; destinations', 'note=a;amount', 'destinations=1;2'])(
    'nor behind a ";": %s',
    (text) => {
      expect(reason(policy, text)).toBe('allowed')
    },
  )

  it('and other values of a name with one denied', () => {
    expect(reason(policy, 'is_admin=0')).toBe('allowed')
  })

  it('and what the rule with "*" allows', () => {
    expect(reason(limited, 'amount=1&note=2')).toBe('allowed')
  })
})
