/**
 * Documents: the records operators write (upstreams, tools, policies, agents). A document keeps only what was written, so that
 * `null` and DELETE fall back to defaults, and carries a version that grows with every write.
 */
import { FieldData, missing } from '../framework/field-data.ts'
import type { Fields } from '../framework/field.ts'
import type { Handler, Operations } from '../framework/path.ts'
import { badRequest } from '../logical/errors.ts'
import type { Engine } from './engine.ts'

export const versionField = {
  version: {
    type: 'int',
    computed: true,
    description: 'Grows with every write of this document, also through deletion and re-creation.',
    example: 1773590400000,
  },
} as const satisfies Fields

export interface Document {
  readonly version: number
  readonly values: Readonly<Record<string, unknown>>
}

export interface DocumentSpec<F extends Fields> {
  readonly fields: F
  /** The fields captured from the URL; they name the document and are not part of its values. */
  readonly names: readonly (keyof F & string)[]
  /** Storage key and API path of a document, from its names. */
  key(names: Readonly<Record<string, string>>): string
  path(names: Readonly<Record<string, string>>): string
  /** Throws on the first thing wrong with the merged document; answers what to warn about. */
  check(
    values: Readonly<Record<string, unknown>>,
    engine: Engine,
    names: Readonly<Record<string, string>>,
  ): Promise<readonly string[]> | readonly string[]
}

/** What a document answers: its names, every value or its default, its version. */
export function documentData<F extends Fields>(
  spec: DocumentSpec<F>,
  names: Readonly<Record<string, string>>,
  document: Document,
): Record<string, unknown> {
  const data: Record<string, unknown> = { ...names }
  for (const [name, schema] of Object.entries(spec.fields)) {
    if (!spec.names.includes(name) && !schema.computed) data[name] = document.values[name] ?? schema.default ?? null
  }
  return { ...data, version: document.version }
}

/** The stored values under the given ones: omitted keeps, null resets. */
export function mergeFields<F extends Fields>(
  schema: F,
  stored: Readonly<Record<string, unknown>>,
  given: FieldData<F>,
  except: readonly string[] = [],
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...stored }
  for (const [name, field] of Object.entries(schema)) {
    if (except.includes(name) || field.computed) continue
    if (given.isNull(name)) delete merged[name]
    else if (given.has(name)) merged[name] = given.given(name)
  }
  for (const [name, field] of Object.entries(schema)) {
    const value = merged[name]
    if (field.required && !except.includes(name) && (value === undefined || value === ''))
      throw badRequest(missing(name, field))
  }
  return merged
}

/** read, write, delete and the existence check of a document. */
export function documentOperations<F extends Fields>(
  engine: Engine,
  spec: DocumentSpec<F>,
): { operations: Operations<F>; exists: (call: { fields: FieldData<F> }) => Promise<boolean> } {
  const namesOf = (fields: FieldData<F>) =>
    Object.fromEntries(spec.names.map((name) => [name, String(fields.given(name))]))
  const read: Handler<F> = async ({ fields }) => {
    const names = namesOf(fields)
    const document = await engine.records.get<Document>(spec.key(names))
    return document && { data: documentData(spec, names, document) }
  }
  const write: Handler<F> = ({ fields }) => {
    const names = namesOf(fields)
    const key = spec.key(names)
    return engine.records.exclusive(key, async () => {
      const stored = await engine.records.get<Document>(key)
      const values = mergeFields(spec.fields, stored?.values ?? {}, fields, spec.names)
      const warnings = await spec.check(values, engine, names)
      const version = engine.nextVersion(stored?.version)
      await engine.records.put(key, { version, values }, [
        { type: 'document', path: spec.path(names), version, deleted: false },
      ])
      return warnings.length > 0 ? { warnings } : undefined
    })
  }
  const remove: Handler<F> = ({ fields }) => {
    const names = namesOf(fields)
    const key = spec.key(names)
    return engine.records.exclusive(key, async () => {
      const stored = await engine.records.get<Document>(key)
      if (!stored) return undefined
      await engine.records.delete(key, [
        { type: 'document', path: spec.path(names), version: engine.nextVersion(stored.version), deleted: true },
      ])
      return undefined
    })
  }
  return {
    operations: { read, write, delete: remove },
    exists: async ({ fields }) => (await engine.records.get(spec.key(namesOf(fields)))) !== undefined,
  }
}
