export function findTerraform(env?: Readonly<Record<string, string | undefined>>): {
  readonly binary: string
  readonly product: string
  readonly version: string
}
