/** The value of a field in a list of names, in lower case, and values in turn; of several lines one list, as RFC 9110, 5.3 has it. */
export function fieldValue(fields: readonly string[], name: string): string | undefined {
  let value: string | undefined
  for (let at = 0; at + 1 < fields.length; at += 2)
    if (fields[at] === name) value = value === undefined ? fields[at + 1] : `${value}, ${fields[at + 1]!}`
  return value
}
