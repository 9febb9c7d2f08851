import type { PathDef } from '../../src/framework/path.ts'
export declare function cliReference(paths: readonly PathDef[]): string
export declare function examplePath(path: PathDef): string
export declare function exampleData(path: PathDef): Record<string, unknown>
