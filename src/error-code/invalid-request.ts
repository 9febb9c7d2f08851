import type { ErrorCodeEntry } from './entry.ts'

/** The request itself is wrong. 400 unless said otherwise. */
export const invalidRequestCodes = {
  caller_expires_soon: {
    meaning: "The caller's Vault token ends too soon for a session, which ends with it.",
    actor: 'MCP server',
    action: 'Renew the Vault token or log in again.',
  },
  bad_request: {
    meaning: 'A field, a header or the target of the request is wrong.',
    actor: 'agent',
    action: 'Correct what the message names.',
  },
  invalid_request: {
    meaning: 'Vault refused the request as it was written.',
    actor: 'agent',
    action: 'Correct what the message names.',
  },
  not_found: {
    kind: 'not_found',
    meaning: 'What the request names does not exist.',
    actor: 'agent',
    action: 'Check the path and the name.',
  },
  session_unknown: {
    kind: 'not_found',
    meaning: 'There is no such session.',
    actor: 'agent',
    action: 'Check the session id, or open a new session.',
  },
  method_not_allowed: {
    kind: 'unsupported_operation',
    meaning: 'The path is not served with this method.',
    actor: 'agent',
    action: 'Use a method that `Allow` names.',
  },
  unsupported_operation: {
    kind: 'unsupported_operation',
    meaning: 'Vault does not have this operation at this path.',
    actor: 'agent',
    action: 'Use another method.',
  },
  request_timeout: {
    kind: 'request_timeout',
    meaning: 'The body of the request arrived too slowly.',
    actor: 'agent',
    action: 'Send it again without pauses.',
  },
  too_large: {
    kind: 'too_large',
    meaning: 'The body of the request is too long.',
    actor: 'agent',
    action: "Send less; an operator can raise the upstream's `max_request_bytes`.",
  },
  response_too_large: {
    kind: 'too_large',
    meaning: "The upstream's response is longer than `Call` carries.",
    actor: 'MCP server',
    action: 'Use `Stream`.',
  },
  header_not_allowed: {
    meaning: 'The request has a header that may change what the call does and is not passed on.',
    actor: 'operator',
    action: "Leave the header out, or list it in the upstream's `request_headers`; the message names it.",
  },
  range_not_allowed: {
    http: 416,
    meaning: 'The part of a response that is asked for is too small, is more than one, or is one of a compressed body.',
    actor: 'agent',
    action:
      'Ask for one range of at least 64 KiB, or for one that goes to the end; of a compressed body for the whole.',
  },
  unsupported_media_type: {
    kind: 'unsupported_media_type',
    meaning: 'The content type is not one that is read here.',
    actor: 'agent',
    action: 'Send JSON.',
  },
  unsupported_content_encoding: {
    kind: 'unsupported_media_type',
    meaning: 'A rule has to see the body, and the coding it is sent in cannot be read here.',
    actor: 'agent',
    action: 'Send the body uncompressed, or in gzip, deflate or br.',
  },
  misdirected: {
    http: 421,
    meaning: 'The gateway does not answer to the `Host` of the request.',
    actor: 'operator',
    action: 'Address it by its configured name, or add the name to `allowed_hosts`.',
  },
  cross_site: {
    http: 403,
    meaning: 'The request comes from a web page.',
    actor: 'agent',
    action: 'Call the gateway from a program; pages are not served.',
  },
  two_tokens: {
    origin: 'sdk',
    meaning: 'The request carries two different session tokens.',
    actor: 'agent',
    action: 'Send one.',
  },
  wrong_option: {
    origin: 'sdk',
    meaning: 'An option of `connect` is wrong.',
    actor: 'MCP server',
    action: 'Correct the option that the message names.',
  },
  wrong_path: {
    origin: 'sdk',
    meaning: '`fetch` was given something other than a path below the base URL of the upstream.',
    actor: 'MCP server',
    action: 'Give a path such as `/v1/invoices?limit=3`.',
  },
  tool_finished: {
    origin: 'sdk',
    meaning: 'The tool call to which this upstream call belongs is over.',
    actor: 'MCP server',
    action: 'Wait for upstream calls before the tool returns.',
  },
  invalid_argument: {
    origin: 'sdk',
    meaning: 'The gateway could not read the request.',
    actor: 'MCP server',
    action: 'Use an SDK of the version of the gateway.',
  },
  out_of_range: {
    origin: 'sdk',
    meaning: 'A value of the request is outside what the gateway takes.',
    actor: 'MCP server',
    action: 'Correct the value that the message names.',
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>
