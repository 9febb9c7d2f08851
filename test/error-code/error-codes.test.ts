import { join, resolve } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { errorCode, errorCodes, errorTypes, isListedCode } from '../../src/error-code/index.ts'

const root = resolve(import.meta.dirname, '../..')

/** Names of the types a code is declared by: an argument for a parameter of one of them is a code that is thrown. */
const codeTypes = /\b(?:GatewayErrorCode|CallErrorCode|CodesOf|GatewayErrorArguments|GatewayFailureArguments)\b/

const scanned = /\/src\/(?:gateway|client)\//

/** What src/gateway and src/client throw: the literal codes of every call whose parameter takes a code. */
function thrownCodes(program: ts.Program): ReadonlySet<string> {
  const checker = program.getTypeChecker()
  const found = new Set<string>()
  const noteType = (type: ts.Type): void => {
    for (const one of type.isUnion() ? type.types : [type]) if (one.isStringLiteral()) found.add(one.value)
  }
  const noteArguments = (node: ts.CallExpression | ts.NewExpression): void => {
    const declaration = checker.getResolvedSignature(node)?.declaration
    for (const [index, argument] of (node.arguments ?? []).entries()) {
      const parameter = declaration?.parameters[Math.min(index, declaration.parameters.length - 1)]
      const isCode = parameter !== undefined && codeTypes.test(parameter.getText())
      // Handed on as any of all codes it says nothing about which of them are thrown.
      const type = checker.getTypeAtLocation(argument)
      const isWhole = type.isUnion() && type.types.length > 20
      if (isCode && !isWhole) noteType(type)
    }
  }
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) noteArguments(node)
    // The codes of a gRPC status, and whatever else is kept in a table of codes.
    if (ts.isVariableDeclaration(node) && node.type && codeTypes.test(node.type.getText()) && node.initializer)
      noteLiterals(node.initializer, found)
    ts.forEachChild(node, visit)
  }
  for (const file of program.getSourceFiles()) if (scanned.test(file.fileName)) visit(file)
  return found
}

function noteLiterals(node: ts.Node, found: Set<string>): void {
  if (ts.isStringLiteral(node)) found.add(node.text)
  ts.forEachChild(node, (child) => {
    noteLiterals(child, found)
  })
}

function programOf(): ts.Program {
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path))
  const { fileNames, options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
  const roots = fileNames.filter((file) => scanned.test(file))
  return ts.createProgram(roots, { ...options, noEmit: true })
}

/** Kinds a failure from elsewhere (Vault, node, the plugin) may have; `toGatewayFailure` carries them as codes. */
const kindsOfElsewhere = new Set(errorCodes.filter(({ code, kind }) => code === kind).map(({ code }) => String(code)))

describe('the table of error codes', () => {
  it('lists no code that is never thrown', () => {
    const thrown = thrownCodes(programOf())
    // Were the scan blind, every code would be missing: it must see at least the ones everybody knows.
    expect([...thrown]).toEqual(
      expect.arrayContaining(['no_tool', 'denied', 'stale', 'key_consent_missing', 'wrong_option']),
    )
    expect(
      errorCodes.map(({ code }) => String(code)).filter((code) => !thrown.has(code) && !kindsOfElsewhere.has(code)),
    ).toEqual([])
  }, 60_000)

  it('gives every code once', () => {
    const codes = errorCodes.map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
  })

  it.each(errorCodes)('says of $code what happened and what to do, in whole sentences', ({ meaning, action }) => {
    for (const sentence of [meaning, action]) expect(sentence).toMatch(/^[A-Z`].*[.)]$/s)
  })

  it('keeps the statuses that callers rely on', () => {
    const status = (code: Parameters<typeof errorCode>[0]) => [errorCode(code).http, errorCode(code).grpc]
    expect(status('unknown')).toEqual([401, 16])
    expect(status('no_tool')).toEqual([403, 7])
    expect(status('too_large')).toEqual([413, 8])
    expect(status('stale')).toEqual([503, 14])
    expect(status('upstream_timeout')).toEqual([502, 9])
    expect(status('misdirected')[0]).toBe(421)
    expect(status('redirect_refused')).toEqual([403, 9])
    expect(status('mount_gone')).toEqual([503, 14])
    expect(errorTypes).toHaveLength(5)
  })

  it('tells what is final of an upstream by a status that no client repeats', () => {
    const repeated = (http: number) => http >= 500 || [408, 409, 425, 429].includes(http)
    const final = errorCodes.filter(({ type, retry }) => type === 'upstream_error' && !retry)
    expect(final.map(({ code }) => code)).toEqual(['needs_reauthorization', 'redirect_refused'])
    expect(final.filter(({ http }) => repeated(http))).toEqual([])
  })

  it('knows its codes from those of a newer gateway', () => {
    expect(isListedCode('no_tool')).toBe(true)
    for (const other of ['brand_new', 'toString', '', undefined, 7]) expect(isListedCode(other)).toBe(false)
  })
})
