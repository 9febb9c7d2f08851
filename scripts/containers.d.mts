import type { Product } from './find-server.mjs'

export interface ContainerOptions {
  /** The image of a server that the Dockerfile is built from. */
  readonly serverImage: string
  /** The image that Node comes from. */
  readonly nodeImage: string
  readonly network: 'bridge' | 'host'
  /** By the name of the image. */
  readonly product: Product
}

/** Docker's command line. `end`: the last lines of both streams. */
export type Docker = (args: readonly string[]) => {
  readonly ok: boolean
  readonly output: string
  readonly end: string
}

type Env = Readonly<Record<string, string | undefined>>
export declare function containerOptions(env: Env): ContainerOptions
export declare function requireContainers(env?: Env, docker?: Docker): ContainerOptions
export declare function buildServerImage(options: ContainerOptions, tag: string, docker?: Docker): void
export declare function removeContainers(label: string, tag: string, docker?: Docker): void
