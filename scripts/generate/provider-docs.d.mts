import type { Provider } from '../../src/terraform/protocol/provider.ts'
export declare function providerDocs(declared: Provider, example: (path: string) => string): Record<string, string>
