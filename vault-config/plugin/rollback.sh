#!/bin/sh
# Makes a mount run an earlier version: still registered, its file still in plugin_directory.
#
#   rollback.sh <version> [mount]
set -eu
here=$(dirname "$0")
cli=${VAULT_CLI:-vault}
version=${1:?usage: rollback.sh <version> [mount]}
mount=${2:-mcp}

if ! "$cli" plugin info -version="$version" secret mcp >/dev/null 2>&1; then
  echo "mcp $version is not registered; register.sh <file> $version $mount does that" >&2
  exit 1
fi
"$here/use-version.sh" "$version" "$mount"
