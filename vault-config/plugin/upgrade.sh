#!/bin/sh
# Registers a new version and makes a mount run it. Prints how to go back.
#
#   upgrade.sh <file> <version> [mount]        upgrade.sh vault-plugin-secrets-mcp-0.2.0 v0.2.0
#
# <file> must lie in the plugin_directory of every server, under a name of its own, beside the version that runs.
set -eu
here=$(dirname "$0")
cli=${VAULT_CLI:-vault}
usage='usage: upgrade.sh <file> <version> [mount]'
file=${1:?$usage}
version=${2:?$usage}
mount=${3:-mcp}

before=$("$cli" read -field=running_plugin_version "sys/mounts/$mount")
"$here/register.sh" "$file" "$version" "$mount"
echo "To go back: $here/rollback.sh $before $mount"
"$here/use-version.sh" "$version" "$mount"
