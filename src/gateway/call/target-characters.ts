/** Characters of a request target by their code: what may stand as it is in a path, and in a query. */
export const IN_PATH = 1
export const IN_QUERY = 2
const plain = new Uint8Array(128)
const mark = (characters: string, bits: number) => {
  for (const character of characters) plain[character.charCodeAt(0)]! |= bits
}
mark('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~', IN_PATH | IN_QUERY)
// RFC 3986, 3.3: `pchar`, without `;`, which some servers take for the beginning of path parameters.
mark("!$&'()*+,=:@", IN_PATH)
// What no reader of a query takes for a delimiter before it decodes; `/` and `?` are data there (RFC 3986, 3.4).
mark('!$()*,/:?@[]+', IN_QUERY)

export const isPlainCharacter = (code: number, bit: number): boolean =>
  code < plain.length && (plain[code]! & bit) !== 0

/** Whether a text has no other characters than these. */
export function isPlainText(text: string, bit: number): boolean {
  for (let at = 0; at < text.length; at++) if (!isPlainCharacter(text.charCodeAt(at), bit)) return false
  return true
}
