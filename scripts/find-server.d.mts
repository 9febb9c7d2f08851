export type Product = 'openbao' | 'vault'
export declare const targets: readonly string[]
export declare function findServer(
  wanted: Product | undefined,
  env?: Readonly<Record<string, string | undefined>>,
): { readonly product: Product; readonly binary: string }
