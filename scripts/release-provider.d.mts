export interface ReleaseFile {
  readonly name: string
  /** Hex. */
  readonly sha256: string
}
export declare function releaseProvider(options: {
  readonly outDir: string
  readonly version?: string
}): Promise<readonly ReleaseFile[]>
