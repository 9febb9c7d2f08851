// Generated from proto/mcp/gateway/v1/gateway.proto by scripts/generate.mjs. Do not edit.
export const gatewayV1 = {
  "nested": {
    "mcp": {
      "nested": {
        "gateway": {
          "nested": {
            "v1": {
              "options": {
                "go_package": "vault-plugin-secrets-mcp/gateway/v1;gatewayv1"
              },
              "nested": {
                "Sessions": {
                  "methods": {
                    "Open": {
                      "requestType": "OpenRequest",
                      "responseType": "SessionToken"
                    },
                    "Refresh": {
                      "requestType": "RefreshRequest",
                      "responseType": "SessionToken"
                    },
                    "Close": {
                      "requestType": "CloseRequest",
                      "responseType": "CloseResponse"
                    },
                    "Delegate": {
                      "requestType": "DelegateRequest",
                      "responseType": "SessionToken"
                    },
                    "Watch": {
                      "requestType": "WatchRequest",
                      "responseType": "SessionEvent",
                      "responseStream": true
                    }
                  }
                },
                "Tokens": {
                  "methods": {
                    "Validate": {
                      "requestType": "ValidateRequest",
                      "responseType": "ValidateResponse"
                    },
                    "ValidateStream": {
                      "requestType": "ValidateRequest",
                      "requestStream": true,
                      "responseType": "ValidateResponse",
                      "responseStream": true
                    },
                    "Introspect": {
                      "requestType": "IntrospectRequest",
                      "responseType": "IntrospectResponse"
                    }
                  }
                },
                "Upstreams": {
                  "methods": {
                    "Call": {
                      "requestType": "CallRequest",
                      "responseType": "CallResponse"
                    },
                    "Stream": {
                      "requestType": "StreamRequest",
                      "requestStream": true,
                      "responseType": "StreamResponse",
                      "responseStream": true
                    }
                  }
                },
                "OpenRequest": {
                  "fields": {
                    "agent_id": {
                      "type": "string",
                      "id": 1
                    },
                    "purpose": {
                      "type": "string",
                      "id": 2
                    },
                    "requested_scopes": {
                      "rule": "repeated",
                      "type": "string",
                      "id": 3
                    },
                    "environment": {
                      "type": "string",
                      "id": 4
                    },
                    "ttl_seconds": {
                      "type": "uint32",
                      "id": 5
                    },
                    "request_id": {
                      "type": "string",
                      "id": 6
                    }
                  }
                },
                "RefreshRequest": {
                  "fields": {
                    "session_id": {
                      "type": "string",
                      "id": 1
                    },
                    "ttl_seconds": {
                      "type": "uint32",
                      "id": 2
                    },
                    "request_id": {
                      "type": "string",
                      "id": 3
                    }
                  }
                },
                "CloseRequest": {
                  "fields": {
                    "session_id": {
                      "type": "string",
                      "id": 1
                    },
                    "request_id": {
                      "type": "string",
                      "id": 2
                    }
                  }
                },
                "CloseResponse": {
                  "fields": {
                    "request_id": {
                      "type": "string",
                      "id": 1
                    }
                  }
                },
                "DelegateRequest": {
                  "fields": {
                    "parent_token": {
                      "type": "string",
                      "id": 1
                    },
                    "agent_id": {
                      "type": "string",
                      "id": 2
                    },
                    "purpose": {
                      "type": "string",
                      "id": 3
                    },
                    "requested_scopes": {
                      "rule": "repeated",
                      "type": "string",
                      "id": 4
                    },
                    "ttl_seconds": {
                      "type": "uint32",
                      "id": 5
                    },
                    "request_id": {
                      "type": "string",
                      "id": 6
                    }
                  }
                },
                "SessionToken": {
                  "fields": {
                    "session_id": {
                      "type": "string",
                      "id": 1
                    },
                    "agent_id": {
                      "type": "string",
                      "id": 2
                    },
                    "token": {
                      "type": "string",
                      "id": 3
                    },
                    "token_id": {
                      "type": "string",
                      "id": 4
                    },
                    "scopes": {
                      "rule": "repeated",
                      "type": "string",
                      "id": 5
                    },
                    "environment": {
                      "type": "string",
                      "id": 6
                    },
                    "purpose": {
                      "type": "string",
                      "id": 7
                    },
                    "issued_at": {
                      "type": "string",
                      "id": 8
                    },
                    "expires_at": {
                      "type": "string",
                      "id": 9
                    },
                    "expires_at_unix": {
                      "type": "int64",
                      "id": 10
                    },
                    "ttl_seconds": {
                      "type": "uint32",
                      "id": 11
                    },
                    "refresh_after_unix": {
                      "type": "int64",
                      "id": 12
                    },
                    "lease_id": {
                      "type": "string",
                      "id": 13
                    },
                    "request_id": {
                      "type": "string",
                      "id": 14
                    }
                  }
                },
                "WatchRequest": {
                  "fields": {
                    "session_id": {
                      "type": "string",
                      "id": 1
                    },
                    "token": {
                      "type": "string",
                      "id": 2
                    }
                  }
                },
                "SessionEvent": {
                  "fields": {
                    "kind": {
                      "type": "Kind",
                      "id": 1
                    },
                    "session_id": {
                      "type": "string",
                      "id": 2
                    },
                    "reason": {
                      "type": "string",
                      "id": 3
                    },
                    "vouched_ms": {
                      "type": "int64",
                      "id": 4
                    },
                    "feed_epoch": {
                      "type": "string",
                      "id": 5
                    },
                    "feed_sequence": {
                      "type": "int64",
                      "id": 6
                    }
                  },
                  "nested": {
                    "Kind": {
                      "values": {
                        "KIND_UNSPECIFIED": 0,
                        "KIND_LIVE": 1,
                        "KIND_ENDED": 2,
                        "KIND_CHANGED": 3,
                        "KIND_VOUCHED": 4
                      }
                    }
                  }
                },
                "ValidateRequest": {
                  "fields": {
                    "token": {
                      "type": "string",
                      "id": 1
                    },
                    "required_scope": {
                      "type": "string",
                      "id": 2
                    },
                    "request_id": {
                      "type": "string",
                      "id": 3
                    }
                  }
                },
                "ValidateResponse": {
                  "fields": {
                    "active": {
                      "type": "bool",
                      "id": 1
                    },
                    "scope_match": {
                      "type": "bool",
                      "id": 2
                    },
                    "required_scope": {
                      "type": "string",
                      "id": 3
                    },
                    "session_id": {
                      "type": "string",
                      "id": 4
                    },
                    "agent_id": {
                      "type": "string",
                      "id": 5
                    },
                    "token_id": {
                      "type": "string",
                      "id": 6
                    },
                    "scopes": {
                      "rule": "repeated",
                      "type": "string",
                      "id": 7
                    },
                    "environment": {
                      "type": "string",
                      "id": 8
                    },
                    "expires_at": {
                      "type": "string",
                      "id": 9
                    },
                    "expires_at_unix": {
                      "type": "int64",
                      "id": 10
                    },
                    "request_id": {
                      "type": "string",
                      "id": 11
                    },
                    "error_type": {
                      "type": "string",
                      "id": 12
                    },
                    "error_code": {
                      "type": "string",
                      "id": 13
                    },
                    "error_message": {
                      "type": "string",
                      "id": 14
                    },
                    "vouched_ms": {
                      "type": "int64",
                      "id": 15
                    },
                    "feed_epoch": {
                      "type": "string",
                      "id": 16
                    },
                    "feed_sequence": {
                      "type": "int64",
                      "id": 17
                    }
                  }
                },
                "IntrospectRequest": {
                  "fields": {
                    "token": {
                      "type": "string",
                      "id": 1
                    },
                    "request_id": {
                      "type": "string",
                      "id": 2
                    }
                  }
                },
                "IntrospectResponse": {
                  "fields": {
                    "active": {
                      "type": "bool",
                      "id": 1
                    },
                    "scope": {
                      "type": "string",
                      "id": 2
                    },
                    "client_id": {
                      "type": "string",
                      "id": 3
                    },
                    "sub": {
                      "type": "string",
                      "id": 4
                    },
                    "exp": {
                      "type": "int64",
                      "id": 5
                    },
                    "iat": {
                      "type": "int64",
                      "id": 6
                    },
                    "jti": {
                      "type": "string",
                      "id": 7
                    },
                    "token_type": {
                      "type": "string",
                      "id": 8
                    },
                    "environment": {
                      "type": "string",
                      "id": 9
                    },
                    "request_id": {
                      "type": "string",
                      "id": 10
                    }
                  }
                },
                "Header": {
                  "fields": {
                    "name": {
                      "type": "string",
                      "id": 1
                    },
                    "value": {
                      "type": "string",
                      "id": 2
                    }
                  }
                },
                "CallRequest": {
                  "fields": {
                    "token": {
                      "type": "string",
                      "id": 1
                    },
                    "upstream": {
                      "type": "string",
                      "id": 2
                    },
                    "method": {
                      "type": "string",
                      "id": 3
                    },
                    "path": {
                      "type": "string",
                      "id": 4
                    },
                    "headers": {
                      "rule": "repeated",
                      "type": "Header",
                      "id": 5
                    },
                    "body": {
                      "type": "bytes",
                      "id": 6
                    },
                    "request_id": {
                      "type": "string",
                      "id": 7
                    }
                  }
                },
                "CallResponse": {
                  "fields": {
                    "status": {
                      "type": "uint32",
                      "id": 1
                    },
                    "headers": {
                      "rule": "repeated",
                      "type": "Header",
                      "id": 2
                    },
                    "body": {
                      "type": "bytes",
                      "id": 3
                    },
                    "request_id": {
                      "type": "string",
                      "id": 4
                    },
                    "upstream_ms": {
                      "type": "uint32",
                      "id": 5
                    }
                  }
                },
                "StreamRequest": {
                  "oneofs": {
                    "part": {
                      "oneof": [
                        "head",
                        "body"
                      ]
                    }
                  },
                  "fields": {
                    "head": {
                      "type": "CallRequest",
                      "id": 1
                    },
                    "body": {
                      "type": "bytes",
                      "id": 2
                    }
                  }
                },
                "StreamResponse": {
                  "oneofs": {
                    "part": {
                      "oneof": [
                        "head",
                        "body"
                      ]
                    }
                  },
                  "fields": {
                    "head": {
                      "type": "CallResponse",
                      "id": 1
                    },
                    "body": {
                      "type": "bytes",
                      "id": 2
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

export interface OpenRequest {
  readonly agent_id: string
  readonly purpose: string
  /** Omitted = all declared scopes. */
  readonly requested_scopes: readonly string[]
  readonly environment: string
  /** Seconds; 0 = the configured default. */
  readonly ttl_seconds: number
  readonly request_id: string
}

export interface RefreshRequest {
  readonly session_id: string
  readonly ttl_seconds: number
  readonly request_id: string
}

export interface CloseRequest {
  readonly session_id: string
  readonly request_id: string
}

export interface CloseResponse {
  readonly request_id: string
}

export interface DelegateRequest {
  /** A live token of the parent session. */
  readonly parent_token: string
  /** The agent the child session is for. */
  readonly agent_id: string
  readonly purpose: string
  readonly requested_scopes: readonly string[]
  readonly ttl_seconds: number
  readonly request_id: string
}

export interface SessionToken {
  readonly session_id: string
  readonly agent_id: string
  readonly token: string
  readonly token_id: string
  readonly scopes: readonly string[]
  readonly environment: string
  readonly purpose: string
  /** ISO 8601, UTC, whole seconds. */
  readonly issued_at: string
  readonly expires_at: string
  readonly expires_at_unix: number
  readonly ttl_seconds: number
  /** From here on a refresh is due (80 % of the life). */
  readonly refresh_after_unix: number
  readonly lease_id: string
  readonly request_id: string
}

export interface WatchRequest {
  /** One of the two. */
  readonly session_id: string
  readonly token: string
}

export interface SessionEvent {
  readonly kind: SessionEventKind
  readonly session_id: string
  readonly reason: string
  /** Until when the gateway vouches for the session: milliseconds from the moment this request was sent. The strictest staleness limit of the gateway counted from its own last contact with Vault, so that nobody adds a patience of their own to it. */
  readonly vouched_ms: number
  /** With KIND_LIVE and KIND_CHANGED: how far the gateway has followed Vault's feed. A ValidateResponse with the same feed_epoch and no smaller feed_sequence was judged by all that this gateway knows; after any other, validate again. */
  readonly feed_epoch: string
  readonly feed_sequence: number
}

export type SessionEventKind = 'KIND_UNSPECIFIED' | 'KIND_LIVE' | 'KIND_ENDED' | 'KIND_CHANGED' | 'KIND_VOUCHED'

export interface ValidateRequest {
  readonly token: string
  /** `read:stripe:invoices`; empty = liveness alone. */
  readonly required_scope: string
  readonly request_id: string
}

export interface ValidateResponse {
  readonly active: boolean
  readonly scope_match: boolean
  readonly required_scope: string
  readonly session_id: string
  readonly agent_id: string
  readonly token_id: string
  readonly scopes: readonly string[]
  readonly environment: string
  readonly expires_at: string
  readonly expires_at_unix: number
  /** The request's own where it gave one, else the gateway's. The audit log has both. */
  readonly request_id: string
  /** Set on ValidateStream, where a refusal must not end the stream. */
  readonly error_type: string
  readonly error_code: string
  readonly error_message: string
  /** Until when the answer may be acted on: milliseconds from the moment this request was sent, by the staleness limit of the upstream the scope speaks of. */
  readonly vouched_ms: number
  /** How far the gateway had followed Vault's feed when it judged; see SessionEvent. */
  readonly feed_epoch: string
  readonly feed_sequence: number
}

export interface IntrospectRequest {
  readonly token: string
  readonly request_id: string
}

/** RFC 7662 names. */
export interface IntrospectResponse {
  readonly active: boolean
  readonly scope: string
  readonly client_id: string
  readonly sub: string
  readonly exp: number
  readonly iat: number
  readonly jti: string
  readonly token_type: string
  readonly environment: string
  readonly request_id: string
}

export interface Header {
  readonly name: string
  readonly value: string
}

export interface CallRequest {
  /** The phantom token whose session pays for the call. */
  readonly token: string
  readonly upstream: string
  readonly method: string
  /** Path and query below the upstream's base URL: `/v1/invoices?limit=3`. Locations in answers are spelled the same way. */
  readonly path: string
  readonly headers: readonly Header[]
  readonly body: Uint8Array
  readonly request_id: string
}

export interface CallResponse {
  readonly status: number
  readonly headers: readonly Header[]
  /** Without a content coding: what the upstream sent compressed all the same has been decoded, and no header names the coding. */
  readonly body: Uint8Array
  readonly request_id: string
  /** Milliseconds the upstream took until its response head. */
  readonly upstream_ms: number
}

export interface StreamRequest {
  /** First, once. Its body field is not used. */
  readonly head?: CallRequest
  readonly body?: Uint8Array
  readonly part?: 'head' | 'body'
}

export interface StreamResponse {
  /** First, once. Its body field is not used. */
  readonly head?: CallResponse
  readonly body?: Uint8Array
  readonly part?: 'head' | 'body'
}
