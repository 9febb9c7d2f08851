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

interface Carrier {
  readonly prefix: readonly number[]
  /** The first of the two groups that hold the IPv4 address. */
  readonly at: number
  /** The prefix leads to exactly that host; others may. */
  readonly transparent?: boolean
  readonly inverted?: boolean
}

const carriers: readonly Carrier[] = [
  // Mapped, ::ffff:0:0/96, and NAT64, 64:ff9b::/96 (RFC 6052).
  { prefix: [0, 0, 0, 0, 0, 0xffff], at: 6, transparent: true },
  { prefix: [0x64, 0xff9b, 0, 0, 0, 0], at: 6, transparent: true },
  // Local NAT64, 64:ff9b:1::/48 (RFC 8215).
  { prefix: [0x64, 0xff9b, 1], at: 6 },
  // Compatible, ::/96, and translated, ::ffff:0:0:0/96.
  { prefix: [0, 0, 0, 0, 0, 0], at: 6 },
  { prefix: [0, 0, 0, 0, 0xffff], at: 6 },
  // 6to4 (RFC 3056) and Teredo (RFC 4380).
  { prefix: [0x2002], at: 1 },
  { prefix: [0x2001, 0], at: 6, inverted: true },
]

/** RFC 5214: after any prefix. */
const isIsatap = (groups: readonly number[]): boolean =>
  (groups[4] === 0 || groups[4] === 0x200) && groups[5] === 0x5efe

/** The IPv4 address an IPv6 address carries, in any of the ways it may. */
function embedded4(groups: readonly number[]): { address: string; transparent: boolean } | undefined {
  const carrier =
    carriers.find(({ prefix }) => prefix.every((group, index) => groups[index] === group)) ??
    (isIsatap(groups) ? { at: 6, transparent: false, inverted: false } : undefined)
  if (!carrier) return undefined
  const { at, transparent = false, inverted = false } = carrier
  const bytes = groups
    .slice(at, at + 2)
    .map((group) => (inverted ? group ^ 0xffff : group))
    .flatMap((group) => [group >> 8, group & 255])
  return { address: bytes.join('.'), transparent }
}
