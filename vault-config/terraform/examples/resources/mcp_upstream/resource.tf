variable "stripe_key" {
  description = "In the environment as TF_VAR_stripe_key."
  type        = string
  ephemeral   = true
}

resource "mcp_upstream" "stripe" {
  name        = "stripe"
  url         = "https://api.stripe.com"
  sensitivity = "high"

  headers = {
    Stripe-Version = "2025-03-31"
  }

  # Written to secret/mcp/stripe, with https://api.stripe.com among its mcp_origins; never to plan or state.
  key_wo         = var.stripe_key
  key_wo_version = 1 # raise it to write another key
}

# Without key_wo the key is somebody else's to write: vault kv put -mount=secret mcp/github api_key=@github.key
resource "mcp_upstream" "github" {
  name = "github"
  url  = "https://api.github.com"
}
