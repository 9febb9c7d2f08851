/** What the protocol serves: the kinds of things a provider has, in Terraform's values and without a trace of the wire. */
import type { Diagnostic, Path } from './diagnostic.ts'
import type { Block, FunctionSignature } from './schema.ts'
import type { Value, ValueObject } from './value.ts'

/** Values handed in have every attribute of the schema, null where it is not given. What is thrown as `Refusal` is shown as it is. */
export interface ResourceType {
  readonly schema: Block
  /** Without any server; anything may be unknown. */
  validate(config: ValueObject): readonly Diagnostic[]
  plan(change: PlannedChange): Promise<Plan>
  create(planned: ValueObject, config: ValueObject): Promise<ApplyOutcome>
  update(prior: ValueObject, planned: ValueObject, config: ValueObject): Promise<ApplyOutcome>
  delete(prior: ValueObject): Promise<void>
  /** A null state says that there is nothing any more. */
  read(state: ValueObject): Promise<{ readonly state: ValueObject | null; readonly diagnostics: readonly Diagnostic[] }>
  /** The state to read from; Terraform reads right after. */
  importState(id: string): ValueObject
}

export interface PlannedChange {
  /** Null where the resource is to be created. */
  readonly prior: ValueObject | null
  readonly config: ValueObject
}

export interface Plan {
  readonly planned: ValueObject
  readonly replace: readonly Path[]
  readonly diagnostics: readonly Diagnostic[]
}

export interface ApplyOutcome {
  readonly state: ValueObject
  readonly diagnostics: readonly Diagnostic[]
}

export interface DataSource {
  readonly schema: Block
  validate(config: ValueObject): readonly Diagnostic[]
  read(config: ValueObject): Promise<ValueObject>
}

export interface EphemeralType {
  readonly schema: Block
  validate(config: ValueObject): readonly Diagnostic[]
  open(config: ValueObject): Promise<Opened>
  renew(handle: string): Promise<{ readonly renewAtMs?: number }>
  close(handle: string): Promise<void>
}

export interface Opened {
  readonly result: ValueObject
  /** What renew and close are given; kept by Terraform, in memory, and no secret. Undefined: there is nothing to close. */
  readonly handle?: string
  /** Unix milliseconds. */
  readonly renewAtMs?: number
  readonly diagnostics?: readonly Diagnostic[]
}

export interface ProviderFunction {
  readonly signature: FunctionSignature
  /** Arguments are known and not null. Throws `ArgumentFault` for one that makes no sense. */
  readonly call: (args: readonly Value[]) => Value
}

export class ArgumentFault extends Error {
  override readonly name = 'ArgumentFault'
  readonly argument: number

  constructor(argument: number, message: string) {
    super(message)
    this.argument = argument
  }
}

export interface Provider {
  readonly schema: Block
  readonly resources: Readonly<Record<string, ResourceType>>
  readonly dataSources: Readonly<Record<string, DataSource>>
  readonly ephemeralTypes: Readonly<Record<string, EphemeralType>>
  readonly functions: Readonly<Record<string, ProviderFunction>>
  validate(config: ValueObject): readonly Diagnostic[]
  configure(config: ValueObject): readonly Diagnostic[]
  /** The user interrupted Terraform: nothing new is begun, and the leases held are revoked. */
  stop(): Promise<void>
}
