/** The lines that programs change to go through a gateway, with the addresses of a real one. */
import type { PresetPlan } from './plan.ts'
import { fill, namesIn } from './variables.ts'

/** Names a client's line may use beside the preset's variables. */
export const clientNames = ['gateway', 'listener', 'listener_host', 'listener_port', 'listener_protocol'] as const

export interface GatewayAddresses {
  /** Its HTTP listener: `http://127.0.0.1:8251`. */
  readonly gateway: string
  /** A listener for this upstream alone, for programs that cannot use a path prefix: `http://127.0.0.1:8261`. Undefined = not known. */
  readonly listener: string | undefined
}

export interface ClientLine {
  readonly language: string
  readonly package: string
  readonly change: string
  /** It needs the listener for this upstream alone. */
  readonly needs_listener: boolean
}

/** Where the listener is not known, gaps that nobody takes for an address. */
function listenerValues(listener: string | undefined): Readonly<Record<string, string>> {
  const [protocol, host, port] = ['<http or https>', '<host>', '<port>']
  if (listener === undefined)
    return {
      listener: `${protocol}://${host}:${port}`,
      listener_host: host,
      listener_protocol: protocol,
      listener_port: port,
    }
  const url = new URL(listener)
  return {
    listener,
    listener_host: url.hostname,
    listener_protocol: url.protocol.slice(0, -1),
    listener_port: url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port,
  }
}

export function clientLines(
  { preset, name, variables }: PresetPlan,
  addresses: GatewayAddresses,
): readonly ClientLine[] {
  const values = { ...variables, gateway: addresses.gateway, ...listenerValues(addresses.listener) }
  return preset.clients.map(({ language, package: library, change }) => ({
    language,
    package: library,
    change: fill(change.replaceAll(`{{gateway}}/u/${preset.name}`, `{{gateway}}/u/${name}`), values),
    needs_listener: [...namesIn(change)].some((word) => word.startsWith('listener')),
  }))
}
