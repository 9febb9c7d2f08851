import { buildMatcher, type Matcher } from './matcher.ts'
import { keyPatterns } from './patterns.ts'
import { credentialsIn } from './secret-text.ts'

/** Of all credentials in one secret together: what bounds the memory of one search. */
const MOST_CREDENTIAL_BYTES = 12_288

/** The texts of one secret that an upstream may repeat. */
export interface SecretTexts {
  /** What is sent as the credential, bare and as composed (`user:password`). */
  readonly keys: readonly string[]
  /** The secret's other texts: an upstream that knows them may repeat them too. */
  readonly others: readonly string[]
}

/**
 * What is looked for in responses; 'too_much_text' where the secret holds more than a search is built for, and undefined when
 * nothing of it can be distinguished from ordinary data (see `keyPatterns`). `injected` is the header value the key is sent as.
 */
export function keySearch(texts: SecretTexts, injected?: string): Matcher | 'too_much_text' | undefined {
  const credentials = [...new Set([...texts.keys, ...texts.others].flatMap((text) => [...credentialsIn(text)]))]
  if (credentials.reduce((sum, text) => sum + Buffer.byteLength(text), 0) > MOST_CREDENTIAL_BYTES)
    return 'too_much_text'
  const patterns = keyPatterns(credentials, injected)
  return patterns.length > 0 ? buildMatcher(patterns) : undefined
}
