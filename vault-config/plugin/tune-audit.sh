#!/bin/sh
# Leaves readable in the server's audit log what names a session, and never what is one.
#
#   tune-audit.sh [mount]
#
# All other texts are written as their HMAC, and token, parent_token and token_sha256 must stay among them. session_id is readable
# in responses only, where the engine wrote it: in a request it is what a caller typed, and that may be a token by mistake.
set -eu
cli=${VAULT_CLI:-vault}
mount=${1:-mcp}

set --
for key in purpose environment requested_scopes policies required_scope scopes owner operations; do
  set -- "$@" "-audit-non-hmac-request-keys=$key"
done
for key in session_id token_id agent_id owner environment purpose scopes issued_at expires_at reason state client_id sub jti scope; do
  set -- "$@" "-audit-non-hmac-response-keys=$key"
done
"$cli" secrets tune "$@" "$mount"
