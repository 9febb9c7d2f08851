/** Say most about what was done: written before anything that could use up the room of a line. */
const first = ['policy', 'policies', 'scopes', 'operation', 'path', 'id', 'left_out'] as const
/** As long as the caller likes: written when everything else has its place. */
const last = ['metadata', 'data'] as const
const special = new Set<string>([...first, ...last])

/** The same names; those that say what was done come first, those that hold a caller's data last. */
export function importantFirst(names: readonly string[]): readonly string[] {
  if (!names.some((name) => special.has(name))) return names
  const present = new Set(names)
  const has = (name: string): boolean => present.has(name)
  return [...first.filter(has), ...names.filter((name) => !special.has(name)), ...last.filter(has)]
}
