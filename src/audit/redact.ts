import { replaceCards } from './card.ts'
import { credentialName, credentialRules, personalRules } from './redaction-table.ts'
import type { RedactionKind, RedactionRule } from './redaction-table.ts'

const placeholders: Readonly<Record<RedactionKind, string>> = {
  authorization: '[redacted:authorization]',
  token: '[redacted:token]',
  key: '[redacted:key]',
  credential: '[redacted:credential]',
  email: '[redacted:email]',
  phone: '[redacted:phone]',
  card: '[redacted:card]',
}

/** What stands for a value that could not be looked through. */
const UNREADABLE = '[redacted:unreadable]'

/** Stands for a whole value under a credential's name. */
export const credentialPlaceholder = placeholders.credential

/** Whether a member of this name holds a credential: `api_key`, `X-Vault-Token`, `refresh_token`; not `token_id`. */
export function isCredentialName(name: string): boolean {
  return name.length <= 128 && credentialName.test(name)
}

interface Ruleset {
  readonly rules: readonly RedactionRule[]
  /** One look tells most texts clean. */
  readonly suspicion: RegExp
}

const ruleset = (rules: readonly RedactionRule[]): Ruleset => ({
  rules,
  suspicion: new RegExp([...new Set(rules.map(({ hint }) => hint))].join('|'), 'i'),
})
const credentials = ruleset(credentialRules)
const personal = ruleset(personalRules)

function apply({ rules, suspicion }: Ruleset, text: string): string {
  if (!suspicion.test(text)) return text
  let result = text
  for (const { kind, pattern, when } of rules) {
    result = result.replace(pattern, (whole: string, ...rest: unknown[]) => {
      const groups = rest.at(-1)
      const before = typeof groups === 'object' ? ((groups as { before?: string }).before ?? '') : ''
      return when && !when(whole.slice(before.length)) ? whole : before + placeholders[kind]
    })
  }
  return result
}

function safely(text: string, redact: (text: string) => string): string {
  try {
    if (typeof text !== 'string') return UNREADABLE
    return redact(text)
  } catch {
    // A text so long that the pattern machine gives up.
    return UNREADABLE
  }
}

/**
 * Replaces credentials: Authorization and cookie values, API keys, tokens of ours, of Vault's and of well-known issuers,
 * JWTs, private keys, user information in URLs, and what stands under a secret's name in a URL, a form or JSON. Ids of
 * ours (`tok_…`, `sess_…`, ULIDs) stay. Never throws; time grows linearly with the text; a second pass changes nothing.
 */
export function redactCredentials(text: string): string {
  return safely(text, (whole) => apply(credentials, whole))
}

/** `redactCredentials`, and e-mail addresses, telephone numbers and card numbers too. For text that people wrote. */
export function redactText(text: string): string {
  return safely(text, (whole) => apply(personal, replaceCards(apply(credentials, whole), placeholders.card)))
}
