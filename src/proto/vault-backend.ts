// Generated from proto/vault/backend.proto by scripts/generate.mjs. Do not edit.
export const vaultBackend = {
  "nested": {
    "pb": {
      "nested": {
        "Backend": {
          "methods": {
            "Setup": {
              "requestType": "SetupArgs",
              "responseType": "SetupReply"
            },
            "Initialize": {
              "requestType": "InitializeArgs",
              "responseType": "InitializeReply"
            },
            "Type": {
              "requestType": "Empty",
              "responseType": "TypeReply"
            },
            "SpecialPaths": {
              "requestType": "Empty",
              "responseType": "SpecialPathsReply"
            },
            "HandleRequest": {
              "requestType": "HandleRequestArgs",
              "responseType": "HandleRequestReply"
            },
            "HandleExistenceCheck": {
              "requestType": "HandleRequestArgs",
              "responseType": "HandleExistenceCheckReply"
            },
            "InvalidateKey": {
              "requestType": "InvalidateKeyArgs",
              "responseType": "Empty"
            },
            "Cleanup": {
              "requestType": "Empty",
              "responseType": "Empty"
            }
          }
        },
        "Storage": {
          "methods": {
            "List": {
              "requestType": "StorageListArgs",
              "responseType": "StorageListReply"
            },
            "ListPage": {
              "requestType": "StorageListPageArgs",
              "responseType": "StorageListReply"
            },
            "Get": {
              "requestType": "StorageKeyArgs",
              "responseType": "StorageGetReply"
            },
            "Put": {
              "requestType": "StoragePutArgs",
              "responseType": "StorageReply"
            },
            "Delete": {
              "requestType": "StorageKeyArgs",
              "responseType": "StorageReply"
            }
          }
        },
        "SystemView": {
          "methods": {
            "DefaultLeaseTTL": {
              "requestType": "Empty",
              "responseType": "TtlReply"
            },
            "MaxLeaseTTL": {
              "requestType": "Empty",
              "responseType": "TtlReply"
            },
            "Tainted": {
              "requestType": "Empty",
              "responseType": "TaintedReply"
            },
            "ReplicationState": {
              "requestType": "Empty",
              "responseType": "ReplicationStateReply"
            },
            "LocalMount": {
              "requestType": "Empty",
              "responseType": "LocalMountReply"
            }
          }
        },
        "Empty": {
          "fields": {}
        },
        "ProtoError": {
          "fields": {
            "err_type": {
              "type": "uint32",
              "id": 1
            },
            "err_msg": {
              "type": "string",
              "id": 2
            },
            "err_code": {
              "type": "int64",
              "id": 3
            }
          }
        },
        "SetupArgs": {
          "fields": {
            "broker_id": {
              "type": "uint32",
              "id": 1
            },
            "config": {
              "keyType": "string",
              "type": "string",
              "id": 2
            },
            "backend_uuid": {
              "type": "string",
              "id": 3
            }
          }
        },
        "SetupReply": {
          "fields": {
            "err": {
              "type": "string",
              "id": 1
            }
          }
        },
        "InitializeArgs": {
          "fields": {}
        },
        "InitializeReply": {
          "fields": {
            "err": {
              "type": "ProtoError",
              "id": 1
            }
          }
        },
        "TypeReply": {
          "fields": {
            "type": {
              "type": "uint32",
              "id": 1
            }
          }
        },
        "Paths": {
          "fields": {
            "root": {
              "rule": "repeated",
              "type": "string",
              "id": 1
            },
            "unauthenticated": {
              "rule": "repeated",
              "type": "string",
              "id": 2
            }
          }
        },
        "SpecialPathsReply": {
          "fields": {
            "paths": {
              "type": "Paths",
              "id": 1
            }
          }
        },
        "InvalidateKeyArgs": {
          "fields": {
            "key": {
              "type": "string",
              "id": 1
            }
          }
        },
        "HandleRequestArgs": {
          "fields": {
            "request": {
              "type": "Request",
              "id": 2
            }
          }
        },
        "HandleRequestReply": {
          "fields": {
            "response": {
              "type": "Response",
              "id": 1
            },
            "err": {
              "type": "ProtoError",
              "id": 2
            }
          }
        },
        "HandleExistenceCheckReply": {
          "fields": {
            "check_found": {
              "type": "bool",
              "id": 1
            },
            "exists": {
              "type": "bool",
              "id": 2
            },
            "err": {
              "type": "ProtoError",
              "id": 3
            }
          }
        },
        "Request": {
          "fields": {
            "id": {
              "type": "string",
              "id": 1
            },
            "operation": {
              "type": "string",
              "id": 3
            },
            "path": {
              "type": "string",
              "id": 4
            },
            "data": {
              "type": "string",
              "id": 5
            },
            "secret": {
              "type": "Secret",
              "id": 6
            },
            "client_token": {
              "type": "string",
              "id": 9
            },
            "client_token_accessor": {
              "type": "string",
              "id": 10
            },
            "display_name": {
              "type": "string",
              "id": 11
            },
            "mount_point": {
              "type": "string",
              "id": 12
            },
            "wrap_info": {
              "type": "RequestWrapInfo",
              "id": 15
            },
            "entity_id": {
              "type": "string",
              "id": 17
            },
            "connection": {
              "type": "Connection",
              "id": 20
            }
          }
        },
        "Connection": {
          "fields": {
            "remote_addr": {
              "type": "string",
              "id": 1
            }
          }
        },
        "RequestWrapInfo": {
          "fields": {
            "TTL": {
              "type": "int64",
              "id": 1
            }
          }
        },
        "Response": {
          "fields": {
            "secret": {
              "type": "Secret",
              "id": 1
            },
            "data": {
              "type": "string",
              "id": 3
            },
            "warnings": {
              "rule": "repeated",
              "type": "string",
              "id": 5
            }
          }
        },
        "Secret": {
          "fields": {
            "lease_options": {
              "type": "LeaseOptions",
              "id": 1
            },
            "internal_data": {
              "type": "string",
              "id": 2
            },
            "lease_id": {
              "type": "string",
              "id": 3
            }
          }
        },
        "LeaseOptions": {
          "fields": {
            "TTL": {
              "type": "int64",
              "id": 1
            },
            "renewable": {
              "type": "bool",
              "id": 2
            },
            "increment": {
              "type": "int64",
              "id": 3
            },
            "issue_time": {
              "type": "google.protobuf.Timestamp",
              "id": 4
            },
            "MaxTTL": {
              "type": "int64",
              "id": 5
            }
          }
        },
        "StorageEntry": {
          "fields": {
            "key": {
              "type": "string",
              "id": 1
            },
            "value": {
              "type": "bytes",
              "id": 2
            }
          }
        },
        "StorageListArgs": {
          "fields": {
            "prefix": {
              "type": "string",
              "id": 1
            }
          }
        },
        "StorageListPageArgs": {
          "fields": {
            "prefix": {
              "type": "string",
              "id": 1
            },
            "after": {
              "type": "string",
              "id": 2
            },
            "limit": {
              "type": "int32",
              "id": 3
            }
          }
        },
        "StorageListReply": {
          "fields": {
            "keys": {
              "rule": "repeated",
              "type": "string",
              "id": 1
            },
            "err": {
              "type": "string",
              "id": 2
            }
          }
        },
        "StorageKeyArgs": {
          "fields": {
            "key": {
              "type": "string",
              "id": 1
            }
          }
        },
        "StorageGetReply": {
          "fields": {
            "entry": {
              "type": "StorageEntry",
              "id": 1
            },
            "err": {
              "type": "string",
              "id": 2
            }
          }
        },
        "StoragePutArgs": {
          "fields": {
            "entry": {
              "type": "StorageEntry",
              "id": 1
            }
          }
        },
        "StorageReply": {
          "fields": {
            "err": {
              "type": "string",
              "id": 1
            }
          }
        },
        "TtlReply": {
          "fields": {
            "TTL": {
              "type": "int64",
              "id": 1
            }
          }
        },
        "TaintedReply": {
          "fields": {
            "tainted": {
              "type": "bool",
              "id": 1
            }
          }
        },
        "ReplicationStateReply": {
          "fields": {
            "state": {
              "type": "int32",
              "id": 1
            }
          }
        },
        "LocalMountReply": {
          "fields": {
            "local": {
              "type": "bool",
              "id": 1
            }
          }
        }
      }
    },
    "google": {
      "nested": {
        "protobuf": {
          "nested": {
            "Timestamp": {
              "fields": {
                "seconds": {
                  "type": "int64",
                  "id": 1
                },
                "nanos": {
                  "type": "int32",
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

export interface Empty {
}

/** err_type: 0 unknown, 1 user, 2 internal, 3 coded (err_code is the HTTP status), 4 bad request, 5 unsupported operation, 6 unsupported path, 7 invalid request, 8 permission denied, 10 unrecoverable. Servers replace the text of 5 to 10 by their own. */
export interface ProtoError {
  readonly err_type: number
  readonly err_msg: string
  readonly err_code: string | number
}

export interface SetupArgs {
  readonly broker_id: number
  /** Options of the mount, and plugin_name, plugin_type, plugin_version. */
  readonly config: Readonly<Record<string, string>>
  /** Stable for the life of the mount; empty when the plugin is only being registered. */
  readonly backend_uuid: string
}

export interface SetupReply {
  readonly err: string
}

export interface InitializeArgs {
}

export interface InitializeReply {
  readonly err: ProtoError | null
}

export interface TypeReply {
  /** 1 secrets, 2 auth */
  readonly type: number
}

export interface Paths {
  readonly root: readonly string[]
  readonly unauthenticated: readonly string[]
}

export interface SpecialPathsReply {
  readonly paths: Paths | null
}

export interface InvalidateKeyArgs {
  /** As in Storage. */
  readonly key: string
}

export interface HandleRequestArgs {
  readonly request: Request | null
}

export interface HandleRequestReply {
  /** Absent: there is nothing to answer. */
  readonly response: Response | null
  readonly err: ProtoError | null
}

export interface HandleExistenceCheckReply {
  /** False: the path has no such question. */
  readonly check_found: boolean
  readonly exists: boolean
  readonly err: ProtoError | null
}

export interface Request {
  readonly id: string
  readonly operation: string
  readonly path: string
  /** A JSON object, or null. */
  readonly data: string
  /** On renew and revoke. */
  readonly secret: Secret | null
  /** Salted hash of the token. */
  readonly client_token: string
  readonly client_token_accessor: string
  readonly display_name: string
  /** With the path of its namespace. */
  readonly mount_point: string
  readonly wrap_info: RequestWrapInfo | null
  readonly entity_id: string
  readonly connection: Connection | null
}

export interface Connection {
  readonly remote_addr: string
}

export interface RequestWrapInfo {
  /** Nanoseconds. */
  readonly TTL: string | number
}

export interface Response {
  /** Present: the server registers a lease. */
  readonly secret: Secret | null
  /** Valid JSON, even if there is nothing to say: servers refuse an empty text. */
  readonly data: string
  readonly warnings: readonly string[]
}

export interface Secret {
  readonly lease_options: LeaseOptions | null
  /** Valid JSON, as data. */
  readonly internal_data: string
  readonly lease_id: string
}

export interface LeaseOptions {
  /** Nanoseconds, as increment and MaxTTL. */
  readonly TTL: string | number
  readonly renewable: boolean
  readonly increment: string | number
  /** Year 1 stands for none. Servers refuse an absent one. */
  readonly issue_time: Timestamp | null
  readonly MaxTTL: string | number
}

export interface StorageEntry {
  readonly key: string
  readonly value: Uint8Array
}

export interface StorageListArgs {
  readonly prefix: string
}

export interface StorageListPageArgs {
  readonly prefix: string
  readonly after: string
  /** Not positive: all. */
  readonly limit: number
}

export interface StorageListReply {
  readonly keys: readonly string[]
  readonly err: string
}

export interface StorageKeyArgs {
  readonly key: string
}

export interface StorageGetReply {
  /** Absent: nothing is stored there. */
  readonly entry: StorageEntry | null
  readonly err: string
}

export interface StoragePutArgs {
  readonly entry: StorageEntry | null
}

export interface StorageReply {
  readonly err: string
}

export interface TtlReply {
  /** Nanoseconds. */
  readonly TTL: string | number
}

export interface TaintedReply {
  readonly tainted: boolean
}

export interface ReplicationStateReply {
  /** A bit mask. */
  readonly state: number
}

export interface LocalMountReply {
  readonly local: boolean
}

export interface Timestamp {
  readonly seconds: string | number
  readonly nanos: number
}
