/** A new id of ours: `req_` and 32 hexadecimal digits. Never the caller's: two requests of one id could not be distinguished. */
export const requestIdOf = (random: (bytes: number) => Uint8Array): string =>
  `req_${Buffer.from(random(16)).toString('hex')}`

/** The caller's request id if it is fit to stand in headers and records (1 to 128 of `A-Za-z0-9._:-`), else undefined. */
export const callerRequestIdOf = (given: unknown): string | undefined =>
  typeof given === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(given) ? given : undefined
