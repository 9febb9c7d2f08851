/** Shortest text that is taken for a key when it turns up in a response. */
export const SHORTEST_PATTERN = 8

/**
 * The byte strings by which a key is recognised in a response: itself, and as JSON, HTML, URL, base64 and hex would spell
 * it. `injected` is the header value the key was sent as.
 *
 * Secrets of fewer than 8 bytes are not patterns: "test" or "1234" occur in ordinary responses, and cutting them out would
 * corrupt data without hiding anything. A key that has no longer part is not used at all (`prepareKey`).
 */
export function keyPatterns(secrets: readonly string[], injected?: string): Buffer[] {
  const found = new Map<string, Buffer>()
  const add = (text: string) => {
    const bytes = Buffer.from(text, 'utf8')
    if (bytes.length >= SHORTEST_PATTERN) found.set(bytes.toString('latin1'), bytes)
  }
  for (const secret of secrets) {
    if (Buffer.byteLength(secret) < SHORTEST_PATTERN) continue
    for (const spelling of [secret, ...jsonSpellings(secret), ...htmlSpellings(secret), ...urlSpellings(secret)])
      add(spelling)
    const bytes = Buffer.from(secret, 'utf8')
    for (const spelling of base64Spellings(bytes)) add(spelling)
    add(bytes.toString('hex'))
    add(bytes.toString('hex').toUpperCase())
  }
  if (injected !== undefined) add(injected)
  return [...found.values()]
}

const unicodeEscape = (text: string, upper: boolean): string => {
  const digits = text.charCodeAt(0).toString(16).padStart(4, '0')
  return `\\u${upper ? digits.toUpperCase() : digits}`
}

/** JSON writers differ in three choices: `\/` for slashes (PHP), `\u003c` for `<>&'` (Go, Rails), `\uXXXX` for all non-ASCII (Python). */
function jsonSpellings(text: string): string[] {
  const plain = JSON.stringify(text).slice(1, -1)
  const spellings: string[] = []
  for (const slash of [false, true]) {
    for (const escaped of [
      /(?!)/g,
      /[<>&]/g,
      /[<>&']/g,
      /[\u007f-\uffff]/g,
      /[<>&\u007f-\uffff]/g,
      /[<>&'\u007f-\uffff]/g,
    ]) {
      for (const upper of [false, true]) {
        const spelled = plain.replace(escaped, (character) => unicodeEscape(character, upper))
        spellings.push(slash ? spelled.replaceAll('/', '\\/') : spelled)
      }
    }
  }
  return spellings
}

function htmlSpellings(text: string): string[] {
  const entities = (quote: string, apostrophe: string) =>
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', quote)
      .replaceAll("'", apostrophe)
  return [
    entities('&quot;', '&#39;'),
    entities('&#34;', '&#39;'),
    entities('&quot;', '&#x27;'),
    entities('&quot;', "'"),
    entities('"', "'"),
  ]
}

/** What percent-encoders leave alone beside letters and digits: JavaScript, RFC 3986, Python, PHP, HTML forms and Java, Go paths, whole URIs, nothing. */
const keptByEncoders = ["-_.!~*'()", '-_.~', '-_.~/', '-_.', '-_.*', '-_.~$&+=:@', "-_.!~*'();/?:@&=+$,#", '']

/** They differ also in how they write a space and in the case of hex digits. */
function urlSpellings(text: string): string[] {
  const bytes = [...Buffer.from(text, 'utf8')]
  const encode = (plain: (character: string) => boolean) =>
    bytes
      .map((byte) => {
        const character = String.fromCharCode(byte)
        return plain(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
      })
      .join('')
  const spellings = [
    encode(() => false),
    ...keptByEncoders.map((kept) => encode((character) => /[A-Za-z0-9]/.test(character) || kept.includes(character))),
  ]
  const spaced = spellings.flatMap((spelling) => [spelling, spelling.replaceAll('%20', '+')])
  return spaced.flatMap((spelling) => [spelling, spelling.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase())])
}

/**
 * Base64 of the secret alone, and the part of it that is the same whatever stands around the secret, for each of the three
 * ways its bytes can fall on base64's groups of three; standard and URL alphabet.
 */
function base64Spellings(bytes: Buffer): string[] {
  const spellings = [bytes.toString('base64')]
  for (const offset of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes, Buffer.alloc(2)]).toString('base64')
    spellings.push(padded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6)))
  }
  return spellings.flatMap((spelling) => [spelling, spelling.replaceAll('+', '-').replaceAll('/', '_')])
}
