data "mcp_policy_document" "billing" {
  rules = [
    {
      description         = "Invoices of one customer at a time"
      tool                = "stripe/invoices"
      capabilities        = ["read"]
      required_parameters = ["customer"]
    },
    {
      description  = "Nothing of GitHub but pull requests"
      tool         = "github/prs/*"
      capabilities = ["read", "update"]
      denied_parameters = {
        state = ["closed"]
      }
    },
  ]
}

resource "mcp_policy" "billing" {
  name   = "billing"
  policy = data.mcp_policy_document.billing.policy
}
