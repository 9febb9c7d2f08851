/** Where the members of a JSON object stand in its text, which must be well-formed. */
export interface JsonMember {
  readonly name: string
  /** Where its name begins, quote included. */
  readonly start: number
  readonly valueStart: number
  readonly end: number
}

const isSpace = (character: string | undefined): boolean =>
  character === ' ' || character === '\n' || character === '\r' || character === '\t'

/** Those of the outermost object, in order. */
export function membersIn(text: string): readonly JsonMember[] {
  const members: JsonMember[] = []
  let at = afterSpace(text, text.indexOf('{') + 1)
  while (text[at] === '"') {
    const nameEnd = endOfString(text, at)
    const valueStart = afterSpace(text, text.indexOf(':', nameEnd) + 1)
    const end = endOfValue(text, valueStart)
    members.push({ name: JSON.parse(text.slice(at, nameEnd)) as string, start: at, valueStart, end })
    const comma = afterSpace(text, end)
    at = text[comma] === ',' ? afterSpace(text, comma + 1) : text.length
  }
  return members
}

function afterSpace(text: string, start: number): number {
  let at = start
  while (isSpace(text[at])) at++
  return at
}

function endOfValue(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const character = text[at]
    if (character === '"') at = endOfString(text, at) - 1
    else if (character === '{' || character === '[') depth++
    else if (depth > 0 && (character === '}' || character === ']')) depth--
    else if (depth === 0 && (character === ',' || character === '}' || isSpace(character))) return at
  }
  return text.length
}

/** The index after the closing quote of the string that opens at `start`. */
export function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0
    while (text[quote - 1 - slashes] === '\\') slashes++
    if (slashes % 2 === 0) return quote + 1
  }
  return text.length
}
