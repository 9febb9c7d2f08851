// Generated from the paths of src/mcp by scripts/generate.mjs. Do not edit.
export const engineSchema = {
  "config": {
    "pattern": "config",
    "synopsis": "Settings of this mount.",
    "description": "Reading returns every setting with its effective value. Writing merges: what is omitted keeps its value, null resets it. Deleting resets all but ttl_ceiling to the defaults; live sessions stay.",
    "fields": {
      "default_ttl": {
        "type": "duration",
        "description": "Default TTL of a token, in seconds.",
        "example": 900,
        "default": 900
      },
      "max_ttl": {
        "type": "duration",
        "description": "Longest life of any token of this mount, in seconds; at most ttl_ceiling.",
        "example": 3600,
        "default": 3600
      },
      "ttl_ceiling": {
        "type": "duration",
        "computed": true,
        "description": "No token of this mount lives longer, in seconds: a longer max_ttl or max_ttl_seconds is refused. Set at config/ttl-ceiling, which needs sudo.",
        "example": 86400
      },
      "session_max_life": {
        "type": "duration",
        "description": "Absolute life of a session over all its refreshes, in seconds.",
        "example": 28800,
        "default": 28800
      },
      "allow_wildcards": {
        "type": "bool",
        "description": "Accept * and + as upstream or first resource segment of a scope or tool policy. Such scopes still warn.",
        "example": false,
        "default": false
      },
      "token_prefix": {
        "type": "string",
        "description": "First part of every token, 2 to 8 characters of a-z and 0-9.",
        "example": "svt",
        "default": "svt"
      },
      "environment_labels": {
        "type": "object",
        "description": "Labels tokens carry for environments, in addition to the built-in prod, staging, dev and test.",
        "example": {
          "production-eu": "prodeu"
        },
        "default": {}
      },
      "reuse_window": {
        "type": "duration",
        "description": "How long ended sessions are remembered, in seconds, so that reuse after expiry or revocation can be distinguished from an unknown token.",
        "example": 86400,
        "default": 86400
      }
    }
  },
  "upstreams": {
    "pattern": "upstreams/:name",
    "synopsis": "An API the gateway may call, and where its key is stored.",
    "description": "The key itself stays in KV v2 and is read by the gateway alone. It is used only as that secret's custom_metadata allows: for origins in mcp_origins and for upstreams in mcp_upstreams (by default the one whose secret it is), so that anyone who writes upstreams can neither take nor send a key.",
    "fields": {
      "name": {
        "type": "string",
        "description": "Name of the upstream, the first part of its tools and scopes.",
        "example": "stripe"
      },
      "url": {
        "type": "string",
        "required": true,
        "description": "Base URL of the API. Calls go below it. http: needs allow_private_addresses.",
        "example": "https://api.stripe.com"
      },
      "kv_mount": {
        "type": "string",
        "description": "Mount of the KV v2 engine that holds the key.",
        "example": "secret",
        "default": "secret"
      },
      "kv_path": {
        "type": "string",
        "description": "Path of the secret in kv_mount; {{environment}} stands for the session's environment. Default: mcp/<name>.",
        "example": "mcp/{{environment}}/stripe"
      },
      "kv_field": {
        "type": "string",
        "description": "Field of the secret that is the key.",
        "example": "api_key",
        "default": "api_key"
      },
      "auth": {
        "type": "string",
        "joined": true,
        "description": "Where the key is put into a request, and where clients put the phantom token: bearer, basic, basic:{user}:{pass}, header:<Name>[=<template>], query:<name>[=<template>], path:<template>, body:<field>[=<template>] or none; several with commas between. {name} in a template is a field of the secret, for example header:Authorization=Bot {api_key}; without a template it is kv_field. Or it signs, with the fields access_key_id and secret_access_key: aws_sigv4:<service>/<region>. Or it is exchanged for a short-lived one: oauth2_client_credentials:<token URL>[;scope=…][;audience=…][;resource=…][;client_auth=post], oauth2_refresh:<token URL>[;…][;client_auth=post|none], github_app:<app>/<installation>[;api=…], google_service_account:<scopes>[;subject=…][;token_url=…].",
        "example": "bearer",
        "default": "bearer"
      },
      "token_alias": {
        "type": "string",
        "description": "What clients that check the format of keys may write before the phantom token, for example sk_test_; {token} says where the token stands if something follows it. Removed before the token is looked at.",
        "example": "sk_test_"
      },
      "headers": {
        "type": "object",
        "description": "Headers added to every request. A caller may send one of them only with the same value. Not for credentials: names that carry one are refused.",
        "example": {
          "Stripe-Version": "2025-03-31"
        },
        "default": {}
      },
      "request_headers": {
        "type": "lists",
        "description": "Headers that callers may send in addition to those every API knows, each with the values that are allowed, or * for any: what chooses on whose behalf the key acts, or what a call does. Tool policies judge them as parameter header:<Name>.",
        "example": {
          "Stripe-Account": [
            "acct_1",
            "acct_2"
          ]
        },
        "default": {}
      },
      "response_headers": {
        "type": "list",
        "description": "Response headers passed back in addition to those every API knows (paging, rate limits, versions, request ids), with a whole body only.",
        "example": [
          "X-Custom-Total"
        ],
        "default": []
      },
      "allow_range": {
        "type": "bool",
        "description": "Pass on Range where no fields apply: one range of at least 64 KiB, or to the end. Otherwise the whole is sent. A key that the upstream repeats in its response could be cut at the edge of a range.",
        "example": true,
        "default": false
      },
      "follow_redirects": {
        "type": "list",
        "description": "Hosts to which redirects are followed, over https and without the key: for GET and HEAD, at most three in a row, and never where only fields of a response pass. Any other redirect away from the upstream is refused.",
        "example": [
          "codeload.github.com"
        ],
        "default": []
      },
      "error_format": {
        "type": "string",
        "allowed": [
          "object",
          "text",
          "plain",
          "xml",
          "slack",
          "notion",
          "elasticsearch"
        ],
        "description": "How the gateway words its own refusals of calls to this upstream, so that that API's clients show them: object (most APIs), text (JSON whose error is the sentence: npm), plain (the sentence alone: git), xml (S3), or as Slack, Notion and Elasticsearch word theirs. Slack's have status 200, because its clients repeat a call that ends with another.",
        "example": "xml",
        "default": "object"
      },
      "encoded_slash": {
        "type": "string",
        "allowed": [
          "refuse",
          "data"
        ],
        "description": "What %2F in a path is: refuse, or data, a character of its segment that is sent on as %2F (GitLab projects, npm scopes). A {name...} takes it either way.",
        "example": "data",
        "default": "refuse"
      },
      "sensitivity": {
        "type": "string",
        "allowed": [
          "high",
          "standard",
          "low"
        ],
        "description": "How old a gateway's knowledge may be when it uses this key: high 5 s, standard 30 s, low 120 s.",
        "example": "high",
        "default": "standard"
      },
      "allow_private_addresses": {
        "type": "bool",
        "description": "Allow http: and private, loopback or link-local addresses. Metadata addresses stay refused.",
        "example": false,
        "default": false
      },
      "connect_timeout": {
        "type": "duration",
        "description": "Seconds to connect.",
        "example": 5,
        "default": 5
      },
      "timeout": {
        "type": "duration",
        "description": "Seconds until the upstream's response headers. With idle_timeout it is also the limit on all waiting for the upstream in one call, to which every KiB that moves adds a second; text/event-stream has no such limit.",
        "example": 60,
        "default": 60
      },
      "idle_timeout": {
        "type": "duration",
        "description": "Seconds a response body may be silent. Part of the limit on all waiting in one call: see timeout.",
        "example": 300,
        "default": 300
      },
      "max_request_bytes": {
        "type": "int",
        "description": "Largest request body.",
        "example": 1048576,
        "default": 10485760
      },
      "max_response_bytes": {
        "type": "int",
        "description": "Largest response body that is buffered (those a tool's fields project).",
        "example": 1048576,
        "default": 10485760
      },
      "version": {
        "type": "int",
        "computed": true,
        "description": "Grows with every write of this document, also through deletion and re-creation.",
        "example": 1773590400000
      }
    }
  },
  "tools": {
    "pattern": "tools/:upstream/:name...",
    "synopsis": "A named capability of an upstream.",
    "description": "A tool says which HTTP operations it covers and which response fields it may return. Scopes and tool policies name tools, never URLs. tools/stripe/customers/id-only is granted by read:stripe:customers:id-only.",
    "fields": {
      "upstream": {
        "type": "string",
        "description": "Name of the upstream.",
        "example": "stripe"
      },
      "name": {
        "type": "string",
        "description": "Name of the tool: a resource, or resource/qualifier.",
        "example": "invoices"
      },
      "operations": {
        "type": "objects",
        "required": true,
        "description": "HTTP operations the tool covers: \"GET /v1/invoices/{id}\", or objects with method, path, capability, parameters (the only query parameters that pass), denied_parameters (names that may stand neither in query nor body) and body (true: a GET or OPTIONS request may have one). {x} is one segment or, with text beside it, a part of one (\"/models/{model}:generate\"); {x...} is one segment or more; a slash at the end counts.",
        "example": [
          "GET /v1/invoices",
          "GET /v1/invoices/{id}"
        ]
      },
      "fields": {
        "type": "list",
        "description": "The only fields of JSON responses that are passed on; one that ends with [scalar] is no object and no list (\"data[].id[scalar]\"), where callers may ask for something else under its name. Omitted: everything passes.",
        "example": [
          "data[].id",
          "has_more"
        ]
      },
      "mcp_tools": {
        "type": "list",
        "description": "Names of the MCP tools this tool stands for, for people and for reports. Nothing enforces it yet: what a session may call follows from operations alone.",
        "example": [
          "list_invoices"
        ],
        "default": []
      },
      "risk": {
        "type": "string",
        "allowed": [
          "low",
          "medium",
          "high",
          "critical"
        ],
        "description": "Risk level, carried into audit records.",
        "example": "low"
      },
      "version": {
        "type": "int",
        "computed": true,
        "description": "Grows with every write of this document, also through deletion and re-creation.",
        "example": 1773590400000
      }
    }
  },
  "policies": {
    "pattern": "policies/:name",
    "synopsis": "A tool policy: which tools its agents may use.",
    "description": "Vault's policy language with tools as paths: exact, + for one segment, trailing *, deny wins. Parameter rules are judged on query parameters and top-level body fields. Live: a change takes effect on running sessions. The text is returned as written.",
    "fields": {
      "name": {
        "type": "string",
        "description": "Name of the tool policy.",
        "example": "billing-read"
      },
      "policy": {
        "type": "string",
        "required": true,
        "description": "Rules in Vault's policy language, HCL or JSON, over tools.",
        "example": "path \"tools/stripe/invoices\" { capabilities = [\"read\"] }"
      },
      "version": {
        "type": "int",
        "computed": true,
        "description": "Grows with every write of this document, also through deletion and re-creation.",
        "example": 1773590400000
      }
    }
  },
  "agents": {
    "pattern": "agents/:agent_id",
    "synopsis": "An agent: who owns it, where it runs, what bounds it.",
    "description": "No token is issued before the agent is registered here and has declared scopes or policies. Disabling or deleting an agent ends all its sessions in the same write.",
    "fields": {
      "agent_id": {
        "type": "string",
        "description": "Stable identifier of the agent.",
        "example": "claude-billing-agent"
      },
      "owner": {
        "type": "string",
        "required": true,
        "description": "Team accountable for the agent; carried into audit records.",
        "example": "platform-team"
      },
      "environment": {
        "type": "string",
        "required": true,
        "description": "The agent's own environment.",
        "example": "production"
      },
      "description": {
        "type": "string",
        "description": "What the agent is for.",
        "example": "Handles Stripe billing queries via MCP",
        "default": ""
      },
      "policies": {
        "type": "list",
        "description": "Tool policies of the agent. Where scopes are declared too, both must allow. null: unset.",
        "example": [
          "billing-read"
        ]
      },
      "disabled": {
        "type": "bool",
        "description": "true ends every session at once and refuses new ones. Enabling again revives none.",
        "example": false,
        "default": false
      },
      "generation": {
        "type": "int",
        "computed": true,
        "description": "Raised by disable, delete and revoke; sessions of a smaller one are over.",
        "example": 0
      },
      "version": {
        "type": "int",
        "computed": true,
        "description": "Grows with every write of this document, also through deletion and re-creation.",
        "example": 1773590400000
      }
    }
  },
  "agents/scopes": {
    "pattern": "agents/:agent_id/scopes/:environment",
    "synopsis": "Scopes an agent declares in another environment.",
    "description": "Scopes name tools, not URLs. What a session may do is what it was granted, cut by these scopes as they are now: removing one takes effect on live sessions. Writing merges: what is omitted keeps its value, null unsets. Scopes never fall back from one environment to another.",
    "fields": {
      "agent_id": {
        "type": "string",
        "description": "The agent.",
        "example": "claude-billing-agent"
      },
      "environment": {
        "type": "string",
        "description": "The environment these scopes are for. Without it: the agent's own.",
        "example": "staging"
      },
      "scopes": {
        "type": "list",
        "description": "Scopes the agent declares: <capability>:<upstream>:<resource>[:<qualifier>]. [] grants nothing; null unsets.",
        "example": [
          "read:stripe:invoices",
          "read:stripe:customers:id-only"
        ]
      },
      "max_ttl_seconds": {
        "type": "duration",
        "description": "Longest life of any token issued under these scopes, in seconds; at most ttl_ceiling and cut to max_ttl of config.",
        "example": 900,
        "default": 900
      },
      "version": {
        "type": "int",
        "computed": true,
        "description": "Grows with every write of this document, also through deletion and re-creation.",
        "example": 1773590400000
      }
    }
  },
  "creds": {
    "pattern": "creds/:agent",
    "synopsis": "Opens a session and issues its first phantom token, as a lease.",
    "description": "The token is opaque and good for the granted tool scopes only. Revoking the lease ends the session: its tokens, the sessions delegated from it, open streams and calls in flight. Each new task gets a session of its own.",
    "fields": {
      "agent": {
        "type": "string",
        "description": "The agent to issue a token for.",
        "example": "claude-billing-agent"
      },
      "purpose": {
        "type": "string",
        "echoed": true,
        "description": "What the session is for; carried into audit records.",
        "example": "quarterly-invoice-reconciliation",
        "default": ""
      },
      "requested_scopes": {
        "type": "list",
        "description": "A subset of the declared scopes. Omitted: all of them.",
        "example": [
          "read:stripe:invoices"
        ]
      },
      "policies": {
        "type": "list",
        "description": "A subset of the agent's tool policies. Omitted: all of them.",
        "example": [
          "billing-read"
        ]
      },
      "environment": {
        "type": "string",
        "echoed": true,
        "description": "The agent's own environment, or one it has scopes for. Omitted: its own.",
        "example": "production"
      },
      "ttl": {
        "type": "duration",
        "description": "Life of the token; cut to what agent, config and mount allow. Omitted: config default_ttl.",
        "example": 900
      },
      "parent_token": {
        "type": "string",
        "secret": true,
        "description": "A live token to delegate from: the new session is its child, has no scope it lacks and ends no later.",
        "example": "svt_prod_…"
      },
      "session_id": {
        "type": "string",
        "computed": true,
        "description": "The session: mcp/creds/<agent>/<session_id> refreshes and closes it.",
        "example": "sess_01JNKQ8X4F2MVBP7RD3WCZH9GT"
      },
      "agent_id": {
        "type": "string",
        "computed": true,
        "description": "The agent it was issued for.",
        "example": "claude-billing-agent"
      },
      "token": {
        "type": "string",
        "computed": true,
        "description": "The phantom token. Returned once, stored nowhere.",
        "example": "svt_prod_…"
      },
      "token_id": {
        "type": "string",
        "computed": true,
        "description": "Names the token in logs and audit records.",
        "example": "tok_01JNKQ8X4FCQ6X1E0V9ZB3H7MD"
      },
      "scopes": {
        "type": "list",
        "computed": true,
        "description": "What the session was granted.",
        "example": [
          "read:stripe:invoices"
        ]
      },
      "issued_at": {
        "type": "string",
        "computed": true,
        "description": "UTC.",
        "example": "2026-03-15T16:00:00Z"
      },
      "expires_at": {
        "type": "string",
        "computed": true,
        "description": "UTC.",
        "example": "2026-03-15T16:15:00Z"
      },
      "expires_at_unix": {
        "type": "int",
        "computed": true,
        "description": "The same in Unix seconds.",
        "example": 1773591300
      },
      "ttl_seconds": {
        "type": "int",
        "computed": true,
        "description": "Life of the token; equals lease_duration.",
        "example": 900
      },
      "refresh_after_unix": {
        "type": "int",
        "computed": true,
        "description": "When to refresh: 80 % of the life, in Unix seconds.",
        "example": 1773591120
      }
    }
  }
} as const
