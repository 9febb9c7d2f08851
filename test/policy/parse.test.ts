import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePolicy, PolicyError } from '../../src/policy/index.ts'

const refused = (text: string): string => {
  try {
    parsePolicy(text)
  } catch (error) {
    expect(error).toBeInstanceOf(PolicyError)
    return (error as Error).message
  }
  throw new Error(`accepted: ${text}`)
}
const rule = (body: string) => parsePolicy(`path "secret/foo" {\n${body}\n}`).paths[0]
const capabilities = (body: string) => rule(body)?.capabilities

describe('texts that are refused, with the line and a sentence', () => {
  it.each([
    ['a key misspelt at the top', 'pat "a" { }', 'line 1: invalid key "pat"'],
    [
      'a key misspelt in a block',
      'path "a" {\n  capabilites = ["read"]\n}',
      'line 2: path "a": invalid key "capabilites"; known are comment, policy, capabilities',
    ],
    [
      'a capability misspelt',
      'path "a" {\n\n  capabilities = ["raed"]\n}',
      'line 3: path "a": invalid capability "raed"',
    ],
    ['write as a capability', 'path "a" { capabilities = ["write"] }', 'write "create" and "update" instead'],
    ['root as a capability', 'path "a" { capabilities = ["root"] }', 'invalid capability "root"'],
    ['a capability in other letters', 'path "a" { capabilities = ["Deny"] }', 'invalid capability "Deny"'],
    ['capabilities as a text', 'path "a" { capabilities = "read" }', 'capabilities is a string; write a list'],
    ['capabilities that are numbers', 'path "a" { capabilities = [1] }', 'invalid capability (a number)'],
    [
      'capabilities given twice',
      'path "a" {\n capabilities = ["deny"]\n capabilities = ["read"] }',
      'line 3: path "a": capabilities is given twice',
    ],
    ['an unknown legacy policy', 'path "a" { policy = "readonly" }', 'invalid policy "readonly"'],
    [
      'a legacy policy named like an object member',
      'path "a" { policy = "constructor" }',
      'invalid policy "constructor"',
    ],
    ['the empty path', 'path "" { }', 'is empty'],
    ['only a slash as path', 'path "/" { }', 'is empty'],
    ['plus and star together', 'path "secret/+*" { }', '"+*" is forbidden'],
    ['a control character in a path', 'path "a\\u0000b" { }', 'control character'],
    ['a path without name', 'path { capabilities = ["read"] }', 'a path block has a name in quotes'],
    ['a path without body', 'path "a"', 'line 1: after path "a" comes the end of the text'],
    ['a path with a value for a body', 'path "a" = "b"', 'after path "a" comes "="'],
    ['a block that is not closed', 'path "a" {\n capabilities = ["read"]\n', 'a closing } is missing'],
    [
      'a list that is not closed',
      'path "a" { capabilities = ["read"',
      'the end of the text follows a list item; put a comma between items and a ] at the end',
    ],
    ['a list cut off after a comma', 'path "a" { capabilities = ["read",', 'a ] is missing'],
    ['a list without commas', 'path "a" { capabilities = ["read" "list"] }', 'put a comma between items'],
    ['a text that is not closed', 'path "a {\n}', 'line 1: a quoted string is not closed'],
    ['a comment that is not closed', '\n/* path', 'line 2: the comment opened with /*'],
    ['an unknown escape', 'path "a\\qb" { }', 'unknown escape \\q'],
    ['an escape beyond Unicode', 'path "a\\UFFFFFFFF" { }', 'unknown escape \\U'],
    ['a cut-off escape', 'path "a\\u00', 'unknown escape \\u'],
    ['a bare word as value', 'path "a" { policy = read }', 'read is not in quotes; write "read"'],
    ['a lone slash', 'path "a" { } /', '"/" is not expected here'],
    ['a NUL', '\u0000', 'the character U+0000'],
    [
      'a here-document that is not closed',
      'path "a" { comment = <<EOF\n',
      'the here-document is never closed; put EOF',
    ],
    ['a here-document without mark', 'path "a" { comment = << }', 'begins a here-document'],
    ['an octal number', 'path "a" { max_wrapping_ttl = 010 }', '010 is not a number'],
    ['a negative wrapping bound', 'path "a" { max_wrapping_ttl = -5 }', 'max_wrapping_ttl is "-5"'],
    ['a wrapping bound without unit or number', 'path "a" { min_wrapping_ttl = "soon" }', 'min_wrapping_ttl is "soon"'],
    [
      'a maximum below the minimum',
      'path "a" { min_wrapping_ttl = "2m"\n max_wrapping_ttl = 90 }',
      'max_wrapping_ttl (90) is less than min_wrapping_ttl (120)',
    ],
    ['parameters as a list', 'path "a" { denied_parameters = ["b"] }', 'denied_parameters is a list; write a block'],
    [
      'parameter values as a text',
      'path "a" { allowed_parameters = { "b" = "zip" } }',
      'allowed_parameters "b" is a string; write a list',
    ],
    [
      'values for all other parameters',
      'path "a" { allowed_parameters = { "*" = ["zip"] } }',
      'takes only the empty list',
    ],
    ['a lone star as a value', 'path "a" { denied_parameters = { "b" = ["*"] } }', 'write [] for every value'],
    [
      'a parameter twice in different letters',
      'path "a" { denied_parameters = { "B" = []\n "b" = ["x"] } }',
      'names "b" twice',
    ],
    ['required parameters as a block', 'path "a" { required_parameters = { } }', 'write a list of names'],
    ['required parameters that are numbers', 'path "a" { required_parameters = [7] }', 'holds a number'],
    ['a control group', 'path "a" { control_group = { } }', 'control_group is not enforced by this server'],
    ['an expiration', 'path "a" { expiration = "2020-01-01T00:00:00Z" }', 'expiration is not enforced'],
    ['an open template', 'path "a/{{identity.entity.id" { }', 'unbalanced template braces'],
    ['a closed template that was never opened', 'path "a/identity}}" { }', 'unbalanced template braces'],
    ['a nested template', 'path "a/{{ {{identity.entity.id}} }}" { }', 'unbalanced template braces'],
    ['an empty template', 'path "a/{{ }}" { }', 'has an empty template'],
  ])('%s', (_name, text, sentence) => {
    expect(refused(text)).toContain(sentence)
  })

  it('a text of more than a mebibyte', () => {
    expect(refused('#'.repeat(1024 * 1024 + 1))).toContain('split it into several policies')
  })
  it('more than ten thousand paths', () => {
    expect(refused('path "a" {}\n'.repeat(10_001))).toContain('more than 10000 path blocks')
  })
  it('a path of more than 2048 characters', () => {
    expect(refused(`path "${'a'.repeat(2049)}" {}`)).toContain('is longer than 2048 characters')
  })
  it('lists nested without end', () => {
    expect(refused(`path "a" { capabilities = ${'['.repeat(100_000)}`)).toContain('more than 16 deep')
  })
  it('JSON nested without end', () => {
    expect(refused(`{"path":${'['.repeat(100_000)}`)).toContain('more than 16 deep')
  })
})

