import type { Row } from './table.ts'

const whole = 12_345_678_901_234_567_890n
const secret = {
  whole,
  nested: [{ whole: -whole }],
  safe: 9_007_199_254_740_991,
  half: 0.5,
  text: '12345678901234567890',
}

/** Numbers are kept as they are spelled. */
export const numbers: readonly Row[] = [
  { name: 'a store', method: 'POST', path: 'sys/mounts/numbers', body: { type: 'kv' }, status: 204 },
  {
    name: 'whole numbers of many digits are written',
    method: 'POST',
    path: 'numbers/a',
    body: secret,
    status: [200, 204],
  },
  { name: 'and come back as they are', method: 'GET', path: 'numbers/a', status: 200, has: { data: secret } },
  {
    name: 'a wrapped response',
    method: 'GET',
    path: 'numbers/a',
    wrapTtl: '60s',
    status: 200,
    remember: { wrapped: 'wrap_info.token' },
  },
  {
    name: 'holds them too',
    method: 'POST',
    path: 'sys/wrapping/unwrap',
    token: '$wrapped',
    body: {},
    status: 200,
    has: { data: secret },
  },
]
