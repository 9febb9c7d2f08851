/** More names than these are looked up by their text. */
const FEW = 8

/** Something by names, which are asked for as they stand in a serialised JSON text, quotes included: most are of other names, and need no text. */
export class NamedMembers<T> {
  readonly #byText: ReadonlyMap<string, T>
  readonly #few: readonly (readonly [name: Uint8Array, member: T])[]

  constructor(members: ReadonlyMap<string, T>) {
    const serialised = [...members].map(([name, member]) => [Buffer.from(JSON.stringify(name)), member] as const)
    this.#few = serialised.length > FEW ? [] : serialised
    this.#byText = new Map(serialised.map(([name, member]) => [name.toString('latin1'), member]))
  }

  /** Of the name that is `bytes` from `start` to `end`. */
  get(bytes: Buffer, start: number, end: number): T | undefined {
    if (this.#few.length === 0) return this.#byText.get(bytes.toString('latin1', start, end))
    for (const [name, member] of this.#few) if (isAt(bytes, start, end, name)) return member
    return undefined
  }
}

function isAt(bytes: Buffer, start: number, end: number, name: Uint8Array): boolean {
  if (end - start !== name.length) return false
  for (let at = 0; at < name.length; at++) if (bytes[start + at] !== name[at]) return false
  return true
}
