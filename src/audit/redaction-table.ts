/**
 * What is recognised as secret or personal in free text. Every pattern begins at a literal or at a word's start, and
 * every run in it is bounded or followed by something it cannot itself match: time grows with the length of the text,
 * never faster. Each pattern consumes what it looked at, so that nothing is looked at twice.
 */

export type RedactionKind = 'authorization' | 'token' | 'key' | 'credential' | 'email' | 'phone' | 'card'

export interface RedactionRule {
  readonly kind: RedactionKind
  readonly pattern: RegExp
  /** Source of a quick expression, read without case, that finds something in every text the pattern finds something in. */
  readonly hint: string
  /** Judges what follows the group `before` (which stays), or the whole match. Default: it goes. */
  readonly when?: (value: string) => boolean
}

const hasDigit = (value: string): boolean => /\d/.test(value)
const hasLetter = (value: string): boolean => /[A-Za-z]/.test(value)

/** What our own records name things by: not secrets, whatever they stand beside. */
const publicId = /^(?:(?:tok|sess)_)?[0-9A-HJKMNP-TV-Z]{26}$/
const date = /^\d{4}-\d{2}-\d{2}(?:T|$)/
const isPlaceholder = (value: string): boolean => value.startsWith('[redacted:')
const isHidden = (value: string): boolean => value !== '' && !isPlaceholder(value) && !publicId.test(value)
/** Long, joined by `_` or `-`, and still no words. */
const hasDigitOrCapital = (value: string): boolean => /[\dA-Z]/.test(value)

/** Of a value behind `token: ` in running text: a credential rather than a word about one. */
const looksSecret = (value: string): boolean =>
  isHidden(value) && value.length >= 6 && hasDigit(value) && hasLetter(value) && !date.test(value)

/** Of a word behind `Bearer ` in running text: digits amid letters, or length, but no date, path or name of ours. */
const looksRandom = (value: string): boolean =>
  isHidden(value) && (/[A-Za-z]\d+[A-Za-z]/.test(value) || /^[A-Za-z0-9]{32,}$/.test(value)) && !date.test(value)

function isBasicCredential(value: string): boolean {
  return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(value, 'base64').toString('latin1'))
}

/** Names under which credentials stand, as a parameter, a header, a member or a variable; with any `prefix_` before. */
const secretName =
  '(?<![A-Za-z0-9])(?:' +
  '(?:(?:access|refresh|id|auth|client|session|bearer|parent|security|service|vault|csrf|xsrf)[_-]?)?token' +
  '|(?:api|access|secret|private|signing|encryption|master|account|subscription|unseal|recovery)[_-]?key' +
  '|(?:client[_-]?)?secret(?:[_-]?(?:id|access[_-]?key))?' +
  '|passw(?:or)?d|passphrase|pwd|jwt|assertion|signature|sig|credentials?)'
const secretNameHint =
  '(?:token|key|secret|secret[_-]?id|passw(?:or)?d|passphrase|pwd|jwt|assertion|signature|sig|credentials?)[\\\\"\']{0,5}\\s{0,4}(?:[:=]|%3d)'

const authorization = 'authorization\\\\{0,4}["\']?[ \\t]{0,4}[:=][ \\t]{0,4}\\\\{0,4}["\']?'
const scheme = '(?:bearer|basic|token|negotiate|apikey|dpop)[ \\t]{1,4}'

/** Whole names of members whose value is a credential. `token_id` and the like are none. */
export const credentialName = new RegExp(`^(?:[a-z0-9]+[_-])*(?:${secretName}|authorization|cookie)$`, 'i')

