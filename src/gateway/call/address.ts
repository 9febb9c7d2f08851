import { BlockList, isIPv4, isIPv6 } from 'node:net'

/**
 * What an address may be used for: `public` always, `private` (loopback, link-local, CGNAT, multicast, reserved, unspecified
 * and everything else that is not globally routed) only where the upstream allows it, `metadata` (a cloud's instance
 * metadata, which hands out credentials) never.
 */
export type AddressClass = 'public' | 'private' | 'metadata'

// AWS (IMDS, ECS, EKS pod identity), GCP, Azure (IMDS, WireServer), Alibaba, Tencent, Oracle.
const metadata4 = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '169.254.0.23',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
]
const metadata6 = ['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254']
const metadataNames = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'metadata.tencentyun.com',
  'metadata.azure.internal',
  'instance-data',
  'instance-data.ec2.internal',
])

/** IANA's special-purpose IPv4 registry, less what is globally reachable. */
const private4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]
/** Inside 2000::/3: IETF protocol assignments (Teredo, ORCHID, benchmarking), 6to4 and documentation. Outside it nothing is public. */
const private6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

function blockList(family: 'ipv4' | 'ipv6', subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [network, bits] = subnet.split('/')
    list.addSubnet(network!, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family)
  }
  return list
}

const metadata4List = blockList('ipv4', metadata4)
const metadata6List = blockList('ipv6', metadata6)
const private4List = blockList('ipv4', private4)
const private6List = blockList('ipv6', private6)
const global6List = blockList('ipv6', ['2000::/3'])

/** A host name that is refused whatever it resolves to. */
export const isMetadataName = (hostname: string): boolean =>
  metadataNames.has(hostname.toLowerCase().replace(/\.+$/, ''))

/** Classifies one IP address as a resolver gives it. What is not an address counts as `metadata`: never connected to. */
export function classifyAddress(address: string): AddressClass {
  const bare = address.split('%', 1)[0]!
  if (isIPv4(bare)) {
    if (metadata4List.check(bare, 'ipv4')) return 'metadata'
    return private4List.check(bare, 'ipv4') ? 'private' : 'public'
  }
  if (!isIPv6(bare)) return 'metadata'
  if (metadata6List.check(bare, 'ipv6')) return 'metadata'
  const embedded = embedded4(ipv6Groups(bare))
  const inner = embedded && classifyAddress(embedded.address)
  // An IPv4 address in IPv6 clothes is as dangerous as itself, and never more trusted than its clothes.
  if (inner === 'metadata') return 'metadata'
  if (embedded?.transparent) return inner!
  return global6List.check(bare, 'ipv6') && !private6List.check(bare, 'ipv6') ? 'public' : 'private'
}

/** The eight 16-bit groups of a valid IPv6 address. */
function ipv6Groups(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const text = dotted
    ? dotted[1]! + [2, 4].map((i) => (Number(dotted[i]) * 256 + Number(dotted[i + 1])).toString(16)).join(':')
    : address
  const [head = '', tail] = text.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)))
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
}

/**
 * The IPv4 address an IPv6 address carries: mapped ::ffff:0:0/96 and NAT64 64:ff9b::/96 (RFC 6052) lead to exactly that host
 * (`transparent`); compatible ::/96, local NAT64 64:ff9b:1::/48 (RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380) and ISATAP
 * (RFC 5214) may.
 */
function embedded4(groups: readonly number[]): { address: string; transparent: boolean } | undefined {
  const dotted = (high: number, low: number) => [high >> 8, high & 255, low >> 8, low & 255].join('.')
  const [a, b, c, d, e, f, g, h] = groups as [number, number, number, number, number, number, number, number]
  const zeros = a === 0 && b === 0 && c === 0 && d === 0
  if (zeros && e === 0 && f === 0xffff) return { address: dotted(g, h), transparent: true }
  if (a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0)
    return { address: dotted(g, h), transparent: true }
  if (a === 0x64 && b === 0xff9b && c === 1) return { address: dotted(g, h), transparent: false }
  if (zeros && (e === 0 || e === 0xffff) && (f === 0 || e === 0xffff))
    return { address: dotted(g, h), transparent: false }
  if (a === 0x2002) return { address: dotted(b, c), transparent: false }
  if (a === 0x2001 && b === 0) return { address: dotted(g ^ 0xffff, h ^ 0xffff), transparent: false }
  if ((e === 0 || e === 0x200) && f === 0x5efe) return { address: dotted(g, h), transparent: false }
  return undefined
}
