/**
 * What the messages of HTTP/1.1 look like on the wire (RFC 9112), for those who read requests and for those who read responses: sections
 * of fields, framing, chunks. Read strictly: what two readers could understand differently is an error.
 */
export { MessageError, malformed } from './message-error.ts'
export { Section } from './section.ts'
export { readFieldLines, valueCharacters } from './field-lines.ts'
export { Framing } from './framing.ts'
export { FramedBody } from './framed-body.ts'
