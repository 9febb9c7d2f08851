import { tokenDigest } from '../../src/scope/index.ts'

/** Short names of sessions (`s1`) and tokens (`t1`), in the order they were issued: what a history is read by. */
export class Names {
  readonly #sessions = new Map<string, string>()
  readonly #tokens = new Map<string, string>()

  session(sessionId: string): string {
    return named(this.#sessions, sessionId, 's')
  }

  token(text: string): string {
    return this.digest(tokenDigest(text))
  }

  digest(sha256: string): string {
    return named(this.#tokens, sha256, 't')
  }
}

function named(names: Map<string, string>, key: string, letter: string): string {
  const known = names.get(key)
  if (known !== undefined) return known
  const name = `${letter}${names.size + 1}`
  names.set(key, name)
  return name
}
