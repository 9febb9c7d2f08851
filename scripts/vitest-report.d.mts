export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}
export declare function readReport(path: string, root: string): TestCounts & { readonly failures: readonly string[] }
