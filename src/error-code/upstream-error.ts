import type { ErrorCodeEntry } from './entry.ts'

/** The API behind the gateway could not be called. 502, and 403 where trying again changes nothing. */
export const upstreamErrorCodes = {
  key_consent_missing: {
    meaning: 'The owner of the key has not agreed to this use of it.',
    actor: 'key owner',
    action:
      "List the origin or the place in the `custom_metadata` of the key's secret, as the log of the gateway says.",
  },
  key_secret_missing: {
    meaning: 'There is no secret where the upstream looks for its key.',
    actor: 'operator',
    action: 'Write the key into KV; the log of the gateway has the path and the command.',
  },
  key_field_missing: {
    meaning: 'The secret has no text in the field the upstream takes its key from.',
    actor: 'operator',
    action: "Write the field, or correct the upstream's `kv_field`; the log of the gateway has the command.",
  },
  key_unavailable: {
    meaning: 'The key of the upstream cannot be read or used.',
    actor: 'operator',
    action: "Write the key to the upstream's place in KV, and check that the gateway may read it.",
  },
  needs_reauthorization: {
    retry: false,
    meaning:
      'The refresh token of the upstream is no longer good, or may have been used up by an exchange that broke off.',
    actor: 'operator',
    action:
      'Authorize at the issuer again, and write the new refresh token into the secret; the log of the gateway has the command.',
  },
  token_endpoint_unavailable: {
    meaning: "The upstream's token endpoint did not answer, or cannot issue a token at the moment.",
    actor: 'nobody',
    action: 'Try again; operators check the token endpoint that the log of the gateway names.',
  },
  upstream_unauthorized: {
    meaning: "The upstream refused the gateway's key (401 or 407).",
    actor: 'key owner',
    action: 'Replace the key in KV.',
  },
  upstream_unreachable: {
    meaning: 'The upstream could not be connected to, or broke off before it responded.',
    actor: 'operator',
    action: 'Check the address, the certificate and the network of the upstream.',
  },
  upstream_timeout: {
    meaning: "The upstream took longer than its document's timeouts.",
    actor: 'operator',
    action: 'Try again; raise the timeout, if the upstream is slow by nature.',
  },
  upstream_too_slow: {
    meaning: "The upstream kept moving, but under 1 KiB/s over longer than its document's timeouts allow.",
    actor: 'operator',
    action:
      'Try again; raise `idle_timeout`, if the upstream is slow by nature. `text/event-stream` has no such limit.',
  },
  upstream_address_refused: {
    meaning: 'The address or scheme of the upstream may not be called from the gateway.',
    actor: 'operator',
    action: 'Set `allow_private_addresses`, if the upstream is private or plain http on purpose.',
  },
  upstream_misconfigured: {
    meaning: "The upstream's document cannot be used.",
    actor: 'operator',
    action: 'Write the upstream again; the message names the field.',
  },
  upstream_invalid_response: {
    meaning: 'The response of the upstream breaks HTTP, its encoding or its content type, or ended early.',
    actor: 'operator',
    action: 'Ask the people who run the upstream.',
  },
  redirect_refused: {
    retry: false,
    meaning: 'The upstream redirects to another place, where the key must not go.',
    actor: 'operator',
    action: "List the host in the upstream's `follow_redirects`, or make an upstream of it; the message names it.",
  },
  upstream_response_too_large: {
    meaning: "The response is longer than the upstream's `max_response_bytes`.",
    actor: 'operator',
    action: 'Ask for less, or raise the limit.',
  },
  upstream_error: {
    meaning: 'The upstream could not be called.',
    actor: 'operator',
    action: 'Read the log of the gateway under the request id.',
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>
