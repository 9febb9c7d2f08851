#!/bin/sh
# Gives an agent an identity to log in with: an entity of its own name, which mcp-agent.hcl looks for, and an AppRole behind it.
# Before the first one: vault auth enable approle, and vault policy write mcp-agent vault-config/policies/mcp-agent.hcl.
#
#   add-agent.sh <agent> <folder>
#
# Writes <folder>/role-id and <folder>/secret-id (mode 0600). Safe to run again: a new secret-id is made, older ones stay good
# until their own end.
set -eu
cli=${VAULT_CLI:-vault}
usage='usage: add-agent.sh <agent> <folder>'
agent=${1:?$usage}
folder=${2:?$usage}

# The token lives an hour and may be renewed for a day: what an agent issues dies with the token it issued it under.
"$cli" write "auth/approle/role/$agent" token_policies=mcp-agent token_ttl=1h token_max_ttl=24h secret_id_ttl=720h
role_id=$("$cli" read -field=role_id "auth/approle/role/$agent/role-id")

"$cli" write -f "identity/entity/name/$agent" >/dev/null
entity=$("$cli" read -field=id "identity/entity/name/$agent")
accessor=$("$cli" read -field=accessor sys/auth/approle)
"$cli" write identity/entity-alias name="$role_id" canonical_id="$entity" mount_accessor="$accessor" >/dev/null
echo "entity $agent ($entity) logs in with AppRole $agent"

umask 077
mkdir -p "$folder"
printf '%s' "$role_id" > "$folder/role-id"
"$cli" write -f -field=secret_id "auth/approle/role/$agent/secret-id" > "$folder/secret-id"
echo "wrote $folder/role-id and $folder/secret-id"
