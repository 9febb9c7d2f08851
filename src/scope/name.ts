/** What a name may look like, in words, for sentences. */
export const nameRule =
  'lower-case letters, digits, "_" and "-", beginning with a letter or digit, at most 64 characters'

/** Names of agents, environments, upstreams, tool segments and tool policies. */
export function isName(text: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,63}$/.test(text)
}

const knownLabels: ReadonlyMap<string, string> = new Map([
  ['production', 'prod'],
  ['staging', 'staging'],
  ['development', 'dev'],
  ['test', 'test'],
])

/** The mark of an environment inside its tokens, 1 to 16 of `[a-z0-9]`. `overrides` come first, by environment name. */
export function environmentLabel(environment: string, overrides: Readonly<Record<string, string>> = {}): string {
  const chosen = Object.hasOwn(overrides, environment) ? overrides[environment] : knownLabels.get(environment)
  const label = (chosen ?? environment)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .slice(0, 16)
  return label === '' ? 'env' : label
}
