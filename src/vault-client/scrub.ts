/**
 * Vault's error sentences are worth keeping, and a server may repeat in them what it was sent. So whatever this request
 * carried as a credential is cut out of them, and whatever looks like a token of Vault's or ours.
 */

const SHORTEST_SECRET = 4
const DEEPEST = 8
const secretName =
  /^(?:.*[_-])?(?:token|secret|secret_id|password|passphrase|jwt|assertion|api_key|access_key|private_key|unseal_key|key|credential|credentials)$/i
// hvs. hvb. hvr., their older one-letter forms, and <prefix>_<label>_<49 base62>.
const tokenShape =
  /(?<![A-Za-z0-9])(?:hv[sbr]\.[A-Za-z0-9_-]{8,}|[sbr]\.[A-Za-z0-9_-]{24,}|[a-z0-9]{1,32}_[a-z0-9]{1,16}_[A-Za-z0-9]{49,})/g
const placeholder = '[redacted]'

function collect(value: unknown, secret: boolean, depth: number, into: string[]): void {
  if (typeof value === 'string') {
    if (secret && value.length >= SHORTEST_SECRET) into.push(value)
    return
  }
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return
  for (const [name, member] of Object.entries(value)) {
    // KV v2 wraps what it stores in `data`: every value below is somebody's secret.
    const below = secret || secretName.test(name) || (name === 'data' && typeof member === 'object')
    collect(member, below, depth + 1, into)
  }
}

/** The credentials a request carries: its token, and the values of its body that stand under a secret's name. */
export function secretsOf(token: string, body: object | undefined): string[] {
  const found = token.length >= SHORTEST_SECRET ? [token] : []
  collect(body, false, 0, found)
  // Longest first, so that a secret that holds another one leaves nothing of itself behind.
  return [...new Set(found)].sort((a, b) => b.length - a.length)
}

export function scrub(text: string, secrets: readonly string[]): string {
  let clean = text
  for (const secret of secrets) clean = clean.replaceAll(secret, placeholder)
  return clean.replace(tokenShape, placeholder)
}
