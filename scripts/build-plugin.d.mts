export declare const pluginFile: string
export declare function buildPlugin(options: {
  outDir: string
  version?: string
  node?: string
}): Promise<{ path: string; bytes: number; sha256: string }>
