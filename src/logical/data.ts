/** A JSON object as it came over the wire: from the CLI every value is a string. */
export type Data = Record<string, unknown>
