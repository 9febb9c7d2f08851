/**
 * The one kind of managed resource: a document of the engine, written whole, read back typed. What differs between documents is in
 * their `DocumentSpec`s.
 */
import { explain, remarks } from '../explain.ts'
import type { Subject } from '../explain.ts'
import { fault, warning } from '../protocol/diagnostic.ts'
import type { Diagnostic, Path } from '../protocol/diagnostic.ts'
import type { Outcome, Plan, PlannedChange, ResourceType } from '../protocol/provider.ts'
import type { Attribute, Attributes } from '../protocol/schema.ts'
import { isEqual, isList, isObject, isWhollyKnown, unknown } from '../protocol/value.ts'
import type { Value, ValueObject } from '../protocol/value.ts'
import { CallFailure } from '../server.ts'
import type { Server } from '../server.ts'
import { attributeOf, checkField, defaultOf, fromEngine } from './engine-field.ts'
import type { EngineDocument, EngineField, Items } from './engine-field.ts'
import { placeOf } from './place.ts'

export interface DocumentSpec {
  readonly document: EngineDocument
  /** Fields that are called otherwise here. */
  readonly rename?: Readonly<Record<string, string>>
  /** The name that may be left out. */
  readonly optionalName?: string
  /** Fields that are no attributes. */
  readonly omit?: readonly string[]
  /** What the fields of type `objects` hold. */
  readonly items?: Readonly<Record<string, Items>>
  /** Defaults that follow from other attributes, which may be unknown. */
  readonly defaults?: Readonly<Record<string, (config: ValueObject) => Value>>
  /** Attributes the engine knows nothing of. What is not write-only is kept as configured. */
  readonly extra?: Attributes
  /** Beyond what the fields say of themselves. */
  check?(config: ValueObject): readonly Diagnostic[]
  /** With a server at hand, unless it cannot be asked. */
  checkPlan?(planned: ValueObject, server: Server): Promise<readonly Diagnostic[]>
  /** Around the write of the document; `prior` is null at creation. */
  beforeWrite?(write: DocumentWrite): Promise<void>
  afterWrite?(write: DocumentWrite): Promise<void>
  afterDelete?(prior: ValueObject, server: Server): Promise<void>
}

export interface DocumentWrite {
  readonly server: Server
  readonly prior: ValueObject | null
  readonly planned: ValueObject
  /** With the write-only attributes. */
  readonly config: ValueObject
}

const idAttribute: Attribute = { type: 'string', computed: true, description: 'Path of the document: `<mount>/…`.' }

