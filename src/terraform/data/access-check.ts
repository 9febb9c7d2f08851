/** "May agent X use tool Y, and why": judged here from the documents as they are, by the same rules as the gateway's. */
import { parsePolicy } from '../../policy/index.ts'
import type { PolicyDocument } from '../../policy/index.ts'
import { judgeTool } from '../../scope/index.ts'
import { checkName } from '../checks.ts'
import { explain } from '../explain.ts'
import { fault } from '../protocol/diagnostic.ts'
import type { DataSource } from '../protocol/provider.ts'
import type { ValueObject } from '../protocol/value.ts'
import type { Server } from '../server.ts'
import { exactToolPathOf } from '../tool-name.ts'

const capabilities = ['read', 'create', 'update', 'delete', 'list']

export function accessCheckSource(server: () => Server): DataSource {
  return {
    schema: {
      description:
        "Whether an agent may use a tool, and why. For `check` blocks and tests: what is judged are the documents as they are when this is read, scopes and tool policies alike; policies' rules on parameters are left to each call.",
      attributes: {
        agent: {
          type: 'string',
          required: true,
          description: 'Name or id of the agent. With the id of an `mcp_agent`, this is read once the agent is made.',
        },
        tool: { type: 'string', required: true, description: "The tool: an `mcp_tool`'s id, or `stripe/invoices`." },
        capability: {
          type: 'string',
          optional: true,
          computed: true,
          description: `${capabilities.map((word) => `\`${word}\``).join(', ')}. Default: \`read\`.`,
        },
        environment: { type: 'string', optional: true, description: "Default: the agent's own." },
        allowed: { type: 'bool', computed: true, description: 'Whether a session of the agent may.' },
        reason: { type: 'string', computed: true, description: 'A sentence that says why, or why not.' },
      },
    },
    validate: ({ agent, tool, capability, environment }) => [
      ...(typeof agent === 'string' ? checkName(['agent'], agentName(agent), 'claude-billing-agent') : []),
      ...(typeof tool === 'string' && exactToolPathOf(tool) === undefined
        ? [
            fault(
              `tool ${JSON.stringify(tool.slice(0, 120))} is not a tool`,
              'Write for example mcp_tool.invoices.id, or "stripe/invoices".',
              ['tool'],
            ),
          ]
        : []),
      ...(typeof capability === 'string' && !capabilities.includes(capability)
        ? [
            fault(
              `capability ${JSON.stringify(capability.slice(0, 60))} is not one of ${capabilities.join(', ')}`,
              'Write for example capability = "read".',
              ['capability'],
            ),
          ]
        : []),
      ...checkName(['environment'], environment, 'staging'),
    ],
    async read(config) {
      const requested = server()
      const capability = typeof config.capability === 'string' ? config.capability : 'read'
      try {
        return { ...config, capability, ...(await judged(requested, config, capability)) }
      } catch (error) {
        return explain(error, requested, { attributeOf: (field) => (field in config ? field : undefined) })
      }
    },
  }
}

/** The last segment of an id, or the name itself. */
const agentName = (text: string): string => text.slice(text.lastIndexOf('/') + 1)

const toolPathOf = (config: ValueObject): string => exactToolPathOf(String(config.tool)) ?? ''

async function judged(
  server: Server,
  config: ValueObject,
  capability: string,
): Promise<{ readonly allowed: boolean; readonly reason: string }> {
  const name = agentName(String(config.agent))
  const toolPath = toolPathOf(config)
  const at = (path: string) => server.read(`${server.mount()}/${path}`).then((response) => response?.data ?? undefined)
  const no = (reason: string) => ({ allowed: false, reason })
  const [agent, tool] = await Promise.all([at(`agents/${name}`), at(toolPath)])
  if (!agent) return no(`Agent ${name} is not registered.`)
  if (agent.disabled === true) return no(`Agent ${name} is disabled.`)
  if (!tool) return no(`Tool ${toolPath.slice('tools/'.length)} does not exist.`)
  const environment = typeof config.environment === 'string' ? config.environment : agent.environment
  const own = environment === agent.environment
  const declared = await at(scopesPath(name, own, environment))
  if (!own && !declared) return no(`Agent ${name} has no scopes for ${String(environment)}.`)
  const scopes = texts(declared?.scopes)
  const names = texts(agent.policies)
  const policies = names && (await policiesOf(names, at))
  const { allowed, message } = judgeTool(
    [{ agent_id: name, granted: null, declared_scopes: scopes, policies, own_environment: own }],
    toolPath,
    capability,
  )
  if (allowed) return { allowed, reason: `${capability} on ${toolPath} is granted.` }
  return no(scopes === null && policies === null ? `Agent ${name} has neither scopes nor policies.` : message)
}

/** Of its own environment, or of another one. */
const scopesPath = (name: string, own: boolean, environment: unknown): string =>
  `agents/${name}/scopes${own ? '' : `/${String(environment)}`}`

const texts = (value: unknown): string[] | null => (Array.isArray(value) ? value.map(String) : null)

/** One that does not exist grants nothing. */
async function policiesOf(
  names: readonly string[],
  at: (path: string) => Promise<Readonly<Record<string, unknown>> | undefined>,
): Promise<PolicyDocument[]> {
  const found = await Promise.all(names.map((name) => at(`policies/${name}`)))
  return found.flatMap((document) => (typeof document?.policy === 'string' ? [parsePolicy(document.policy)] : []))
}
