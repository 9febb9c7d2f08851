import type { Message } from './wire.mjs'

export interface Exchange {
  readonly request: Message
  readonly response: Message | undefined
  readonly end: string
  readonly isOutside?: boolean
}
export interface Program {
  readonly leftOut?: Readonly<Record<string, string>>
  readonly responsesLeftOut?: Readonly<Record<string, string>>
  readonly comparable?: {
    readonly ':request'?: (request: Message) => Message
    readonly [part: string]: unknown
  }
  ownUrls(text: string | undefined): string | undefined
}
export declare function differences(
  directly: { readonly exchanges: readonly Exchange[]; readonly result: string | undefined },
  through: {
    readonly exchanges: readonly Exchange[]
    readonly received: readonly Exchange[]
    readonly result: string | undefined
  },
  program: Program,
  used: Set<string>,
): readonly string[]
