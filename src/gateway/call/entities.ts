/**
 * HTML's names of the characters that keys are made of: punctuation of ASCII (HTML, 13.5 "Named character references"),
 * Latin-1, whose names stand in the order of its characters from U+00A0 on, and a few beyond.
 */
const punctuation: readonly (readonly [character: string, names: string])[] = [
  ['!', 'excl'],
  ['"', 'quot QUOT'],
  ['#', 'num'],
  ['$', 'dollar'],
  ['%', 'percnt'],
  ['&', 'amp AMP'],
  ["'", 'apos'],
  ['(', 'lpar'],
  [')', 'rpar'],
  ['*', 'ast midast'],
  ['+', 'plus'],
  [',', 'comma'],
  ['.', 'period'],
  ['/', 'sol'],
  [':', 'colon'],
  [';', 'semi'],
  ['<', 'lt LT'],
  ['=', 'equals'],
  ['>', 'gt GT'],
  ['?', 'quest'],
  ['@', 'commat'],
  ['[', 'lsqb lbrack'],
  ['\\', 'bsol'],
  [']', 'rsqb rbrack'],
  ['^', 'Hat'],
  ['_', 'lowbar UnderBar'],
  ['`', 'grave DiacriticalGrave'],
  ['{', 'lcub lbrace'],
  ['|', 'vert verbar VerticalLine'],
  ['}', 'rcub rbrace'],
]

const latin1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para ' +
  'middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute ' +
  'Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute ' +
  'THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ' +
  'ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml'

/** Beyond Latin-1 what passphrases may hold, and keyboards or word processors write. */
const others: readonly (readonly [name: string, codePoint: number])[] = [
  ['euro', 0x20ac],
  ['ndash', 0x2013],
  ['mdash', 0x2014],
  ['lsquo', 0x2018],
  ['rsquo', 0x2019],
  ['sbquo', 0x201a],
  ['ldquo', 0x201c],
  ['rdquo', 0x201d],
  ['bdquo', 0x201e],
  ['bull', 0x2022],
  ['hellip', 0x2026],
  ['trade', 0x2122],
  ['OElig', 0x0152],
  ['oelig', 0x0153],
  ['Scaron', 0x0160],
  ['scaron', 0x0161],
]

/** Code point by name. */
export const entities: ReadonlyMap<string, number> = new Map([
  ...punctuation.flatMap(([character, names]) =>
    names.split(' ').map((name) => [name, character.charCodeAt(0)] as const),
  ),
  ...latin1.split(' ').map((name, at) => [name, 0xa0 + at] as const),
  ...others,
])

/** Names of each code point. */
export const entityNames = (codePoint: number): readonly string[] =>
  [...entities].filter(([, named]) => named === codePoint).map(([name]) => name)

/** Readers know it without its semicolon. */
export function isBareEntity(name: string): boolean {
  const codePoint = entities.get(name)!
  return /^(?:amp|lt|gt|quot)$/i.test(name) || (codePoint >= 0xa0 && codePoint <= 0xff)
}

/** A beginning of names, letter by letter. */
export interface EntityPrefix {
  readonly next: Map<number, EntityPrefix>
  /** What the letters so far name; -1 for nothing. */
  codePoint: number
  bare: boolean
}

const newPrefix = (): EntityPrefix => ({ next: new Map(), codePoint: -1, bare: false })

/** Before the first letter. */
export const entityRoot: EntityPrefix = newPrefix()
for (const [name, codePoint] of entities) {
  let prefix = entityRoot
  for (const letter of Buffer.from(name, 'latin1')) {
    const longer = prefix.next.get(letter) ?? newPrefix()
    prefix.next.set(letter, longer)
    prefix = longer
  }
  prefix.codePoint = codePoint
  prefix.bare = isBareEntity(name)
}
