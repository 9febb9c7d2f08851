# The deployment of the article with the official provider: an agent that may read a little of Stripe and of GitHub, a gateway's
# login, and the two keys, which pass through and are kept nowhere but in KV.
#
#   export VAULT_ADDR=http://127.0.0.1:8200 VAULT_TOKEN=root
#   export TF_VAR_keys='{"stripe":"…","github":"…"}'
#   terraform init && terraform apply

terraform {
  required_version = ">= 1.11"

  required_providers {
    vault = {
      source  = "hashicorp/vault"
      version = ">= 5.0"
    }
  }
}

# VAULT_ADDR, VAULT_TOKEN, VAULT_NAMESPACE, VAULT_CACERT.
provider "vault" {}

variable "keys" {
  description = "The real API keys, by upstream: stripe and github."
  type        = map(string)
  ephemeral   = true
  sensitive   = true
  default     = {}
}

variable "plugin" {
  description = "The plugin to register; null on the embedded server, which has the engine built in."
  type        = object({ version = string, sha256 = string, command = optional(string) })
  default     = null
}

variable "mount" {
  description = "Where the engine is mounted."
  type        = string
  default     = "mcp"
}

variable "kv_mount" {
  description = "The KV version 2 mount of the keys."
  type        = string
  default     = "secret"
}

variable "create_kv_mount" {
  description = "Whether kv_mount is to be made; a server's -dev mode has secret/ already."
  type        = bool
  default     = false
}

variable "adopt_mount" {
  description = "Whether the engine is mounted already, as by server -dev: the mount is then taken over instead of made."
  type        = bool
  default     = false
}

import {
  for_each = var.adopt_mount ? toset([var.mount]) : toset([])
  to       = module.mcp.vault_mount.mcp
  id       = each.key
}

module "mcp" {
  source = "../../vault-provider"

  plugin          = var.plugin
  mount           = var.mount
  kv_mount        = var.kv_mount
  create_kv_mount = var.create_kv_mount
  keys            = var.keys

  upstreams = {
    stripe = {
      url         = "https://api.stripe.com"
      sensitivity = "high"
      key_version = 1 # a higher number writes the key again
      tools = {
        "invoices" = {
          operations = [{ method = "GET", path = "/v1/invoices" }, { method = "GET", path = "/v1/invoices/{id}" }]
          mcp_tools  = ["list_invoices"]
          risk       = "low"
        }
        "customers/id-only" = {
          operations = [{ method = "GET", path = "/v1/customers", parameters = ["limit", "starting_after"] }]
          fields     = ["data[].id", "has_more"]
          mcp_tools  = ["list_customer_ids"]
          risk       = "low"
        }
        "refunds" = {
          operations = [{ method = "POST", path = "/v1/refunds" }]
          mcp_tools  = ["refund"]
          risk       = "high"
        }
        "events" = {
          operations = [{ method = "GET", path = "/v1/events/stream" }]
          mcp_tools  = ["follow_events"]
        }
      }
    }
    github = {
      url         = "https://api.github.com"
      headers     = { "X-GitHub-Api-Version" = "2022-11-28" }
      key_version = 1
      tools = {
        "prs/status" = {
          operations = [
            { method = "GET", path = "/repos/{owner}/{repo}/pulls/{number}" },
            { method = "GET", path = "/repos/{owner}/{repo}/commits/{ref}/status" },
          ]
          mcp_tools = ["pr_status"]
        }
      }
    }
  }

  agents = {
    claude-billing-agent = {
      owner       = "platform-team"
      environment = "production"
      description = "Handles Stripe billing queries via MCP"
      scopes      = ["read:stripe:invoices", "read:stripe:customers:id-only", "read:stripe:events", "read:github:prs:status"]
    }
  }
}

output "mount" {
  value = module.mcp.mount
}

output "agent_role_ids" {
  value = module.mcp.agent_role_ids
}

output "gateway_role_id" {
  value = module.mcp.gateway_role_id
}

output "declared" {
  value = module.mcp.declared
}
