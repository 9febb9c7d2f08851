/** What a plugin gives this folder to be served, and what it is given in return. */
import type { Client, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import type { Logger } from '../logical/log.ts'

/** A gRPC service: its methods (see `serviceDefinition`) and a handler for each. A handler that throws or rejects answers INTERNAL. */
export interface Service {
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
}

export interface GoPlugin {
  /** The environment variable, and its value, by which a host shows that it means this kind of plugin. Not a secret. */
  readonly cookie: { readonly name: string; readonly value: string }
  /** Versions of the application protocol that are served; the highest the host offers as well is spoken. */
  readonly versions: readonly number[]
  /** What a person who starts the executable by hand reads on stderr. */
  readonly usage: string
  /** Called once, before the host is told where to connect. */
  services(host: PluginHost): readonly Service[]
  /** Awaited before the process exits in an orderly way, for one second at most. */
  close?(): Promise<void>
}

export interface PluginHost {
  /** The version of the application protocol agreed upon. */
  readonly version: number
  /** Diagnostics, as the structured lines on stderr that hosts read; the only way a plugin is heard. */
  readonly logger: Logger
  /**
   * A client of the server the host listens with under `brokerId`. Waits up to five seconds for the host to announce it, before or
   * after this call; an announcement serves one dial. Rejects with `unavailable` where none came. Connects at the first call at the
   * latest, encrypted where the host's own connection is. The caller closes it.
   */
  dial(brokerId: number): Promise<Client>
}
