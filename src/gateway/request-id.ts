/** The caller's request id if it is fit to stand in headers and records, else a new one. */
export function requestIdOf(given: unknown, random: (bytes: number) => Uint8Array): string {
  if (typeof given === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(given)) return given
  return `req_${Buffer.from(random(16)).toString('hex')}`
}
