// Generated from proto/mcp/gateway/v1/gateway.proto by scripts/generate.mjs. Do not edit.
export const gatewayV1 = {
  "nested": {
    "mcp": {
      "nested": {
        "gateway": {
          "nested": {
            "v1": {
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
                    }
                  },
                  "nested": {
                    "Kind": {
                      "values": {
                        "KIND_UNSPECIFIED": 0,
                        "KIND_LIVE": 1,
                        "KIND_ENDED": 2,
                        "KIND_CHANGED": 3
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