export const credentialRules: readonly RedactionRule[] = [
  {
    kind: 'key',
    hint: 'private key-',
    pattern: /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|$)/g,
  },
  // Behind a known scheme stands one word.
  {
    kind: 'authorization',
    hint: 'authorization',
    pattern: new RegExp(`(?<before>${authorization}${scheme})[^\\s"'\\\\,;]+`, 'gi'),
    when: isHidden,
  },
  // Where an unknown one ends cannot be known, except by the line.
  {
    kind: 'authorization',
    hint: 'authorization',
    pattern: new RegExp(`(?<before>${authorization})(?!${scheme})[^\\s"'\\\\][^\\r\\n]*`, 'gi'),
    when: isHidden,
  },
  {
    kind: 'authorization',
    hint: 'cookie',
    pattern: /(?<before>cookie\\{0,4}["']?[ \t]{0,4}:[ \t]{0,4}\\{0,4}["']?)[^\r\n"\\]+/gi,
    when: (value) => value.includes('=') && isHidden(value),
  },
  {
    kind: 'authorization',
    hint: 'bearer[ \\t]',
    pattern: /(?<before>(?<![A-Za-z0-9])bearer[ \t]{1,4})[A-Za-z0-9._~+/-]{8,}=*/gi,
    when: looksRandom,
  },
  {
    kind: 'authorization',
    hint: 'basic[ \\t]',
    pattern: /(?<before>(?<![A-Za-z0-9])basic[ \t]{1,4})[A-Za-z0-9+/]{4,}=*/gi,
    when: isBasicCredential,
  },
  {
    kind: 'credential',
    hint: '://[^\\s/@]{1,512}@',
    pattern: /(?<before>:\/\/)[^\s/@:?#"'[\]]{0,256}:[^\s/@?#"'[\]]{1,256}(?=@)/g,
  },
  // Our tokens, under any configured prefix: <prefix>_<label>_<43 + 6 base62>.
  {
    kind: 'token',
    hint: '_[a-z0-9]{1,16}_[a-z0-9]{49}',
    pattern: /(?<![A-Za-z0-9])[a-z0-9]{1,32}_[a-z0-9]{1,16}_[A-Za-z0-9]{49,}/g,
  },
  // The same under their own prefixes when cut short or misspelt, and service tokens.
  {
    kind: 'token',
    hint: '[sg][vs]t_',
    pattern: /(?<![A-Za-z0-9])(?:svt|gst)_[A-Za-z0-9_-]{12,}/g,
    when: hasDigitOrCapital,
  },
  { kind: 'token', hint: 'hv[sbr]\\.', pattern: /(?<![A-Za-z0-9])hv[sbr]\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9]{1,32})?/g },
  {
    kind: 'token',
    hint: '[sbr]\\.[a-z0-9_-]{24}',
    pattern: /(?<![A-Za-z0-9._-])[sbr]\.[A-Za-z0-9_-]{24,}(?:\.[A-Za-z0-9]{1,32})?/g,
    when: hasDigitOrCapital,
  },
  {
    kind: 'token',
    hint: 'eyj',
    pattern: /(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}/g,
  },
  // Keys that say whose they are: issuers publish these marks so that scanners find them.
  {
    kind: 'key',
    hint: 'k_live_|k_test_|whsec_',
    pattern: /(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=]{16,})/g,
  },
  {
    kind: 'key',
    hint: 'gh[pousr]_|github_pat_|glpat-',
    pattern: /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})/g,
  },
  {
    kind: 'key',
    hint: 'xox[a-z]-|npm_|shp[a-z]{2}_|hf_|do[opr]_v1_|lin_api_',
    pattern:
      /(?<![A-Za-z0-9])(?:xox[abeoprs]-[A-Za-z0-9-]{10,}|npm_[A-Za-z0-9]{30,}|shp(?:at|ss|ca|pa)_[a-f0-9]{32}|hf_[A-Za-z0-9]{30,}|do[opr]_v1_[a-f0-9]{32,}|lin_api_[A-Za-z0-9]{30,})/g,
  },
  { kind: 'key', hint: 'sk-', pattern: /(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,}/g, when: hasDigit },
  {
    kind: 'key',
    hint: 'a[ks]ia|aiza|ya29\\.|sg\\.',
    pattern:
      /(?<![A-Za-z0-9])(?:A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})/g,
  },
  // "name":"value", name: "value", name="value"; the same inside a JSON string; the same in single quotes.
  {
    kind: 'credential',
    hint: secretNameHint,
    pattern: new RegExp(
      `(?<before>${secretName}"?\\s{0,4}(?::|=>?)\\s{0,4}")[^"\\\\\\r\\n]*(?:\\\\[^\\r\\n][^"\\\\\\r\\n]*)*`,
      'gi',
    ),
    when: isHidden,
  },
  {
    kind: 'credential',
    hint: secretNameHint,
    pattern: new RegExp(
      `(?<before>${secretName}(?:\\\\{1,4}")?\\s{0,4}(?::|=>?)\\s{0,4}\\\\{1,4}")[^"\\\\\\r\\n]+`,
      'gi',
    ),
    when: isHidden,
  },
  {
    kind: 'credential',
    hint: secretNameHint,
    pattern: new RegExp(`(?<before>${secretName}'?\\s{0,4}(?::|=>?)\\s{0,4}')[^'\\r\\n]+`, 'gi'),
    when: isHidden,
  },
  // name=value in a URL, a form or an environment; the equals sign may be percent-encoded.
  {
    kind: 'credential',
    hint: secretNameHint,
    pattern: new RegExp(`(?<before>${secretName}(?:=|%3d))[^\\s&#"'\\\\<>,;]+`, 'gi'),
    when: isHidden,
  },
  // Short names that mean a credential only as a parameter of a URL, with a value of some length.
  {
    kind: 'credential',
    hint: '[?&](?:key|code|auth)=',
    pattern: /(?<before>[?&](?:key|code|auth)=)[^\s&#"'\\<>]{16,}/gi,
    when: isHidden,
  },
  // name: value in running text, where the value may be a word about a token.
  {
    kind: 'credential',
    hint: secretNameHint,
    pattern: new RegExp(`(?<before>${secretName}:[ \\t]{1,4})[^\\s"'\\\\,;&<>()]+`, 'gi'),
    when: looksSecret,
  },
]

