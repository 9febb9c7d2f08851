import type { Row } from './table.ts'

export const mounts: readonly Row[] = [
  {
    name: 'field names to leave readable may come as one text with commas',
    method: 'POST',
    path: 'sys/mounts/plain',
    body: { type: 'kv', config: { audit_non_hmac_request_keys: 'one,two', audit_non_hmac_response_keys: ['three'] } },
    status: 204,
  },
  {
    name: 'and are read as a list',
    method: 'GET',
    path: 'sys/mounts/plain/tune',
    status: 200,
    has: { data: { audit_non_hmac_request_keys: ['one', 'two'], audit_non_hmac_response_keys: ['three'] } },
  },
  {
    name: 'tuning takes them so too',
    method: 'POST',
    path: 'sys/mounts/plain/tune',
    body: { audit_non_hmac_request_keys: 'four,five' },
    status: 204,
  },
  {
    name: 'and replaces the list',
    method: 'GET',
    path: 'sys/mounts/plain/tune',
    status: 200,
    has: { data: { audit_non_hmac_request_keys: ['four', 'five'] } },
  },
]
