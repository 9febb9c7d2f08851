/** Response headers that are handed on whatever the upstream. An upstream's `response_headers` adds to them. `*` at one end stands for anything. */

/** They say nothing about the fields of a body: passed even where only some of those pass. */
export const spokenAlways: readonly string[] = [
  'allow',
  'cache-control',
  'content-language',
  'date',
  'dav',
  'deprecation',
  'expires',
  'idempotency-key',
  'idempotent-replayed',
  'last-modified',
  'mcp-protocol-version',
  'mcp-session-id',
  'pragma',
  'preference-applied',
  'retry-after',
  'retry-after-ms',
  'stripe-should-retry',
  'sunset',
  'vary',
  'warning',
  'x-accepted-oauth-scopes',
  'x-amz-id-2',
  'x-amzn-errortype',
  'x-amzn-requestid',
  'x-correlation-id',
  'x-elastic-product',
  'x-github-media-type',
  'x-github-api-version-selected',
  'x-ms-error-code',
  'x-oauth-scopes',
  'x-poll-interval',
  'x-request-id',
  'x-should-retry',
  'x-slack-req-id',
  'request-id',
  '*-request-id',
  '*-version',
  // How much may still be asked.
  'anthropic-ratelimit-*',
  'ratelimit',
  'ratelimit-*',
  'rate-limit-*',
  'sforce-limit-info',
  'x-hubspot-ratelimit-*',
  'x-rate-limit-*',
  'x-ratelimit-*',
  'x-shopify-shop-api-call-limit',
]

/** Pages and counts. Where only fields of a body pass they are passed as bare numbers: a cursor may hold what the fields hide. */
export const paging: readonly string[] = [
  'next-range',
  'pagination-*',
  'total-count',
  'x-continuation-token',
  'x-count',
  'x-cursor',
  'x-first-page',
  'x-has-more',
  'x-last-page',
  'x-limit',
  'x-ms-continuation',
  'x-more',
  'x-next-cursor',
  'x-next-page',
  'x-next-token',
  'x-offset',
  'x-page',
  'x-page-*',
  'x-pages',
  'x-pagination-*',
  'x-per-page',
  'x-prev-page',
  'x-previous-page',
  'x-result-count',
  'x-total',
  'x-total-*',
  'x-wp-total',
  'x-wp-totalpages',
]

/** Passed with a whole body only. */
export const wholeOnly: readonly string[] = [
  'content-disposition',
  'content-range',
  'content-type',
  // Uploads: how much has arrived (308 of Google, tus), and what the store made of it.
  'range',
  'tus-*',
  'upload-*',
  'x-goog-generation',
  'x-goog-hash',
  'x-goog-meta-*',
  'x-goog-stored-content-length',
  'x-goog-upload-*',
  'x-amz-bucket-region',
  'x-amz-checksum-type',
  'x-amz-delete-marker',
  'x-amz-expiration',
  'x-amz-meta-*',
  'x-amz-mp-parts-count',
  'x-amz-storage-class',
  'x-amz-version-id',
  'x-ms-blob-type',
  'x-ms-meta-*',
  'lock-token',
]

/** URLs, rewritten to the caller's view of the same upstream, and left out where they lead elsewhere. */
export const references: readonly string[] = [
  'content-location',
  'location',
  'x-goog-upload-control-url',
  'x-goog-upload-url',
]

/**
 * Of the bytes as the upstream sent them: passed unless those are taken apart here. Where a key is cut out of them the
 * digest does not fit, and the client sees that what it has is not what was sent.
 */
export const ofTheBytes: readonly string[] = [
  'content-digest',
  'content-md5',
  'digest',
  'repr-digest',
  'x-amz-checksum-*',
]
