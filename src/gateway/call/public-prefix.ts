/**
 * What the keys of known APIs begin with. It says whose key it is and what kind, is the same in every one, and ordinary
 * responses hold it; the secret is what follows.
 */
const publicPrefixes = [
  ...['sk', 'rk', 'pk'].flatMap((kind) => [`${kind}_live_`, `${kind}_test_`, `${kind}_prod_`]),
  'whsec_',
  ...['p', 'o', 'u', 's', 'r'].map((kind) => `gh${kind}_`),
  'github_pat_',
  ...['pat', 'oas', 'dt', 'rt', 'cbt', 'ptt', 'ft', 'soat', 'agent', 'imt'].map((kind) => `gl${kind}-`),
  ...['b', 'p', 'a', 'r', 's', 'e', 'o'].map((kind) => `xox${kind}-`),
  'xapp-',
  'AKIA',
  'ASIA',
  'AIza',
  'ya29.',
  'GOCSPX-',
  'sk-ant-api03-',
  'sk-ant-admin01-',
  'sk-ant-',
  'sk-proj-',
  'sk-svcacct-',
  'sk-admin-',
  'sk-',
  'ntn_',
  'secret_',
  'lin_api_',
  'lin_oauth_',
  'sntrys_',
  'sntryu_',
  ...['at', 'ca', 'pa', 'ss', 'ua'].map((kind) => `shp${kind}_`),
  'EAAG',
  'EAA',
  'npm_',
  'pypi-',
  'hf_',
  'dckr_pat_',
  'pat-na1-',
  'pat-eu1-',
  'SG.',
  'dop_v1_',
  'hvs.',
  'hvb.',
  'ATATT3xFfGF0',
  'xkeysib-',
  'NRAK-',
  'PMAK-',
  'figd_',
  'glc_',
  'glsa_',
  'sq0atp-',
  'r8_',
  'gsk_',
  'sbp_',
  'tskey-auth-',
].sort((one, other) => other.length - one.length)

/** The secret part of a key; a JWT's begins behind its header, which names an algorithm (RFC 7515, section 3). */
export function secretPart(key: string): string {
  const jwt = jwtSegments(key)
  if (jwt) return key.slice(jwt[0]!.length + 1)
  const prefix = publicPrefixes.find((known) => key.startsWith(known)) ?? ''
  return key.slice(prefix.length)
}

/** The segments of a JWS or JWE in compact form (RFC 7515, 7.1; RFC 7516, 7.1), its header first; undefined of any other text. */
export function jwtSegments(text: string): readonly string[] | undefined {
  const segments = text.split('.')
  if (!(segments.length === 3 || segments.length === 5) || !segments.every((segment) => /^[\w-]*$/.test(segment)))
    return undefined
  return /^\s*\{.*"alg"/s.test(Buffer.from(segments[0]!, 'base64url').toString('latin1')) ? segments : undefined
}

/** What stands between the lines that begin and end a PEM block (RFC 7468), its line breaks left out. */
export function pemBodies(text: string): readonly string[] {
  const blocks = text.matchAll(/-----BEGIN [^-\r\n]+-----([A-Za-z0-9+/=\s\\]+)-----END /g)
  return Array.from(blocks, ([, body]) => body!.replace(/\\[nr]|\s/g, ''))
}