export function documentResource(spec: DocumentSpec, server: () => Server): ResourceType {
  const place = placeOf(spec.document.pattern, spec.optionalName)
  const isName = (field: string): boolean => place.names.includes(field)
  const fields = Object.entries(spec.document.fields).filter(([name]) => !spec.omit?.includes(name)).map(([name, field]) => ({ name, attribute: spec.rename?.[name] ?? name, field, items: spec.items?.[name] }))
  const attributes: Attributes = { ...Object.fromEntries(fields.map(({ name, attribute, field, items }) => [attribute, declared(name, attribute, field, items)])), ...spec.extra, id: idAttribute }
  const subject: Subject = { attributeOf: (field) => nameAmong(attributes, spec.rename?.[field] ?? field) }

  function declared(name: string, attribute: string, field: EngineField, items: Items | undefined): Attribute {
    const base = attributeOf(name, field, items)
    if (isName(name)) return { ...base, ...(name === spec.optionalName ? { optional: true } : { optional: false, required: true }) }
    return spec.defaults?.[attribute] ? { ...base, computed: true } : base
  }

  /** What the configuration comes to: every attribute but the computed ones. */
  function desired(config: ValueObject): Record<string, Value> {
    const values: Record<string, Value> = {}
    for (const { attribute, field, items } of fields.filter((candidate) => !candidate.field.computed)) {
      const given = config[attribute] ?? null
      values[attribute] = given === null ? spec.defaults?.[attribute]?.(config) ?? defaultOf(field) ?? null : completed(given, items)
    }
    for (const [name, { write_only: writeOnly }] of Object.entries(spec.extra ?? {})) values[name] = writeOnly ? null : config[name] ?? null
    return values
  }

  const pathIn = (values: ValueObject): string => place.path(Object.fromEntries(place.names.map((name) => {
    const value = values[spec.rename?.[name] ?? name]
    return [name, typeof value === 'string' ? value : undefined]
  })))

  function plan({ prior, config }: PlannedChange): Omit<Plan, 'diagnostics'> {
    const planned = desired(config)
    const renamed = place.names.map((name) => spec.rename?.[name] ?? name).filter((name) => prior !== null && !isEqual(prior[name], planned[name]))
    const mount = server().knownMount()
    const moved = prior !== null && mount !== undefined && prior.id !== `${mount}/${pathIn(prior)}`
    const replace: Path[] = [...renamed.map((name) => [name]), ...(moved ? [['id']] : [])]
    const changed = prior === null || replace.length > 0 || Object.keys(planned).some((name) => !isEqual(planned[name], prior[name]))
    for (const { attribute } of fields.filter(({ field }) => field.computed)) planned[attribute] = changed ? unknown : prior[attribute] ?? null
    planned.id = prior === null || replace.length > 0 ? unknown : prior.id ?? null
    return { planned, replace }
  }

  /** Writes the document as planned and reads it back for what the engine adds. */
  async function write(prior: ValueObject | null, given: ValueObject, config: ValueObject): Promise<Outcome> {
    const asked = server()
    const settled = desired(config)
    const planned: Record<string, Value> = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, isWhollyKnown(value) ? value : settled[name] ?? null]))
    planned.id = prior === null ? `${asked.mount()}/${pathIn(planned)}` : prior.id ?? null
    const path = String(planned.id)
    const body = Object.fromEntries(fields.filter(({ name, field }) => !field.computed && !isName(name)).map(({ name, attribute }) => [name, planned[attribute] ?? null]))
    const work: DocumentWrite = { server: asked, prior, planned, config }
    try {
      await spec.beforeWrite?.(work)
      const { warnings } = await asked.request('POST', path, { body })
      await spec.afterWrite?.(work)
      return await confirmed(path, planned, remarks(warnings, subject))
    } catch (error) {
      return explain(error, asked, subject)
    }
  }

  async function confirmed(path: string, planned: Record<string, Value>, diagnostics: readonly Diagnostic[]): Promise<Outcome> {
    const answer = await server().read(path).catch((error: unknown) => (error instanceof CallFailure ? error : Promise.reject(error as Error)))
    // Written it is; a failure here would have Terraform replace it.
    if (answer instanceof CallFailure) return { state: planned, diagnostics: [...diagnostics, warning(`${path} was written and cannot be read`, `The server says: ${answer.message}. The next plan will need to read it.`)] }
    const data = answer?.data ?? {}
    for (const { name, attribute, field, items } of fields.filter((candidate) => candidate.field.computed)) planned[attribute] = fromEngine(field, data[name], items)
    const strange = fields.filter(({ name, attribute }) => !isName(name) && !Object.hasOwn(data, name) && planned[attribute] !== null)
    const faults = answer === undefined ? [] : strange.map(({ attribute }) => fault(`The engine does not know ${attribute}`, `The engine at ${path.split('/')[0] ?? ''}/ is older than this provider and ignored it. Upgrade the engine, or use the provider of its version.`, [attribute]))
    return { state: planned, diagnostics: [...diagnostics, ...faults] }
  }

  return {
    schema: { description: `${spec.document.synopsis} ${spec.document.description}`, attributes },
    validate: (config) => [...fields.flatMap(({ attribute, field, items }) => (field.computed ? [] : checkField([attribute], field, config[attribute], items))), ...(spec.check?.(config) ?? [])],
    async plan(change) {
      const result = plan(change)
      return { ...result, diagnostics: await spec.checkPlan?.(result.planned, server()) ?? [] }
    },
    create: (planned, config) => write(null, planned, config),
    update: write,
    async delete(prior) {
      const asked = server()
      try {
        await asked.request('DELETE', String(prior.id)).catch(unlessGone)
        await spec.afterDelete?.(prior, asked)
      } catch (error) {
        await explain(error, asked, subject)
      }
    },
    async read(state) {
      const asked = server()
      try {
        const answer = await asked.read(String(state.id))
        if (!answer) return { state: null, diagnostics: [] }
        const read = fields.filter(({ name }) => !isName(name)).map(({ name, attribute, field, items }) => [attribute, fromEngine(field, answer.data?.[name], items)] as const)
        return { state: { ...state, ...Object.fromEntries(read) }, diagnostics: [] }
      } catch (error) {
        if (error instanceof CallFailure && error.error.kind === 'unsupported_path') return { state: null, diagnostics: [warning(`Nothing is mounted at ${String(state.id)} any more`, 'It is planned to be made again. Enable the engine first, or set mount in the provider block.')] }
        return explain(error, asked, { attributeOf: () => undefined })
      }
    },
    importState(id) {
      const mount = server().mount()
      const names = place.parse(id, mount)
      const given = Object.fromEntries(Object.entries(names).map(([name, value]) => [spec.rename?.[name] ?? name, value]))
      return { ...Object.fromEntries(Object.keys(attributes).map((name) => [name, null])), ...given, id: `${mount}/${place.path(names)}` }
    },
  }
}

const nameAmong = (attributes: Attributes, name: string): string | undefined => (Object.hasOwn(attributes, name) ? name : undefined)

function completed(value: Value, items: Items | undefined): Value {
  return items && isList(value) ? value.map((item) => (isObject(item) ? items.complete(item) : item)) : value
}

function unlessGone(error: unknown): void {
  if (!(error instanceof CallFailure) || (error.error.kind !== 'not_found' && error.error.kind !== 'unsupported_path')) throw error
}
