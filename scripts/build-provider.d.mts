export declare const providerFile: string
export declare function buildProvider(options: {
  outDir: string
  version?: string
  node?: string
}): Promise<{ path: string; bytes: number; sha256: string }>
