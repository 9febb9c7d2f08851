resource "mcp_policy" "billing_read" {
  name = "billing-read"

  policy = <<-EOT
    path "tools/stripe/invoices" {
      capabilities = ["read"]
    }
  EOT
}

# Or written from rules, which names tools by their ids and so waits for them.
data "mcp_policy_document" "support" {
  rules = [
    { tool = "stripe/customers/*", capabilities = ["read"] },
    { tool = "stripe/customers/full", capabilities = ["deny"] },
  ]
}

resource "mcp_policy" "support" {
  name   = "support"
  policy = data.mcp_policy_document.support.policy
}
