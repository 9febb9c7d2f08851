import { Matcher } from './matcher.ts'
import { patternsOf } from './patterns.ts'
import { credentialsIn, isComposed } from './secret-text.ts'

/** Of all credentials in one secret together: what bounds the memory of one search, to a few MB. Two JWTs and what they came from fit. */
const MOST_CREDENTIAL_BYTES = 24_576

/** The texts of one secret that an upstream may repeat. */
export interface SecretTexts {
  /** What is sent as the credential, bare and as composed (`user:password`). */
  readonly keys: readonly string[]
  /** The secret's other texts: an upstream that knows them may repeat them too. */
  readonly others: readonly string[]
  /** Parts of what is sent that stand in the upstream's document, as an account's name may: no secret, and in ordinary responses. */
  readonly written?: readonly string[]
}

/**
 * What is looked for in responses; 'too_much_text' where the secret holds more than a search is built for, and undefined when
 * nothing of it can be distinguished from ordinary data (see `patternsOf`).
 */
export function keySearch(texts: SecretTexts): Matcher | 'too_much_text' | undefined {
  const written = new Set(texts.written?.filter((text) => !texts.keys.includes(text)))
  const keys = new Set(texts.keys.flatMap(credentialsIn).filter((text) => !written.has(text)))
  const others = new Set(texts.others.flatMap((text) => [...credentialsIn(text)]).filter((text) => !keys.has(text)))
  const bytes = [...keys, ...others].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > MOST_CREDENTIAL_BYTES) return 'too_much_text'
  const patterns = [
    ...[...keys].flatMap((text) => patternsOf(text, !isComposed(text))),
    ...[...others].flatMap((text) => patternsOf(text, false)),
  ]
  return patterns.length > 0 ? new Matcher(patterns) : undefined
}
