// vault-config/error-codes.md out of the table in src/error-code.
import { status } from '@grpc/grpc-js'

const introduction = `# Error codes

Generated from \`src/error-code\` by \`npm run generate\`.

The gateway responds to a request it refuses with

\`\`\`json
{ "error": { "type": "insufficient_scope", "code": "no_tool", "message": "no tool of stripe covers GET /v1/refunds" }, "request_id": "req_…" }
\`\`\`

and over gRPC with the same three in the status message and the trailing metadata \`mcp-error-type\`, \`mcp-error-code\` and
\`mcp-request-id\`. The SDK throws \`GatewayError\` with \`type\`, \`code\`, \`message\` and \`request_id\`. Programs match on \`code\`,
people read \`message\`, operators find the request id in the audit log and the log of the gateway.

The type says how to react, the code says why. A call that was cut after it had begun ends with gRPC \`ABORTED\` instead of the status
below, because it may have reached the upstream. Codes of the SDK alone have no status.

Where a granted tool lists fields, the body of an upstream's own failure is replaced, under the upstream's own status, by
\`{ "error": { "type": "upstream_status", "code": "upstream_status", "message": "…", "status": 404 } }\`.
`

const typeTexts = {
  invalid_token: 'The session is over or never was, or the caller is not who it has to be: open a new session.',
  insufficient_scope: 'Known, and not allowed to do this: another scope is needed.',
  invalid_request: 'The request itself is wrong: correct it.',
  unavailable: 'Nothing is known at the moment: keep the token and send the request again.',
  upstream_error: 'The API behind the gateway could not be called.',
}

const row = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`

function section(type, entries) {
  const rows = entries.map(({ code, http, grpc, origin, meaning, actor, action }) =>
    row([
      `\`${code}\``,
      origin === 'sdk' ? 'SDK' : String(http),
      origin === 'sdk' ? 'SDK' : status[grpc],
      meaning,
      actor,
      action,
    ]),
  )
  const head = [row(['code', 'HTTP', 'gRPC', 'what happened', 'who acts', 'what to do']), row(Array(6).fill('---'))]
  return [`## ${type}`, '', typeTexts[type], '', ...head, ...rows, ''].join('\n')
}

export function errorCodesText(codes) {
  const types = [...new Set(codes.map(({ type }) => type))]
  return [
    introduction,
    ...types.map((type) =>
      section(
        type,
        codes.filter((entry) => entry.type === type),
      ),
    ),
  ].join('\n')
}
