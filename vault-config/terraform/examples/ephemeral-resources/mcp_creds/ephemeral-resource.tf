ephemeral "mcp_creds" "smoke_test" {
  agent            = "claude-billing-agent"
  purpose          = "smoke test of the deployment"
  requested_scopes = ["read:stripe:invoices"]
  ttl              = 300
  issue            = terraform.applying # plan issues none
}

# The token is used while Terraform runs, and is dead when this has been applied.
resource "terraform_data" "smoke_test" {
  provisioner "local-exec" {
    command = "curl -fsS -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8251/u/stripe/v1/invoices"
    environment = {
      TOKEN = ephemeral.mcp_creds.smoke_test.token
    }
  }
}
