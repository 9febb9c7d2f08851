// Pieces of Markdown that several documents are made of.

export const generated = (source) => `<!-- Generated from ${source} by scripts/generate.mjs. Do not edit. -->`

export const code = (text) => `\`${text}\``
export const fence = (language, text) => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``

/** What people wrote for a terminal: outside of code, what looks like HTML would not be shown. */
export const prose = (text) =>
  text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll('<', '\\<')))
    .join('')

/** Rows of cells under their headings. */
export function table(headings, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Blocks of text with one empty line between them; what is undefined or empty is left out. */
export const blocks = (...parts) => `${parts.flat(Infinity).filter(Boolean).join('\n\n')}\n`
