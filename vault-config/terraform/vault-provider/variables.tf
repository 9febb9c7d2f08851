variable "plugin" {
  description = "The plugin file to register in the server's catalogue. null where the server knows it already: the embedded host, OpenBao's plugin stanza, register.sh."
  type = object({
    version = string
    sha256  = string
    # The file in plugin_directory: vault-plugin-secrets-mcp unless given.
    command = optional(string)
  })
  default = null

  validation {
    condition     = var.plugin == null || can(regex("^v[0-9]+\\.[0-9]+\\.[0-9]+", var.plugin.version))
    error_message = "plugin.version is what the catalogue holds the file under, with its v, for example v0.1.0."
  }
  validation {
    condition     = var.plugin == null || can(regex("^[0-9a-f]{64}$", var.plugin.sha256))
    error_message = "plugin.sha256 is the file's SHA-256 in 64 lower-case hexadecimal digits, as npm run build:plugin prints it."
  }
}

variable "mount" {
  description = "Where the engine is mounted. The names of the ACL policies start with it."
  type        = string
  default     = "mcp"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)*$", var.mount))
    error_message = "mount is a path without slashes at its ends, for example mcp."
  }
}

variable "kv_mount" {
  description = "The KV version 2 mount that holds the upstreams' keys."
  type        = string
  default     = "secret"
  nullable    = false
}

variable "create_kv_mount" {
  description = "Whether kv_mount is made here. A server's -dev mode has secret/ already. Destroying it deletes every secret in it, not only those written here."
  type        = bool
  default     = false
  nullable    = false
}

variable "config" {
  description = "Settings of the engine, mcp/config; durations in seconds."
  type = object({
    default_ttl        = optional(number, 900)
    max_ttl            = optional(number, 3600)
    session_max_life   = optional(number, 28800)
    allow_wildcards    = optional(bool, false)
    token_prefix       = optional(string, "svt")
    environment_labels = optional(map(string), {})
    reuse_window       = optional(number, 86400)
  })
  default  = {}
  nullable = false
}

variable "upstreams" {
  description = "APIs the gateway may call, by name, with their tools by name (resource, or resource/qualifier)."
  type = map(object({
    url                     = string
    kv_path                 = optional(string)
    kv_field                = optional(string, "api_key")
    auth                    = optional(string, "bearer")
    headers                 = optional(map(string), {})
    request_headers         = optional(map(list(string)), {})
    response_headers        = optional(list(string), [])
    allow_range             = optional(bool, false)
    follow_redirects        = optional(list(string), [])
    error_format            = optional(string, "object")
    sensitivity             = optional(string, "standard")
    allow_private_addresses = optional(bool, false)
    connect_timeout         = optional(number, 5)
    timeout                 = optional(number, 60)
    idle_timeout            = optional(number, 300)
    max_request_bytes       = optional(number, 10485760)
    max_response_bytes      = optional(number, 10485760)

    # Written with the key in var.keys; a higher number writes it again. null: somebody else puts the key, and its
    # mcp_origins, into KV.
    key_version = optional(number)
    # Where the key may be sent. The origin of url unless given.
    key_origins = optional(list(string))

    tools = optional(map(object({
      operations = list(object({
        method     = string
        path       = string
        capability = optional(string)
        parameters = optional(list(string))
      }))
      fields    = optional(list(string))
      mcp_tools = optional(list(string), [])
      risk      = optional(string)
    })), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for upstream in values(var.upstreams) : can(regex("^https?://[^/]+", upstream.url))])
    error_message = "upstreams[*].url is an absolute URL, for example https://api.stripe.com."
  }
  validation {
    condition     = alltrue([for upstream in values(var.upstreams) : upstream.key_version == null || !strcontains(coalesce(upstream.kv_path, "-"), "{{")])
    error_message = "upstreams[*].key_version writes one key: an upstream whose kv_path holds {{environment}} has several, which are written beside this module."
  }
}

variable "keys" {
  description = "The upstreams' real keys, by upstream: those with a key_version. Ephemeral: in no plan and no state."
  type        = map(string)
  default     = {}
  nullable    = false
  ephemeral   = true
  sensitive   = true
}

variable "tool_policies" {
  description = "Tool policies by name, in Vault's policy language: mcp/policies/<name>."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "agents" {
  description = "Agents by name: who owns them, and the scopes they declare. scopes null declares none; [] grants nothing. jwt lets the agent log in with a token of your identity provider as well."
  type = map(object({
    owner           = string
    environment     = string
    description     = optional(string, "")
    policies        = optional(list(string))
    disabled        = optional(bool, false)
    scopes          = optional(list(string))
    max_ttl_seconds = optional(number, 900)
    # Scopes in environments other than the agent's own.
    environments = optional(map(object({
      scopes          = list(string)
      max_ttl_seconds = optional(number, 900)
    })), {})
    jwt = optional(object({
      bound_audiences = list(string)
      bound_subject   = optional(string)
      bound_claims    = optional(map(string))
      user_claim      = optional(string, "sub")
    }))
  }))
  default  = {}
  nullable = false
}

variable "gateway" {
  description = "How gateways log in: the role's name, the period of their tokens in seconds, and jwt as for agents. null makes no role."
  type = object({
    role         = optional(string, "mcp-gateway")
    token_period = optional(number, 3600)
    jwt = optional(object({
      bound_audiences = list(string)
      bound_subject   = optional(string)
      bound_claims    = optional(map(string))
      user_claim      = optional(string, "sub")
    }))
  })
  default = {}
}

variable "approle" {
  description = "The AppRole auth method that gateways and agents get roles in. create = false where it is enabled already; null makes no roles."
  type = object({
    path                  = optional(string, "approle")
    create                = optional(bool, true)
    token_ttl             = optional(number, 3600)
    token_max_ttl         = optional(number, 86400)
    secret_id_ttl         = optional(number, 2592000)
    gateway_secret_id_ttl = optional(number, 0)
  })
  default = {}
}

variable "jwt" {
  description = "The JWT auth method for the roles asked for by gateway.jwt and agents[*].jwt; one source of keys. create = false where it is enabled and configured already."
  type = object({
    path                   = optional(string, "jwt")
    create                 = optional(bool, true)
    jwt_validation_pubkeys = optional(list(string))
    jwks_url               = optional(string)
    oidc_discovery_url     = optional(string)
    bound_issuer           = optional(string)
    token_ttl              = optional(number, 3600)
    token_max_ttl          = optional(number, 86400)
  })
  default = null
}