const digitsIn = (value: string): number => value.replace(/\D/g, '').length
const digits =
  (least: number) =>
  (value: string): boolean =>
    digitsIn(value) >= least
const phoneEnd = '(?![A-Za-z0-9]|[.-]\\d)'

export const personalRules: readonly RedactionRule[] = [
  {
    kind: 'email',
    hint: '@|%40',
    pattern: /[\p{L}\p{N}._%+'-]{1,64}(?:@|%40)(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}[\p{L}\p{N}-]{1,23}/giu,
  },
  // Telephone numbers show by a plus, an area code in brackets or a leading zero, or groups of three, three and four;
  // bare digits may be a count or a Unix time.
  {
    kind: 'phone',
    hint: '(?:\\+|%2b)[ .()-]{0,2}\\d',
    pattern: new RegExp(`(?<![A-Za-z0-9+])(?:\\+|%2B)(?:[ .()-]{0,2}\\d){8,15}${phoneEnd}`, 'gi'),
  },
  {
    kind: 'phone',
    hint: '\\(\\d',
    pattern: new RegExp(`(?<![A-Za-z0-9])\\(\\d{2,5}\\)[ -]?\\d{2,4}(?:[ .-]\\d{2,5}){1,3}${phoneEnd}`, 'g'),
    when: digits(9),
  },
  {
    kind: 'phone',
    hint: '0[1-9]\\d{1,3}[ /-]\\d',
    pattern: new RegExp(`(?<![A-Za-z0-9.,:-])0[1-9]\\d{1,3}[ /-]\\d{3,9}(?:[ -]\\d{2,5}){0,3}${phoneEnd}`, 'g'),
    when: digits(9),
  },
  {
    kind: 'phone',
    hint: '\\d{3}[.-]\\d{3}[.-]\\d',
    pattern: new RegExp(`(?<![A-Za-z0-9.-])\\d{3}(?<gap>[.-])\\d{3}\\k<gap>\\d{4}${phoneEnd}`, 'g'),
  },
  {
    kind: 'phone',
    hint: '[2-9]\\d\\d [2-9]\\d\\d[ -]\\d',
    pattern: new RegExp(`(?<![A-Za-z0-9.,:-])[2-9]\\d\\d [2-9]\\d\\d[ -]\\d{4}${phoneEnd}`, 'g'),
  },
  {
    kind: 'phone',
    hint: '(?:phone|mobile|tel|fax|whatsapp)[a-z_-]{0,7}[\\\\"\']{0,5}\\s{0,2}[:=]',
    pattern:
      /(?<before>(?<![A-Za-z0-9])(?:tele)?(?:phone|mobile|tel|fax|whatsapp)(?:[_-]?(?:number|no|nr))?\\{0,4}["']?\s{0,2}[:=]\s{0,2}\\{0,4}["']?)\+?\d(?:[ ./()-]{0,2}\d){5,15}(?![A-Za-z0-9])/gi,
  },
]
