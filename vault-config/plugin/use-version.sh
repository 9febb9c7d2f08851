#!/bin/sh
# Makes a mount run a version that is registered. For upgrade.sh and rollback.sh.
#
#   use-version.sh <version> [mount]
#
# A version that does not start is taken back: a mount left set to it would come up without its engine at the next unseal, and
# leases that end meanwhile could not be revoked.
set -eu
cli=${VAULT_CLI:-vault}
version=${1:?usage: use-version.sh <version> [mount]}
mount=${2:-mcp}

before=$("$cli" read -field=running_plugin_version "sys/mounts/$mount")
"$cli" secrets tune -plugin-version="$version" "$mount"
# Not `plugin reload -mounts`: the command of newer Vaults drops the mounts and requests a path that does not exist.
if ! "$cli" write sys/plugins/reload/backend mounts="$mount" >/dev/null; then
  "$cli" secrets tune -plugin-version="$before" "$mount"
  echo "$version does not start here, see the server's log; $mount/ runs $before as before" >&2
  exit 1
fi
running=$("$cli" read -field=running_plugin_version "sys/mounts/$mount")
echo "$mount/ runs $running"
[ "$running" = "$version" ]
