# terraform test, against any server VAULT_ADDR and VAULT_TOKEN name: everything is made under paths of its own and taken away.

variables {
  mount           = "mcp-tftest"
  kv_mount        = "kv-tftest"
  create_kv_mount = true
  approle         = { path = "approle-tftest" }
  gateway         = { role = "tftest-gateway" }
  keys            = { stripe = "no-real-key" }

  upstreams = {
    stripe = {
      url         = "https://api.stripe.com"
      key_version = 1
      key_origins = ["https://api.stripe.com", "https://files.stripe.com"]
      tools = {
        "invoices"          = { operations = [{ method = "GET", path = "/v1/invoices" }] }
        "customers/id-only" = { operations = [{ method = "GET", path = "/v1/customers", parameters = ["limit"] }], fields = ["data[].id"] }
      }
    }
  }

  tool_policies = {
    "billing-read" = "path \"tools/stripe/invoices\" { capabilities = [\"read\"] }\n"
  }

  agents = {
    billing = {
      owner        = "platform-team"
      environment  = "production"
      policies     = ["billing-read"]
      scopes       = ["read:stripe:invoices"]
      environments = { staging = { scopes = [], max_ttl_seconds = 60 } }
    }
  }
}

run "declares" {
  command = apply

  assert {
    condition     = output.mount == "mcp-tftest"
    error_message = "The engine is not where it was asked to be."
  }
  assert {
    condition     = keys(output.declared.tools) == ["stripe/customers/id-only", "stripe/invoices"]
    error_message = "A tool is called as its upstream and its name."
  }
  assert {
    condition     = output.declared.tools["stripe/invoices"].operations == [{ method = "GET", path = "/v1/invoices" }]
    error_message = "What an operation leaves out must not be sent as null."
  }
  assert {
    condition     = jsonencode(output.declared.scopes["billing/staging"]) == jsonencode({ max_ttl_seconds = 60, scopes = [] })
    error_message = "Scopes of another environment are declared beside the agent's own."
  }
  assert {
    condition     = jsondecode(vault_generic_endpoint.key_origins["stripe"].data_json).custom_metadata.mcp_origins == "https://api.stripe.com,https://files.stripe.com"
    error_message = "The key's owner consents to the listed origins."
  }
  assert {
    condition     = vault_kv_secret_v2.key["stripe"].data_json_wo == null && vault_kv_secret_v2.key["stripe"].data_json == null
    error_message = "A key is in the state."
  }
  assert {
    condition     = strcontains(vault_policy.agent["billing"].policy, "path \"mcp-tftest/creds/billing\"") && !strcontains(vault_policy.agent["billing"].policy, "{{")
    error_message = "The agent's policy names the agent and the mount."
  }
  assert {
    condition     = strcontains(vault_policy.shipped["gateway"].policy, "path \"kv-tftest/data/mcp/*\"") && strcontains(vault_policy.shipped["operator"].policy, "path \"sys/leases/revoke-prefix/mcp-tftest/creds/*\"")
    error_message = "Policies are written for the mounts they are used with."
  }
  assert {
    condition     = vault_approle_auth_backend_role.gateway[0].token_no_default_policy && vault_approle_auth_backend_role.gateway[0].token_period == 3600
    error_message = "A gateway's token is periodic and has its own policy alone."
  }
}

run "changes_in_place" {
  command = apply

  variables {
    config = { default_ttl = 600, max_ttl = 1800 }
    agents = { billing = { owner = "billing-team", environment = "production", scopes = [] } }
  }

  assert {
    condition     = vault_mount.mcp.accessor == run.declares.accessor && vault_mount.mcp.max_lease_ttl_seconds == 1800
    error_message = "Tuning must not make a new mount."
  }
  assert {
    condition     = keys(output.declared.scopes) == ["billing"]
    error_message = "Scopes that are no longer declared are taken away."
  }
}

run "refuses_a_url_that_is_none" {
  command = plan

  variables {
    upstreams = { stripe = { url = "api.stripe.com" } }
  }

  expect_failures = [var.upstreams]
}

run "refuses_a_key_that_would_have_several_places" {
  command = plan

  variables {
    upstreams = { stripe = { url = "https://api.stripe.com", kv_path = "mcp/{{environment}}/stripe", key_version = 1 } }
  }

  expect_failures = [var.upstreams]
}

run "refuses_to_plan_without_the_key" {
  command = plan

  variables {
    keys = {}
  }

  expect_failures = [vault_kv_secret_v2.key["stripe"]]
}

run "refuses_a_checksum_that_is_none" {
  command = plan

  variables {
    plugin = { version = "v0.1.0", sha256 = "67e7" }
  }

  expect_failures = [var.plugin]
}

run "refuses_a_mount_with_slashes_at_its_ends" {
  command = plan

  variables {
    mount = "/mcp/"
  }

  expect_failures = [var.mount]
}
