/** `ephemeral "mcp_creds"`: a phantom token for as long as the run lasts. */
import type { Clock } from '../../logical/clock.ts'
import type { VaultResponse } from '../../vault-client/index.ts'
import { checkName, checkNames, checkScopes } from '../checks.ts'
import { engineSchema } from '../engine-schema.ts'
import { explain, warningDiagnostics } from '../explain.ts'
import type { Subject } from '../explain.ts'
import { Refusal, fault } from '../protocol/diagnostic.ts'
import type { EphemeralType, Opened } from '../protocol/provider.ts'
import type { Attributes, Block } from '../protocol/schema.ts'
import type { Value, ValueObject } from '../protocol/value.ts'
import { attributeOf, checkField, fromEngine } from '../engine-field.ts'
import type { EngineField } from '../engine-field.ts'
import type { Server } from '../server.ts'
import type { HeldLease, HeldLeases } from './held-leases.ts'

const { creds } = engineSchema
const fields = Object.entries<EngineField>(creds.fields)
const argumentFields = fields.filter(([, field]) => !field.computed)

const schema: Block = {
  description: `${creds.synopsis} ${creds.description} **The token dies with the run**: its lease is revoked when Terraform closes the resource, is interrupted, or ends. It is for what happens while Terraform runs; what runs afterwards must request a token of its own. \`plan\` opens ephemeral resources too: with \`issue = terraform.applying\` nothing is issued there.`,
  attributes: {
    ...Object.fromEntries(fields.map(([name, field]) => [name, declaration(name, field)])),
    issue: {
      type: 'bool',
      optional: true,
      description:
        'Whether a token is issued. With false, every computed attribute is null and no server is contacted. Write `terraform.applying` to have one only while applying. Default: true.',
    },
    lease_id: { type: 'string', computed: true, description: 'The lease of the token.' },
  } satisfies Attributes,
}

function declaration(name: string, field: EngineField): Attributes[string] {
  const base = attributeOf(name, field)
  if (name === 'agent') return { ...base, optional: false, required: true }
  if (name === 'token') return { ...base, sensitive: true }
  // The response says which one it was.
  return name === 'environment' ? { ...base, computed: true } : base
}

const subject: Subject = {
  attributeOf: (field) => (Object.hasOwn(schema.attributes, field) ? field : undefined),
  writeNeeds: ['update'],
}

export interface CredsOptions {
  readonly server: () => Server
  readonly heldLeases: HeldLeases
  readonly clock: Clock
}

export function credsType({ server, heldLeases, clock }: CredsOptions): EphemeralType {
  /** Half of the life that is left. */
  const renewal = ({ lease_duration: seconds, renewable }: VaultResponse) =>
    renewable === true && seconds !== undefined && seconds > 1 ? { renewAtMs: clock.now() + seconds * 500 } : {}

  return {
    schema,
    validate: (config) => [
      ...argumentFields.flatMap(([name, field]) => checkField([name], field, config[name])),
      ...checkName(['agent'], config.agent, 'claude-billing-agent'),
      ...checkName(['environment'], config.environment, 'production'),
      ...checkScopes(['requested_scopes'], config.requested_scopes),
      ...checkNames(['policies'], config.policies, 'billing-read'),
    ],
    async open(config): Promise<Opened> {
      if (config.issue === false) return { result: result(config, {}, undefined) }
      if (heldLeases.over) throw new Refusal(fault('Terraform was interrupted', 'No more tokens are issued.'))
      const at = server()
      try {
        const path = `${at.mount()}/creds/${String(config.agent)}`
        const given = argumentFields.filter(([name]) => name !== 'agent' && config[name] !== null)
        const body = Object.fromEntries(given.map(([name]) => [name, config[name]]))
        const response = await at.request('POST', path, { body, once: true })
        const { lease_id: leaseId = '', data } = response
        const lease: HeldLease = { lease_id: leaseId, session_path: `${path}/${String(data?.session_id)}` }
        heldLeases.add(lease, at)
        // Interrupted meanwhile: nothing else revokes the lease just opened.
        if (heldLeases.over) await heldLeases.revokeAll()
        if (typeof data?.token !== 'string')
          throw new Refusal(
            fault(
              `The response of ${path} holds no token`,
              'That path may belong to a secrets engine of another type.',
            ),
          )
        return {
          result: result(config, data, leaseId),
          handle: JSON.stringify(lease),
          ...renewal(response),
          diagnostics: warningDiagnostics(response.warnings, subject),
        }
      } catch (error) {
        return explain(error, at, subject)
      }
    },
    async renew(handle) {
      const at = server()
      try {
        const { lease_id } = JSON.parse(handle) as HeldLease
        return renewal(await at.request('PUT', 'sys/leases/renew', { body: { lease_id } }))
      } catch (error) {
        return explain(error, at, subject)
      }
    },
    async close(handle) {
      const at = server()
      const lease = JSON.parse(handle) as HeldLease
      await heldLeases.revoke(lease, at).catch((error: unknown) => explain(error, at, subject))
    },
  }
}

/** Arguments as they were given, and everything else from the response. */
function result(
  config: ValueObject,
  data: Readonly<Record<string, unknown>>,
  leaseId: string | undefined,
): ValueObject {
  const value = (name: string, field: EngineField): Value =>
    field.computed || (name === 'environment' && config[name] === null)
      ? fromEngine(name, field, data[name])
      : withDefault(name, field, config)
  return {
    ...Object.fromEntries(fields.map(([name, field]) => [name, value(name, field)])),
    issue: config.issue ?? null,
    lease_id: leaseId ?? null,
  }
}

function withDefault(name: string, field: EngineField, config: ValueObject): Value {
  return config[name] ?? fromEngine(name, field, field.default)
}
