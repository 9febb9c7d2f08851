export declare function findTerraform(env?: Readonly<Record<string, string | undefined>>): { readonly binary: string; readonly version: string }
