/**
 * The one kind of managed resource: a document of the engine, written whole, read back typed. What differs between documents is in
 * their `ResourceSpec`s.
 */
import type { DocumentProblem } from '../../document/index.ts'
import { explain, warningDiagnostics } from '../explain.ts'
import type { Subject } from '../explain.ts'
import { Refusal, fault, warning } from '../protocol/diagnostic.ts'
import type { Diagnostic, Path } from '../protocol/diagnostic.ts'
import type { ApplyOutcome, Plan, PlannedChange, ResourceType } from '../protocol/provider.ts'
import type { Attribute, Attributes, Block } from '../protocol/schema.ts'
import { isEqual, isUnknown, isWhollyKnown, unknown } from '../protocol/value.ts'
import type { Value, ValueObject } from '../protocol/value.ts'
import { CallFailure } from '../call-failure.ts'
import type { Server } from '../server.ts'
import { knownValue, problemFault } from '../checks.ts'
import { checkField, defaultOf, fromEngine } from '../engine-field.ts'
import { completed, declaration } from './document-spec.ts'
import type { ResourceSpec, ResourceMember } from './document-spec.ts'
import { mountProblems } from './mount-check.ts'
import { placeOf } from './place.ts'
import type { Place } from './place.ts'

const idAttribute: Attribute = { type: 'string', computed: true, description: 'Path of the document: `<mount>/…`.' }
const nowhere: Subject = { attributeOf: () => undefined }

/** The document's rules say of a value of the wrong type what its declaration has said already. */
function firstOfEach(found: readonly Diagnostic[]): Diagnostic[] {
  const places = found.map(({ path }) => JSON.stringify(path))
  return found.filter((_, index) => places[index] === undefined || places.indexOf(places[index]) === index)
}

export class DocumentResource implements ResourceType {
  readonly schema: Block
  readonly #spec: ResourceSpec
  readonly #server: () => Server
  readonly #place: Place
  readonly #members: readonly ResourceMember[]
  readonly #subject: Subject

