/**
 * Entity tags of responses whose bytes are not the upstream's. A strong tag speaks for every byte (RFC 9110, 8.8.1), so it
 * becomes a weak one with a mark of ours; one that comes back in a condition is made the upstream's own again, so that
 * `If-Match`, which never matches weak tags (13.1.1), works as it does without a gateway.
 */

/** Part of an opaque tag; no `"` and no `,`, because clients split lists carelessly. */
const MARK = '~mcp'
const strong = /^"[\x21\x23-\x7e\x80-\xff]*"$/
const marked = new RegExp(`W/"([\\x21\\x23-\\x7e\\x80-\\xff]*?)${MARK}"`, 'g')

/** The tag of a changed body: `"a"` as `W/"a~mcp"`; a weak tag as it is. */
export const tagOfChanged = (tag: string): string => (strong.test(tag) ? `W/${tag.slice(0, -1)}${MARK}"` : tag)

/** A list of tags with ours as the upstream wrote them. */
export const originalTags = (value: string): string =>
  value.includes(MARK) ? value.replace(marked, (_whole, tag: string) => `"${tag}"`) : value
