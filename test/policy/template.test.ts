import { describe, expect, it } from 'vitest'
import { compileAcl, parsePolicy, substituteTemplates } from '../../src/policy/index.ts'

const document = parsePolicy(
  'path "secret/{{identity.entity.id}}/*" { capabilities = ["read"] }\npath "kv/{{ identity.entity.name }}/{{identity.entity.id}}" { capabilities = ["read"] }\npath "open" { capabilities = ["read"] }',
)
const can = (values: Record<string, string>, path: string): boolean =>
  compileAcl([substituteTemplates(document, (parameter) => values[parameter])]).judge({ path, capability: 'read' })
    .allowed
const ada = { 'identity.entity.id': 'e-1', 'identity.entity.name': 'ada' }

describe('templates in paths', () => {
  it('deny: what belongs to another', () => {
    expect(can(ada, 'secret/e-2/a')).toBe(false)
    expect(can(ada, 'kv/ada/e-2')).toBe(false)
    expect(can(ada, 'secret/{{identity.entity.id}}/a')).toBe(false)
  })

  it('deny: a missing value, and one of two missing', () => {
    expect(can({}, 'secret//a')).toBe(false)
    expect(can({ 'identity.entity.id': 'e-1' }, 'kv//e-1')).toBe(false)
    expect(can({ 'identity.entity.id': '' }, 'secret//a')).toBe(false)
  })

  it.each(['*', '+', 'a/b', '..', '.', 'a*', 'a+b', '{{identity.entity.id}}', 'a\nb'])(
    'deny: the name %j, which could choose a pattern',
    (name) => {
      const values = { ...ada, 'identity.entity.name': name }
      expect(can(values, `kv/${name}/e-1`)).toBe(false)
      expect(can(values, 'kv/ada/e-1')).toBe(false)
    },
  )

  it('allow: what the caller is, and rules without templates', () => {
    expect(can(ada, 'secret/e-1/a')).toBe(true)
    expect(can(ada, 'kv/ada/e-1')).toBe(true)
    expect(can({}, 'open')).toBe(true)
  })

  it('a document says whether it has templates, and one without is returned as it is', () => {
    const plain = parsePolicy('path "open" { capabilities = ["read"] }')
    expect([document.templated, substituteTemplates(document, () => 'x').templated, plain.templated]).toEqual([
      true,
      false,
      false,
    ])
    expect(substituteTemplates(plain, () => 'x')).toBe(plain)
  })
})
