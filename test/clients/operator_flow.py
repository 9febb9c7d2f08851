"""The operator's whole flow through hvac, an independent Vault client. Arguments: address and root token of a dev server."""
import sys

import hvac

address, root = sys.argv[1], sys.argv[2]
client = hvac.Client(url=address, token=root)
checks = 0


def check(what, ok):
    global checks
    if not ok:
        sys.exit("hvac: %s" % what)
    checks += 1


def refused(what, kind, call):
    try:
        call()
    except kind:
        check(what, True)
    else:
        sys.exit("hvac: %s was not refused" % what)


check("is authenticated", client.is_authenticated())
check("is initialised and unsealed", client.sys.is_initialized() and not client.sys.is_sealed())
check("sees both mounts", {"mcp/", "secret/"} <= set(client.sys.list_mounted_secrets_engines()["data"]))

client.secrets.kv.v2.create_or_update_secret("mcp/hvac", secret={"api_key": "not-a-real-key"})
# This release of hvac knows no custom_metadata argument.
client.adapter.post("/v1/secret/metadata/mcp/hvac", json={"custom_metadata": {"mcp_origins": "https://api.example.com"}})
check("reads the secret", client.secrets.kv.v2.read_secret_version("mcp/hvac")["data"]["data"]["api_key"] == "not-a-real-key")
check("lists below mcp", "hvac" in client.secrets.kv.v2.list_secrets("mcp")["data"]["keys"])
refused("a wrong check-and-set", hvac.exceptions.InvalidRequest,
        lambda: client.secrets.kv.v2.create_or_update_secret("mcp/hvac", secret={"a": "b"}, cas=7))

client.write("mcp/upstreams/hvac", url="https://api.example.com")
client.write("mcp/tools/hvac/things", operations="GET /things")
client.write("mcp/agents/hvac-agent", owner="platform-team", environment="production")
client.write("mcp/agents/hvac-agent/scopes", scopes=["read:hvac:things"], max_ttl_seconds=1800)
check("reads typed values", client.read("mcp/agents/hvac-agent/scopes")["data"]["max_ttl_seconds"] == 1800)
check("lists agents", "hvac-agent" in client.list("mcp/agents")["data"]["keys"])
check("a missing agent is None", client.read("mcp/agents/nobody") is None)
refused("a wildcard scope", hvac.exceptions.InvalidRequest, lambda: client.write("mcp/agents/hvac-agent/scopes", scopes="read:*"))

issued = client.write("mcp/creds/hvac-agent", purpose="hvac")
token = issued["data"]["token"]
check("issues a lease", issued["lease_id"].startswith("mcp/creds/hvac-agent/") and issued["lease_duration"] == 900)
check("is live", client.write("mcp/introspect", token=token)["data"]["active"] is True)
check("renews with an increment", client.sys.renew_lease(issued["lease_id"], increment=1200)["lease_duration"] == 1200)
check("looks the lease up", client.sys.read_lease(issued["lease_id"])["data"]["ttl"] > 0)
check("lists leases", len(client.sys.list_leases("mcp/creds/hvac-agent")["data"]["keys"]) == 1)

client.sys.create_or_update_policy("hvac-agent", 'path "mcp/creds/hvac-agent" { capabilities = ["update"] }')
limited = hvac.Client(url=address, token=client.auth.token.create(policies=["hvac-agent"], ttl="10m")["auth"]["client_token"])
check("an agent opens its session", limited.write("mcp/creds/hvac-agent")["data"]["token"].startswith("svt_prod_"))
refused("introspection by an agent", hvac.exceptions.Forbidden, lambda: limited.write("mcp/introspect", token=token))
refused("an unknown token", hvac.exceptions.Forbidden, lambda: hvac.Client(url=address, token="hvs.nonsense").read("mcp/config"))

client.sys.revoke_prefix("mcp/creds/hvac-agent")
for _ in range(100):
    if not client.write("mcp/introspect", token=token)["data"]["active"]:
        break
check("revoked by prefix", client.write("mcp/introspect", token=token)["data"]["reason"] == "revoked")
client.sys.enable_auth_method("approle", path="machines")
roles = client.auth.approle
roles.create_or_update_approle("hvac", token_policies=["hvac-agent"], token_ttl="10m", secret_id_num_uses=1, mount_point="machines")
check("lists roles", roles.list_roles(mount_point="machines")["data"]["keys"] == ["hvac"])
check("reads a role", roles.read_role("hvac", mount_point="machines")["data"]["token_ttl"] == 600)
role_id = roles.read_role_id("hvac", mount_point="machines")["data"]["role_id"]
secret = roles.generate_secret_id("hvac", metadata={"host": "hvac"}, mount_point="machines")["data"]
check("looks a secret id up", roles.read_secret_id("hvac", secret["secret_id"], mount_point="machines")["data"]["metadata"] == {"host": "hvac"})
machine = hvac.Client(url=address)
login = machine.auth.approle.login(role_id, secret["secret_id"], mount_point="machines")
check("logs in with AppRole", login["auth"]["policies"] == ["default", "hvac-agent"] and machine.is_authenticated())
check("renews that token", machine.auth.token.renew_self()["auth"]["lease_duration"] == 600)
refused("a spent secret id", hvac.exceptions.InvalidRequest,
        lambda: hvac.Client(url=address).auth.approle.login(role_id, secret["secret_id"], mount_point="machines"))
client.sys.disable_auth_method("machines")
check("ends with its auth method", not machine.is_authenticated())

client.delete("mcp/agents/hvac-agent")
check("deleted", client.read("mcp/agents/hvac-agent") is None)
print("hvac %s: %d checks passed" % (getattr(hvac, "__version__", "?"), checks))