describe('JSON texts that are refused', () => {
  it.each([
    ['a list at the top', ' {"path": []} []', 'the JSON text has "[" where the end of the text was expected'],
    ['a comment', '{\n# no\n}', 'line 2: the JSON text has "#" where a string in double quotes was expected'],
    ['a trailing comma', '{"path": {},}', 'has "}" where a string'],
    ['a key without quotes', '{path: {}}', 'has "p" where a string'],
    ['a raw line break in a text', '{"path": {"a\nb": {}}}', 'where the rest of a string was expected'],
    ['a text cut off', '{"path": {"a', 'has its end where the rest of a string'],
    ['a value cut off', '{"path":', 'has its end where a value was expected'],
    ['an unknown escape', '{"path": {"\\x41": {}}}', 'where the rest of a string'],
    ['an equals sign', '{"path" = {}}', 'has "=" where ":" was expected'],
    ['an unknown key', '{\n"paths": {}}', 'line 2: invalid key "paths"'],
    ['null for capabilities', '{"path": {"a": {"capabilities": null}}}', 'capabilities is null; write a list'],
    ['a number for a block', '{"path": {"a": 7}}', 'found a number'],
    [
      'one capability key twice',
      '{"path": {"a": {"capabilities": ["deny"], "capabilities": ["read"]}}}',
      'capabilities is given twice',
    ],
  ])('%s', (_name, text, sentence) => {
    expect(refused(text)).toContain(sentence)
  })
})

