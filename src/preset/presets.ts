// Generated from vault-config/presets by scripts/generate.mjs. Do not edit.
import type { Preset } from './schema.ts'

export const presets: readonly Preset[] = [
  {
    "name": "github",
    "version": 1,
    "reviewed": "2026-12-01",
    "title": "GitHub REST API",
    "sources": [
      "https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api",
      "https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api",
      "https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api",
      "https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api"
    ],
    "variables": {},
    "upstream": {
      "url": "https://api.github.com",
      "auth": "bearer",
      "response_headers": [
        "X-Accepted-GitHub-Permissions",
        "X-GitHub-SSO"
      ],
      "follow_redirects": [
        "codeload.github.com",
        "objects.githubusercontent.com",
        "release-assets.githubusercontent.com"
      ]
    },
    "secret": {
      "api_key": {
        "description": "a fine-grained personal access token",
        "where": "https://github.com/settings/personal-access-tokens",
        "example": "github_pat_made_up",
        "prefix": [
          "github_pat_",
          "ghp_",
          "gho_",
          "ghs_"
        ]
      }
    },
    "mcp_origins": [
      "https://api.github.com"
    ],
    "tools": [
      {
        "name": "user",
        "description": "The account the key belongs to",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/user",
            "capability": "read"
          }
        ]
      },
      {
        "name": "repos",
        "description": "Repositories, their branches, tags and releases",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/user/repos",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/orgs/{org}/repos",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/users/{username}/repos",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/branches",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/branches/{branch...}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/tags",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/releases",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/releases/{release...}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "contents",
        "description": "Files, commits and archives of a repository",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/contents",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/contents/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/contents/{path...}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/readme",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/commits",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/commits/{ref...}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/compare/{basehead...}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/git/trees/{tree_sha...}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/git/blobs/{file_sha}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/git/ref/{ref...}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/tarball",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/tarball/{ref...}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/zipball",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/zipball/{ref...}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "contents/write",
        "description": "Write files, each as a commit",
        "risk": "high",
        "operations": [
          {
            "method": "PUT",
            "path": "/repos/{owner}/{repo}/contents/{path...}",
            "capability": "update"
          }
        ]
      },
      {
        "name": "issues",
        "description": "Issues, their comments and labels",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/issues",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/issues",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/issues/{issue_number}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/issues/{issue_number}/comments",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/issues/comments",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/labels",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/search/issues",
            "capability": "read"
          }
        ]
      },
      {
        "name": "issues/write",
        "description": "Open, edit, close and comment on issues",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/repos/{owner}/{repo}/issues",
            "capability": "create"
          },
          {
            "method": "PATCH",
            "path": "/repos/{owner}/{repo}/issues/{issue_number}",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/repos/{owner}/{repo}/issues/{issue_number}/comments",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/repos/{owner}/{repo}/issues/{issue_number}/labels",
            "capability": "update"
          }
        ]
      },
      {
        "name": "pulls",
        "description": "Pull requests with their files, reviews and checks",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/pulls",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/pulls/{pull_number}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/pulls/{pull_number}/commits",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/pulls/{pull_number}/files",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/pulls/{pull_number}/reviews",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/pulls/{pull_number}/comments",
            "capability": "read"
          }
        ]
      },
      {
        "name": "pulls/write",
        "description": "Open, edit and review pull requests; merging is left out",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/repos/{owner}/{repo}/pulls",
            "capability": "create"
          },
          {
            "method": "PATCH",
            "path": "/repos/{owner}/{repo}/pulls/{pull_number}",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/repos/{owner}/{repo}/pulls/{pull_number}/reviews",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/repos/{owner}/{repo}/pulls/{pull_number}/comments",
            "capability": "create"
          }
        ]
      },
      {
        "name": "actions",
        "description": "Workflows and their runs",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/actions/workflows",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/actions/runs",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/actions/runs/{run_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs",
            "capability": "read"
          }
        ]
      },
      {
        "name": "search",
        "description": "Search for code and repositories",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/search/code",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/search/repositories",
            "capability": "read"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/user",
      "tool": "user"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "octokit",
        "change": "new Octokit({ auth: process.env.MCP_SESSION_TOKEN, baseUrl: '{{gateway}}/u/github' })"
      },
      {
        "language": "Python",
        "package": "PyGithub",
        "change": "Github(auth=Auth.Token(os.environ['MCP_SESSION_TOKEN']), base_url='{{gateway}}/u/github')"
      }
    ]
  },
  {
    "name": "stripe",
    "version": 1,
    "reviewed": "2026-12-01",
    "title": "Stripe API",
    "sources": [
      "https://docs.stripe.com/api/authentication",
      "https://docs.stripe.com/api/errors",
      "https://docs.stripe.com/api/pagination",
      "https://docs.stripe.com/keys#limit-access"
    ],
    "variables": {},
    "upstream": {
      "url": "https://api.stripe.com",
      "auth": "bearer",
      "response_headers": [
        "Original-Request",
        "Stripe-Rate-Limited-Reason"
      ],
      "sensitivity": "high"
    },
    "secret": {
      "api_key": {
        "description": "a restricted key, or a secret key",
        "where": "https://dashboard.stripe.com/apikeys",
        "example": "rk_test_made_up",
        "prefix": [
          "rk_live_",
          "rk_test_",
          "sk_live_",
          "sk_test_"
        ]
      }
    },
    "mcp_origins": [
      "https://api.stripe.com"
    ],
    "tools": [
      {
        "name": "balance",
        "description": "The account's balance and what moved it",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/balance",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/balance_transactions",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/balance_transactions/{id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "customers",
        "description": "Customers, with names and addresses",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/customers",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/customers/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/customers/{customer}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "customers/write",
        "description": "Create and change customers; deleting is left out",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/customers",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/v1/customers/{customer}",
            "capability": "update"
          }
        ]
      },
      {
        "name": "invoices",
        "description": "Invoices and their lines",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/invoices",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/invoices/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/invoices/{invoice}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/invoices/{invoice}/lines",
            "capability": "read"
          }
        ]
      },
      {
        "name": "invoices/write",
        "description": "Draft, finalize and send invoices",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/invoices",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/v1/invoices/{invoice}",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/v1/invoiceitems",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/v1/invoices/{invoice}/finalize",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/v1/invoices/{invoice}/send",
            "capability": "update"
          }
        ]
      },
      {
        "name": "subscriptions",
        "description": "Subscriptions and their items",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/subscriptions",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/subscriptions/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/subscriptions/{subscription}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/subscription_items",
            "capability": "read"
          }
        ]
      },
      {
        "name": "products",
        "description": "Products and prices",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/products",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/products/{id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/prices",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/prices/{price}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "payments",
        "description": "Payment intents and charges",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/payment_intents",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/payment_intents/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/payment_intents/{intent}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/charges",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/charges/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/charges/{charge}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "refunds",
        "description": "Refunds that were made",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/refunds",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/refunds/{refund}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "refunds/write",
        "description": "Give money back",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/refunds",
            "capability": "create"
          }
        ]
      },
      {
        "name": "events",
        "description": "What happened in the account in the last 30 days",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/events",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/events/{id}",
            "capability": "read"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/v1/balance",
      "tool": "balance"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "stripe",
        "change": "new Stripe(process.env.MCP_SESSION_TOKEN, { host: '{{listener_host}}', port: {{listener_port}}, protocol: '{{listener_protocol}}' })"
      },
      {
        "language": "Python",
        "package": "stripe",
        "change": "stripe.StripeClient(os.environ['MCP_SESSION_TOKEN'], base_addresses={'api': '{{gateway}}/u/stripe'})"
      }
    ]
  }
]
