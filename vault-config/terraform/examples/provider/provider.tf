terraform {
  required_version = ">= 1.11"

  required_providers {
    mcp = {
      source  = "terraform.local/mcp/mcp" # put there by: npx --no mcp-vault terraform install
      version = "~> 0.1"
    }
  }
}

# VAULT_ADDR, VAULT_TOKEN (or ~/.vault-token), VAULT_NAMESPACE, VAULT_CACERT.
provider "mcp" {}

# Or all of it here. With a login there is no token to hand round.
provider "mcp" {
  alias        = "team_a"
  address      = "https://vault.example.com:8200"
  ca_cert_file = "${path.module}/ca.pem"
  mount        = "team-a/mcp"

  auth_login {
    path = "auth/approle/login"
    parameters = {
      role_id   = var.role_id
      secret_id = var.secret_id
    }
  }
}

variable "role_id" {
  type = string
}

variable "secret_id" {
  type      = string
  ephemeral = true
}
