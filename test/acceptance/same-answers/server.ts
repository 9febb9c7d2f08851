import { expect } from 'vitest'
import type { Row } from './table.ts'

const page = (name: string, path: string, keys: readonly string[]): Row => ({
  name,
  method: 'LIST',
  path,
  status: 200,
  has: { data: { keys } },
})

/** What the server says of itself, and pages of its lists. */
export const server: readonly Row[] = [
  {
    name: 'how many leases are stuck',
    method: 'GET',
    path: 'sys/leases/count?type=irrevocable',
    status: 200,
    has: { data: { lease_count: 0, counts: {} } },
  },
  { name: 'leases are counted by a type', method: 'GET', path: 'sys/leases/count', status: 404 },
  { name: 'tidy leases', method: 'POST', path: 'sys/leases/tidy', body: {}, status: [202, 204] },
  {
    name: 'the versions there were',
    method: 'LIST',
    path: 'sys/version-history',
    status: 200,
    has: { data: { keys: [expect.any(String)], key_info: expect.any(Object) } },
  },
  {
    name: 'the key of the storage',
    method: 'GET',
    path: 'sys/key-status',
    status: 200,
    has: { term: 1, data: { term: 1, install_time: expect.any(String), encryptions: expect.any(Number) } },
  },
  {
    name: 'seal-status',
    method: 'GET',
    path: 'sys/seal-status',
    token: '',
    status: 200,
    has: { type: 'shamir', initialized: true, sealed: false, t: 1, n: 1, progress: 0, recovery_seal: false },
  },
  {
    name: 'a log level that is none',
    method: 'GET',
    path: 'sys/monitor?log_level=haha',
    status: 400,
    says: ['unknown log level'],
  },
  {
    name: 'a log format that is none',
    method: 'GET',
    path: 'sys/monitor?log_format=haha',
    status: 400,
    says: ['unknown log format'],
  },
  { name: 'the log is not written to', method: 'POST', path: 'sys/monitor', body: {}, status: 405 },
  { name: 'nor shown without a token', method: 'GET', path: 'sys/monitor', token: '', status: 403 },
  { name: 'none of it without a token', method: 'GET', path: 'sys/key-status', token: '', status: 403 },
  {
    name: '(a mount)',
    method: 'POST',
    path: 'sys/mounts/pages',
    body: { type: 'kv', options: { version: '2' } },
    status: 204,
  },
  ...['a', 'b', 'c/d'].map((path): Row => ({
    name: `(${path})`,
    method: 'POST',
    path: `pages/data/${path}`,
    body: { data: { x: '1' } },
    // A version 2 mount makes itself ready first, and refuses writes meanwhile.
    status: 200,
    settles: true,
  })),
  page('a whole list', 'pages/metadata', ['a', 'b', 'c/']),
  page('its first page', 'pages/metadata?limit=2', ['a', 'b']),
  page('its second', 'pages/metadata?limit=2&after=b', ['c/']),
  page('all behind a key', 'pages/metadata?after=a', ['b', 'c/']),
  page('no limit', 'pages/metadata?limit=-1', ['a', 'b', 'c/']),
  { name: 'nothing is left', method: 'LIST', path: 'pages/metadata?after=z', status: 404 },
  { name: 'a limit that is none', method: 'LIST', path: 'pages/metadata?limit=x', status: 400 },
]
