import { BlockList, isIP } from 'node:net'
import { badRequest } from '../../logical/errors.ts'

/** Address blocks, as tokens, roles and secret ids are bound to: `10.0.0.0/8`, or one address. None = not bound. */

/** As Vault shows them: a block of one address without its length. Throws naming `field`. */
export function parseCidrs(field: string, given: readonly string[]): string[] {
  return given.map((text) => {
    const { address, bits, family } = blockOf(text.trim())
    if (family === 0 || bits > widthOf(family) || bits < 0)
      throw badRequest(
        `${field}: ${JSON.stringify(text)} is not an address block; write for example ${field}=10.0.0.0/8 or one address.`,
      )
    return bits === widthOf(family) ? address : `${address}/${bits}`
  })
}

/** Whether an address lies in one of the blocks, or there are none. */
export function isWithin(cidrs: readonly string[] | undefined, remoteAddress: string): boolean {
  if (cidrs === undefined || cidrs.length === 0) return true
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '')
  const family = isIP(address)
  return family !== 0 && listOf(cidrs).check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/** Whether every block lies in one of `outer`, or there are none of those. */
export function areWithin(inner: readonly string[], outer: readonly string[]): boolean {
  return inner.every((text) => {
    const { address, bits, family } = blockOf(text)
    return outer.length === 0 || outer.some((one) => blockOf(one).family === family && covers(one, address, bits))
  })
}

function covers(outer: string, address: string, bits: number): boolean {
  return blockOf(outer).bits <= bits && isWithin([outer], address)
}

function listOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const text of cidrs) {
    const { address, bits, family } = blockOf(text)
    list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}

function blockOf(text: string): { address: string; bits: number; family: number } {
  const [address = '', length] = text.split('/')
  const family = isIP(address)
  return {
    address,
    family,
    bits: length === undefined ? widthOf(family) : /^\d{1,3}$/.test(length) ? Number(length) : -1,
  }
}

const widthOf = (family: number): number => (family === 6 ? 128 : 32)