describe('texts that are read', () => {
  it('the empty text and comments alone grant nothing', () => {
    expect(parsePolicy(' \n# a\n// b\n/* path "x" {} */').paths).toEqual([])
  })

  it('comments of all three kinds, trailing commas and several blocks', () => {
    const text =
      'name = "dev" # policy\npath "a" { // first\n capabilities = ["read", /* and */ "list",]\n}\npath "a" { capabilities = [] }'
    expect(parsePolicy(text).paths).toEqual([
      { pattern: 'a', capabilities: ['read', 'list'], line: 2 },
      { pattern: 'a', capabilities: [], line: 5 },
    ])
  })

  it('a whole block on one line, entries parted by commas', () => {
    expect(parsePolicy('path "a" { policy = "read", comment = "x" }').paths[0]?.capabilities).toEqual(['read', 'list'])
  })

  it('line ends of Windows and a byte order mark', () => {
    expect(parsePolicy('\ufeffpath "a" {\r\n capabilities = ["read"]\r\n}\r\n').paths[0]?.capabilities).toEqual([
      'read',
    ])
  })

  it('escapes in quoted texts', () => {
    expect(parsePolicy('path "a\\u0062\\x63\\"\\\\" { }').paths[0]?.pattern).toBe('abc"\\')
  })

  it('here-documents, indented and not', () => {
    expect(rule('comment = <<EOF\n path "x" {\nEOF\n capabilities = ["read"]')?.capabilities).toEqual(['read'])
    expect(rule('comment = <<-EOF\n   one\n    two\n   EOF\n capabilities = ["list"]')?.line).toBe(1)
  })

  it('the line of a rule behind a here-document and a comment of many lines', () => {
    expect(parsePolicy('path "a" { comment = <<EOF\none\ntwo\nEOF\n}\n/*\n\n*/ path "b" {}').paths[1]?.line).toBe(8)
  })

  it.each([
    ['deny', ['deny']],
    ['read', ['read', 'list']],
    ['write', ['create', 'read', 'update', 'delete', 'list']],
    ['sudo', ['create', 'read', 'update', 'delete', 'list', 'sudo']],
  ])('the legacy policy %s', (word, expected) => {
    expect(capabilities(`policy = "${word}"`)).toEqual(expected)
  })

  it('deny swallows what stands beside it', () => {
    expect(capabilities('capabilities = ["read", "deny", "sudo"]')).toEqual(['deny'])
    expect(capabilities('policy = "deny"\ncapabilities = ["read"]')).toEqual(['deny'])
    expect(capabilities('policy = "write"\ncapabilities = ["deny"]')).toEqual(['deny'])
  })

  it('both keys are united without repetitions', () => {
    expect(capabilities('policy = "read"\ncapabilities = ["read", "patch"]')).toEqual(['read', 'list', 'patch'])
  })

  it.each([
    ['90', 90],
    ['"90"', 90],
    ['"90s"', 90],
    ['"1m30s"', 90],
    ['"2h"', 7200],
    ['"1d"', 86_400],
  ])('the wrapping bound %s', (written, seconds) => {
    expect(rule(`max_wrapping_ttl = ${written}`)?.max_wrapping_ttl).toBe(seconds)
  })

  it('a wrapping bound of 0 sets none', () => {
    expect(rule('min_wrapping_ttl = 0')).toEqual({ pattern: 'secret/foo', capabilities: [], line: 1 })
  })

  it('parameter rules, names in lower case, values with their types', () => {
    expect(
      rule(
        'allowed_parameters = { Foo = [], "bar" = ["zip", 1, true, ["a"]], }\ndenied_parameters {\n "*" = []\n}\nrequired_parameters = ["Baz"]',
      ),
    ).toMatchObject({
      allowed_parameters: { foo: [], bar: ['zip', 1, true, ['a']] },
      denied_parameters: { '*': [] },
      required_parameters: ['Baz'],
    })
  })

  it('a parameter named __proto__ is kept like any other', () => {
    expect(Object.keys(rule('denied_parameters = { "__proto__" = [] }')?.denied_parameters ?? {})).toEqual([
      '__proto__',
    ])
  })

  it('JSON in both forms: objects and lists of objects', () => {
    const expected = [{ pattern: 'a', capabilities: ['read'], line: 1 }]
    expect(parsePolicy('{"name": "x", "path": {"a": {"capabilities": ["read"]}}}').paths).toEqual(expected)
    expect(parsePolicy('{"path": [{"a": [{"capabilities": ["read"]}]}]}').paths).toEqual(expected)
  })

  it('both of two equal paths in JSON, where JSON.parse would drop the deny', () => {
    const text = '{"path": {"a": {"capabilities": ["deny"]},\n "a": {"capabilities": ["read"]}}}'
    expect(parsePolicy(text).paths.map((one) => one.capabilities)).toEqual([['deny'], ['read']])
  })

  it('JSON escapes, numbers and words', () => {
    const text =
      '{"path": {"\\u0061\\/b": {"max_wrapping_ttl": 9e1, "denied_parameters": {"x": [null, true, -1.5, "\\n"]}}}}'
    expect(parsePolicy(text).paths[0]).toMatchObject({
      pattern: 'a/b',
      max_wrapping_ttl: 90,
      denied_parameters: { x: [null, true, -1.5, '\n'] },
    })
  })
})