  /** `server` is asked for only where one is needed. */
  constructor(spec: ResourceSpec, server: () => Server) {
    this.#spec = spec
    this.#server = server
    this.#place = placeOf(spec.document.pattern, spec.optionalName)
    this.#members = Object.entries(spec.document.fields)
      .filter(([name]) => !spec.omit?.includes(name))
      .map(([name, field]) => ({
        name,
        attribute: this.#called(name),
        field,
        items: spec.items?.[name],
        isName: this.#place.names.includes(name),
      }))
    const attributes: Attributes = {
      ...Object.fromEntries(this.#members.map((member) => [member.attribute, declaration(spec, member)])),
      ...spec.extra,
      id: idAttribute,
    }
    this.schema = { description: `${spec.document.synopsis} ${spec.document.description}`, attributes }
    this.#subject = {
      attributeOf: (field) => (Object.hasOwn(attributes, this.#called(field)) ? this.#called(field) : undefined),
    }
  }

  validate(config: ValueObject): Diagnostic[] {
    const found = this.#members
      .filter(({ field }) => !field.computed)
      .flatMap(({ attribute, field }) => checkField([attribute], field, config[attribute]))
    const problems = this.#spec.problems?.(this.#values(config)) ?? []
    return firstOfEach([...found, ...this.#faults(problems), ...(this.#spec.check?.(config) ?? [])])
  }

  async plan({ prior, config }: PlannedChange): Promise<Plan> {
    const planned = this.#desired(config)
    const replace = prior === null ? [] : this.#replacements(prior, planned)
    const isNew = prior === null || replace.length > 0
    const changed = isNew || Object.keys(planned).some((name) => !isEqual(planned[name], prior[name]))
    for (const { attribute, field } of this.#members)
      if (field.computed) planned[attribute] = changed ? unknown : (prior[attribute] ?? null)
    planned.id = isNew ? unknown : (prior.id ?? null)
    const server = this.#server()
    this.#spec.planned?.(planned, server)
    const problems = await mountProblems(this.#spec, this.#values(planned), this.#knownPath(planned, server), server)
    return { planned, replace, diagnostics: this.#faults(problems) }
  }

  create(planned: ValueObject, config: ValueObject): Promise<ApplyOutcome> {
    return this.#write(null, planned, config)
  }

  update(prior: ValueObject, planned: ValueObject, config: ValueObject): Promise<ApplyOutcome> {
    return this.#write(prior, planned, config)
  }

  async delete(prior: ValueObject): Promise<void> {
    const server = this.#server()
    try {
      await this.#spec.beforeDelete?.(prior, server)
      await server.request('DELETE', String(prior.id)).catch(unlessGone)
    } catch (error) {
      await explain(error, server, nowhere)
    }
  }

  async read(
    state: ValueObject,
  ): Promise<{ readonly state: ValueObject | null; readonly diagnostics: readonly Diagnostic[] }> {
    const server = this.#server()
    try {
      const response = await server.read(String(state.id))
      if (!response) return { state: null, diagnostics: [] }
      const { data } = response
      if (!data)
        throw new Refusal(
          fault(
            `The response of ${String(state.id)} holds no data`,
            'The address may not be a Vault server. The state is left as it was.',
          ),
        )
      const read = this.#members
        .filter(({ isName }) => !isName)
        .map(
          ({ name, attribute, field, items }) => [attribute, fromEngine(attribute, field, data[name], items)] as const,
        )
      return { state: { ...state, ...Object.fromEntries(read) }, diagnostics: [] }
    } catch (error) {
      if (!(error instanceof CallFailure) || error.error.kind !== 'unsupported_path')
        return explain(error, server, nowhere)
      return {
        state: null,
        diagnostics: [
          warning(
            `Nothing is mounted at ${String(state.id)} any more`,
            'It is planned to be created again. Enable the engine first, or set mount in the provider block.',
          ),
        ],
      }
    }
  }

  importState(id: string): ValueObject {
    const mount = this.#server().mount()
    const names = this.#place.parse(id, mount)
    const given = Object.fromEntries(Object.entries(names).map(([name, value]) => [this.#called(name), value]))
    return {
      ...Object.fromEntries(Object.keys(this.schema.attributes).map((name) => [name, null])),
      ...given,
      id: `${mount}/${this.#place.path(names)}`,
    }
  }

  /** What the document's rules judge: as far as it is known, by the engine's names, with the defaults that are written. */
  #values(config: ValueObject): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      this.#members
        .filter(({ field }) => !field.computed)
        .map(({ name, attribute, field }) => [name, knownValue(config[attribute] ?? defaultOf(field) ?? null)] as const)
        .filter(([, value]) => value !== null),
    )
  }

  #faults(problems: readonly DocumentProblem[]): Diagnostic[] {
    return problems
      .map((problem) => problemFault(problem, this.#called(problem.field)))
      .map((found) => this.#spec.reword?.(found) ?? found)
  }

  /** Undefined while the mount or a name is not known. */
  #knownPath(values: ValueObject, server: Server): string | undefined {
    const mount = server.knownMount()
    const isNamed = this.#members.every(({ isName, attribute }) => !isName || !isUnknown(values[attribute]))
    return mount === undefined || !isNamed ? undefined : `${mount}/${this.#path(values)}`
  }

  /** A field's name here. */
  #called(field: string): string {
    return this.#spec.rename?.[field] ?? field
  }

  /** What the configuration comes to: every attribute but the computed ones. */
  #desired(config: ValueObject): Record<string, Value> {
    const { defaults, extra } = this.#spec
    const values: Record<string, Value> = {}
    for (const { attribute, field, items } of this.#members.filter((member) => !member.field.computed)) {
      const given = config[attribute] ?? null
      values[attribute] =
        given === null ? (defaults?.[attribute]?.(config) ?? defaultOf(field) ?? null) : completed(given, items)
    }
    for (const [name, { write_only: writeOnly }] of Object.entries(extra ?? {}))
      values[name] = writeOnly ? null : (config[name] ?? null)
    return values
  }

  /** A document cannot be renamed, nor moved to another mount. */
  #replacements(prior: ValueObject, planned: ValueObject): Path[] {
    const renamed = this.#members.filter(
      ({ isName, attribute }) => isName && !isEqual(prior[attribute], planned[attribute]),
    )
    const mount = this.#server().knownMount()
    const moved = mount !== undefined && prior.id !== `${mount}/${this.#path(prior)}`
    return [...renamed.map(({ attribute }) => [attribute]), ...(moved ? [['id']] : [])]
  }

  #path(values: ValueObject): string {
    return this.#place.path(
      Object.fromEntries(
        this.#place.names.map((name) => {
          const value = values[this.#called(name)]
          return [name, typeof value === 'string' ? value : undefined]
        }),
      ),
    )
  }

  /** Writes the document as planned and reads it back for what the engine adds. */
  async #write(prior: ValueObject | null, given: ValueObject, config: ValueObject): Promise<ApplyOutcome> {
    const server = this.#server()
    const desired = this.#desired(config)
    const planned: Record<string, Value> = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, isWhollyKnown(value) ? value : (desired[name] ?? null)]),
    )
    const path = prior === null ? `${server.mount()}/${this.#path(planned)}` : String(prior.id)
    planned.id = path
    const body = Object.fromEntries(
      this.#members
        .filter(({ field, isName }) => !field.computed && !isName)
        .map(({ name, attribute }) => [name, planned[attribute] ?? null]),
    )
    const put = () => server.request('POST', path, { body })
    try {
      const { warnings } =
        (await this.#spec.writeWith?.({ server, path, prior, planned, config }, put)) ?? (await put())
      return await this.#confirmed(path, planned, warningDiagnostics(warnings, this.#subject))
    } catch (error) {
      return explain(error, server, this.#subject)
    }
  }

  async #confirmed(
    path: string,
    planned: Record<string, Value>,
    diagnostics: readonly Diagnostic[],
  ): Promise<ApplyOutcome> {
    const response = await this.#server()
      .read(path)
      .catch((error: unknown) => (error instanceof CallFailure ? error : Promise.reject(error as Error)))
    // Written it is; an error here would have Terraform replace it.
    if (response instanceof CallFailure)
      return {
        state: planned,
        diagnostics: [
          ...diagnostics,
          warning(
            `${path} was written but cannot be read back`,
            `The server says: ${response.message}. The next plan will need to read it.`,
          ),
        ],
      }
    const data = response?.data ?? {}
    for (const { name, attribute, field, items } of this.#members)
      if (field.computed) planned[attribute] = fromEngine(attribute, field, data[name], items)
    const ignored = this.#members.filter(
      ({ name, attribute, isName }) =>
        response !== undefined && !isName && !Object.hasOwn(data, name) && planned[attribute] !== null,
    )
    const faults = ignored.map(({ attribute }) =>
      fault(
        `The engine does not know ${attribute}`,
        `What is mounted at ${path.split('/')[0] ?? ''}/ is older than this provider and ignored it. Upgrade it, or use the provider of its version.`,
        [attribute],
      ),
    )
    return { state: planned, diagnostics: [...diagnostics, ...faults] }
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof CallFailure) || (error.error.kind !== 'not_found' && error.error.kind !== 'unsupported_path'))
    throw error
}
