import type { PathDef } from '../../src/framework/path.ts'
import type { EngineDocument } from '../../src/terraform/engine-field.ts'
export declare function engineSchema(paths: readonly PathDef[]): Record<string, EngineDocument>
export declare function engineSchemaText(paths: readonly PathDef[]): string
