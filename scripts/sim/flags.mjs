/**
 * Flags as the command line has them: `-name=N` or `-name N`, whole numbers all. `defaults` names them; undefined = may be absent.
 * Throws with a sentence for what it does not understand.
 */
export function parseFlags(words, defaults) {
  const values = { ...defaults }
  const rest = [...words]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, name, attached] = /^--?([a-z]+)(?:=(.*))?$/.exec(word) ?? []
    if (name === undefined || !Object.hasOwn(defaults, name))
      throw new Error(
        `${word}: not known here; the flags are ${Object.keys(defaults)
          .map((one) => `-${one}=N`)
          .join(', ')}`,
      )
    const text = attached ?? rest.shift() ?? ''
    if (!/^\d{1,9}$/.test(text)) throw new Error(`-${name}: "${text}" is not a whole number, for example -${name}=3`)
    values[name] = Number(text)
  }
  return values
}
