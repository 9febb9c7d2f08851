#!/bin/sh
# Registers a version of the plugin; mounts it if nothing is mounted there; tunes the audit log. Safe to run again.
#
#   register.sh <file> <version> [mount]       register.sh vault-plugin-secrets-mcp v0.1.0
#
# <file> is your own copy of what lies, under the same name, in the server's plugin_directory: the checksum is taken here, so that
# a server whose file was replaced refuses it. VAULT_CLI names the client: vault (default) or bao.
set -eu
here=$(dirname "$0")
cli=${VAULT_CLI:-vault}
usage='usage: register.sh <file> <version> [mount]'
file=${1:?$usage}
version=${2:?$usage}
mount=${3:-mcp}

if command -v sha256sum >/dev/null; then sum=$(sha256sum "$file"); else sum=$(shasum -a 256 "$file"); fi
sum=${sum%% *}
echo "mcp $version: $(basename "$file"), SHA-256 $sum"

known=$("$cli" plugin info -field=sha256 -version="$version" secret mcp 2>&1) && found=yes || found=no
case $found,$known in
  "yes,$sum") echo "mcp $version is registered already" ;;
  # What a mount runs must not change under it at the next start of the process.
  yes,*) echo "mcp $version is registered with another checksum, $known: a new file needs a version of its own" >&2; exit 1 ;;
  # Only then: registered over an entry that OpenBao's configuration declares, it would keep the server from its next start.
  *'Code: 404'*) "$cli" plugin register -sha256="$sum" -command="$(basename "$file")" -version="$version" secret mcp ;;
  *) echo "$known" >&2; exit 1 ;;
esac

if mounted=$("$cli" read "sys/mounts/$mount" 2>&1); then
  echo "$mount/ is mounted already; upgrade.sh changes what it runs"
else
  case $mounted in
    *'No secret engine mount'*) "$cli" secrets enable -path="$mount" -plugin-version="$version" mcp ;;
    *) echo "$mounted" >&2; exit 1 ;;
  esac
fi
"$here/tune-audit.sh" "$mount"