describe('warnings', () => {
  it.each([
    ['a block without capabilities', 'path "a" { }', 'grants nothing and hides less specific rules'],
    [
      'a capability nothing asks for',
      'path "a" { capabilities = ["subscribe"] }',
      '"subscribe", which no operation of this server requires',
    ],
    [
      'a star in the middle',
      'path "secret/*/foo" { capabilities = ["read"] }',
      'has a "*" before its end, where it is an ordinary character',
    ],
    [
      'two stars at the end',
      'path "secret/**" { capabilities = ["read"] }',
      'has a "*" before its end, where it is an ordinary character',
    ],
    ['a plus inside a segment', 'path "a/b+" { capabilities = ["read"] }', 'it is an ordinary character'],
    [
      'an empty parameter block',
      'path "a" { capabilities = ["read"]\n allowed_parameters = {} }',
      'an empty allowed_parameters, which restricts nothing',
    ],
    [
      'a template that never has a value',
      'path "a/{{entity.id}}" { capabilities = ["read"] }',
      '{{entity.id}}, which never has a value',
    ],
  ])('%s', (_name, text, sentence) => {
    expect(parsePolicy(text).warnings).toEqual([expect.stringContaining(sentence)])
  })

  it('none for an ordinary policy', () => {
    expect(parsePolicy('path "a/+/b*" { capabilities = ["read"] }').warnings).toEqual([])
  })
})

describe('for any text at all', () => {
  const pieces = fc.constantFrom(
    'path',
    '"a"',
    '{',
    '}',
    '[',
    ']',
    '=',
    ',',
    ':',
    '"',
    '\\',
    '<<EOF\n',
    'EOF',
    '\n',
    '#',
    '//',
    '/*',
    '*/',
    '-1',
    '"deny"',
    'capabilities',
    '\u0000',
    '{{',
    '💥',
  )
  const accepted = (text: string): boolean => {
    try {
      return Array.isArray(parsePolicy(text).paths)
    } catch (error) {
      return error instanceof PolicyError && error.message.length > 10
    }
  }
  it('parsing ends in a document or a PolicyError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(' ')),
        ),
        accepted,
      ),
      { numRuns: 1000 },
    )
  })
  it('JSON-like texts end in a document or a PolicyError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.array(pieces, { maxLength: 40 }).map((parts) => `{${parts.join('')}`),
        ),
        accepted,
      ),
      { numRuns: 1000 },
    )
  })
  it('what JSON.stringify writes is read back as the same rules', () => {
    const word = fc.constantFrom('read', 'list', 'create', 'update', 'delete', 'sudo', 'patch')
    const path = fc
      .array(fc.constantFrom('a', 'b', '+', 'ä"\\', 'é'), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('/'))
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(path, fc.uniqueArray(word)), { selector: ([one]) => one }), (rules) => {
        const text = JSON.stringify(
          { path: Object.fromEntries(rules.map(([one, list]) => [one, { capabilities: list }])) },
          null,
          1,
        )
        expect(new Map(parsePolicy(text).paths.map((one) => [one.pattern, one.capabilities]))).toEqual(new Map(rules))
      }),
    )
  })
})
