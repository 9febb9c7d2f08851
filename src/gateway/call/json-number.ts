/** The grammar of a JSON number (RFC 8259, section 6) as tables, so that it can be read byte by byte. */

/** Classes of bytes a number may hold: 1 zero, 2 another digit, 3 point, 4 e, 5 plus, 6 minus. */
export const numberKinds = new Uint8Array(256)
for (const [kind, signs] of ['0', '123456789', '.', 'eE', '+', '-'].entries())
  for (const sign of signs) numberKinds[sign.charCodeAt(0)] = kind + 1

/** By state and class, the next state; 0 refuses. States: 1 start, 2 after a minus, 3 zero, 4 digits, 5 point, 6 fraction, 7 e, 8 its sign, 9 exponent. */
const numberStates = [
  [0, 0, 0, 0, 0, 0, 0],
  [0, 3, 4, 0, 0, 0, 2],
  [0, 3, 4, 0, 0, 0, 0],
  [0, 0, 0, 5, 7, 0, 0],
  [0, 4, 4, 5, 7, 0, 0],
  [0, 6, 6, 0, 0, 0, 0],
  [0, 6, 6, 0, 7, 0, 0],
  [0, 9, 9, 0, 0, 8, 8],
  [0, 9, 9, 0, 0, 0, 0],
  [0, 9, 9, 0, 0, 0, 0],
]
export const numberNext = Uint8Array.from(numberStates.flatMap((row) => [...row, 0]))
export const wholeNumber = [0, 0, 0, 1, 1, 0, 1, 0, 0, 1]
