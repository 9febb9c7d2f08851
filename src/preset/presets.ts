// Generated from vault-config/presets by scripts/generate.mjs. Do not edit.
import type { Preset } from './schema.ts'

export const presets: readonly Preset[] = [
  {
    "name": "anthropic",
    "version": 2,
    "reviewed": "2026-12-01",
    "title": "Claude API",
    "notes": [
      "anthropic-workspace-id chooses for which workspace the key acts, so callers may not send it.",
      "Messages are metered; limits of spending are set in the Console, for the workspace of the key."
    ],
    "sources": [
      "https://docs.claude.com/en/api/overview",
      "https://docs.claude.com/en/api/versioning",
      "https://docs.claude.com/en/api/errors"
    ],
    "variables": {},
    "upstream": {
      "url": "https://api.anthropic.com",
      "auth": "header:x-api-key",
      "token_alias": "sk-ant-",
      "response_headers": [
        "anthropic-organization-id"
      ],
      "timeout": 600,
      "max_request_bytes": 33554432
    },
    "secret": {
      "api_key": {
        "description": "an API key of one workspace",
        "where": "https://platform.claude.com/settings/keys",
        "example": "sk-ant-example-not-a-key",
        "prefix": [
          "sk-ant-"
        ]
      }
    },
    "mcp_origins": [
      "https://api.anthropic.com"
    ],
    "tools": [
      {
        "name": "models",
        "description": "List models",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/models",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/models/{model_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "messages",
        "description": "Ask a model; costs money for each token; a server tool in a request can reach the internet",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/messages",
            "capability": "create"
          }
        ]
      },
      {
        "name": "token-counts",
        "description": "Count the tokens of a message without asking a model",
        "risk": "low",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/messages/count_tokens",
            "capability": "read"
          }
        ]
      },
      {
        "name": "batches",
        "description": "Read batches of messages and their results, also those of other users of the workspace",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/messages/batches",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/messages/batches/{message_batch_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/messages/batches/{message_batch_id}/results",
            "capability": "read"
          }
        ]
      },
      {
        "name": "batches/write",
        "description": "Start and cancel batches of messages, which cost money",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/messages/batches",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/v1/messages/batches/{message_batch_id}/cancel",
            "capability": "update"
          }
        ]
      },
      {
        "name": "files",
        "description": "Read the workspace's files",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/files",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/files/{file_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/files/{file_id}/content",
            "capability": "read"
          }
        ]
      },
      {
        "name": "files/write",
        "description": "Upload files",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/files",
            "capability": "create"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/v1/models",
      "tool": "models",
      "headers": {
        "anthropic-version": "2023-06-01"
      }
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@anthropic-ai/sdk",
        "change": "new Anthropic({ apiKey: process.env.MCP_SESSION_TOKEN, baseURL: '{{gateway}}/u/anthropic' })"
      },
      {
        "language": "Python",
        "package": "anthropic",
        "change": "Anthropic(api_key=os.environ['MCP_SESSION_TOKEN'], base_url='{{gateway}}/u/anthropic')"
      }
    ]
  },
  {
    "name": "aws-s3",
    "version": 1,
    "reviewed": "2026-12-01",
    "title": "Amazon S3",
    "notes": [
      "Keys that end with a slash, which tools show as folders, are covered; keys with an empty part (a//b) are refused.",
      "A part (Range) of an object that is stored with a Content-Encoding is refused, because nothing can be looked for in it: take the whole, with a multipart_threshold of the AWS CLI above its size.",
      "Clients must be told to use path-style URLs (forcePathStyle): a bucket as a part of the host name does not reach the gateway.",
      "What a request does depends on its query: the tools let the parameters of theirs pass, so that ?acl, ?policy and the like are refused. DELETE /bucket/key aborts an upload or deletes the object: it is one tool, of high risk.",
      "x-amz-copy-source reads another object, x-amz-acl opens one to others and x-amz-request-payer chooses who is billed: callers may not send them. The tools cover every bucket the key may use: limit the key in IAM, or write tools of your own that name the bucket."
    ],
    "sources": [
      "https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html",
      "https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html",
      "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
      "https://docs.aws.amazon.com/general/latest/gr/s3.html"
    ],
    "variables": {
      "region": {
        "description": "Region of the buckets",
        "example": "eu-central-1",
        "pattern": "^[a-z]{2,4}(-[a-z]+)+-[0-9]$",
        "default": null
      }
    },
    "upstream": {
      "url": "https://s3.{{region}}.amazonaws.com",
      "auth": "aws_sigv4:s3/{{region}}",
      "token_alias": "AKIA",
      "request_headers": {
        "x-amz-expected-bucket-owner": [
          "*"
        ],
        "x-amz-optional-object-attributes": [
          "RestoreStatus"
        ],
        "x-amz-server-side-encryption": [
          "AES256",
          "aws:kms"
        ],
        "x-amz-mp-object-size": [
          "*"
        ]
      },
      "response_headers": [
        "x-amz-server-side-encryption",
        "x-amz-restore",
        "x-amz-missing-meta",
        "x-amz-replication-status",
        "x-amz-tagging-count",
        "x-amz-abort-date",
        "x-amz-object-lock-mode"
      ],
      "allow_range": true,
      "error_format": "xml",
      "max_request_bytes": 104857600
    },
    "secret": {
      "access_key_id": {
        "description": "the access key id of an IAM user of its own",
        "where": "https://console.aws.amazon.com/iam/home#/users",
        "example": "AKIAEXAMPLENOTAKEY00",
        "prefix": [
          "AKIA"
        ]
      },
      "secret_access_key": {
        "description": "the secret access key that belongs to it",
        "where": "https://console.aws.amazon.com/iam/home#/users",
        "example": "example/not/a/key/0000000000000000000000"
      }
    },
    "mcp_origins": [
      "https://s3.{{region}}.amazonaws.com"
    ],
    "tools": [
      {
        "name": "buckets",
        "description": "List buckets",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/",
            "capability": "read",
            "parameters": [
              "x-id",
              "max-buckets",
              "continuation-token",
              "prefix",
              "bucket-region"
            ]
          },
          {
            "method": "HEAD",
            "path": "/{bucket}",
            "capability": "read",
            "parameters": []
          },
          {
            "method": "HEAD",
            "path": "/{bucket}/",
            "capability": "read",
            "parameters": []
          }
        ]
      },
      {
        "name": "objects",
        "description": "List and read objects",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/{bucket}",
            "capability": "read",
            "parameters": [
              "list-type",
              "prefix",
              "delimiter",
              "continuation-token",
              "start-after",
              "marker",
              "max-keys",
              "encoding-type",
              "fetch-owner",
              "x-id"
            ]
          },
          {
            "method": "GET",
            "path": "/{bucket}/",
            "capability": "read",
            "parameters": [
              "list-type",
              "prefix",
              "delimiter",
              "continuation-token",
              "start-after",
              "marker",
              "max-keys",
              "encoding-type",
              "fetch-owner",
              "x-id"
            ]
          },
          {
            "method": "GET",
            "path": "/{bucket}/{key...}",
            "capability": "read",
            "parameters": [
              "x-id",
              "versionId",
              "partNumber",
              "response-cache-control",
              "response-content-disposition",
              "response-content-encoding",
              "response-content-language",
              "response-content-type",
              "response-expires"
            ]
          },
          {
            "method": "GET",
            "path": "/{bucket}/{key...}/",
            "capability": "read",
            "parameters": [
              "x-id",
              "versionId",
              "partNumber",
              "response-cache-control",
              "response-content-disposition",
              "response-content-encoding",
              "response-content-language",
              "response-content-type",
              "response-expires"
            ]
          },
          {
            "method": "HEAD",
            "path": "/{bucket}/{key...}",
            "capability": "read",
            "parameters": [
              "x-id",
              "versionId",
              "partNumber",
              "response-cache-control",
              "response-content-disposition",
              "response-content-encoding",
              "response-content-language",
              "response-content-type",
              "response-expires"
            ]
          },
          {
            "method": "HEAD",
            "path": "/{bucket}/{key...}/",
            "capability": "read",
            "parameters": [
              "x-id",
              "versionId",
              "partNumber",
              "response-cache-control",
              "response-content-disposition",
              "response-content-encoding",
              "response-content-language",
              "response-content-type",
              "response-expires"
            ]
          }
        ]
      },
      {
        "name": "objects/write",
        "description": "Write objects, in one piece or in parts; an object that was there is overwritten",
        "risk": "high",
        "operations": [
          {
            "method": "PUT",
            "path": "/{bucket}/{key...}",
            "capability": "update",
            "parameters": [
              "x-id",
              "partNumber",
              "uploadId"
            ]
          },
          {
            "method": "PUT",
            "path": "/{bucket}/{key...}/",
            "capability": "update",
            "parameters": [
              "x-id",
              "partNumber",
              "uploadId"
            ]
          },
          {
            "method": "POST",
            "path": "/{bucket}/{key...}",
            "capability": "create",
            "parameters": [
              "x-id",
              "uploads",
              "uploadId"
            ]
          }
        ]
      },
      {
        "name": "objects/delete",
        "description": "Delete objects, and abort uploads",
        "risk": "high",
        "operations": [
          {
            "method": "DELETE",
            "path": "/{bucket}/{key...}",
            "capability": "delete",
            "parameters": [
              "x-id",
              "versionId",
              "uploadId"
            ]
          },
          {
            "method": "DELETE",
            "path": "/{bucket}/{key...}/",
            "capability": "delete",
            "parameters": [
              "x-id",
              "versionId",
              "uploadId"
            ]
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/?x-id=ListBuckets",
      "tool": "buckets"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@aws-sdk/client-s3",
        "change": "new S3Client({ region: '{{region}}', endpoint: '{{gateway}}/u/aws-s3', forcePathStyle: true, credentials: { accessKeyId: process.env.MCP_SESSION_TOKEN, secretAccessKey: 'none' } })"
      },
      {
        "language": "Python",
        "package": "boto3",
        "change": "boto3.client('s3', region_name='{{region}}', endpoint_url='{{gateway}}/u/aws-s3', aws_access_key_id=os.environ['MCP_SESSION_TOKEN'], aws_secret_access_key='none')"
      }
    ]
  },
  {
    "name": "datadog",
    "version": 3,
    "reviewed": "2026-12-01",
    "title": "Datadog API",
    "notes": [
      "The application key may do what its owner may: make one for a service account, with the scopes of the tools you use."
    ],
    "sources": [
      "https://docs.datadoghq.com/api/latest/authentication/",
      "https://docs.datadoghq.com/getting_started/site/",
      "https://docs.datadoghq.com/api/latest/logs/",
      "https://docs.datadoghq.com/api/latest/monitors/"
    ],
    "variables": {
      "site": {
        "description": "Datadog site, as in app.<site>",
        "example": "datadoghq.eu",
        "pattern": "^[a-z0-9.-]+$",
        "default": "datadoghq.com"
      }
    },
    "upstream": {
      "url": "https://api.{{site}}",
      "auth": "header:DD-API-KEY={api_key},header:DD-APPLICATION-KEY={app_key}"
    },
    "secret": {
      "api_key": {
        "description": "the organization's API key",
        "where": "https://docs.datadoghq.com/account_management/api-app-keys/",
        "example": "00000000000000000000example00key"
      },
      "app_key": {
        "description": "an application key with as few scopes as the agent needs",
        "where": "https://docs.datadoghq.com/account_management/api-app-keys/",
        "example": "000000000000000000000000000000example0key"
      }
    },
    "mcp_origins": [
      "https://api.{{site}}"
    ],
    "tools": [
      {
        "name": "validate",
        "description": "Whether the API key works",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v1/validate",
            "capability": "read"
          }
        ]
      },
      {
        "name": "monitors",
        "description": "Read monitors and their state",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v1/monitor",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v1/monitor/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v1/monitor/groups/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v1/monitor/{monitor_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "monitors/write",
        "description": "Create and change monitors: what is muted is not noticed",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/api/v1/monitor",
            "capability": "create"
          },
          {
            "method": "PUT",
            "path": "/api/v1/monitor/{monitor_id}",
            "capability": "update"
          }
        ]
      },
      {
        "name": "dashboards",
        "description": "Read dashboards",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v1/dashboard",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v1/dashboard/{dashboard_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "metrics",
        "description": "Query metrics; a query may be a POST that changes nothing",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v1/query",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v1/metrics",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v2/metrics",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/v2/query/timeseries",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/v2/query/scalar",
            "capability": "read"
          }
        ]
      },
      {
        "name": "logs",
        "description": "Search logs, which may hold personal data; a search may be a POST that changes nothing",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v2/logs/events",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/v2/logs/events/search",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/v2/logs/analytics/aggregate",
            "capability": "read"
          }
        ]
      },
      {
        "name": "events",
        "description": "Read events",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v2/events",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/v2/events/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v1/events/{event_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "events/write",
        "description": "Post events",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/api/v1/events",
            "capability": "create"
          }
        ]
      },
      {
        "name": "incidents",
        "description": "Read incidents",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v2/incidents",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v2/incidents/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v2/incidents/{incident_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "hosts",
        "description": "Read hosts",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v1/hosts",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v1/hosts/totals",
            "capability": "read"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/api/v1/validate",
      "tool": "validate"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@datadog/datadog-api-client",
        "change": "client.createConfiguration({ authMethods: { apiKeyAuth: process.env.MCP_SESSION_TOKEN, appKeyAuth: process.env.MCP_SESSION_TOKEN }, baseServer: new client.BaseServerConfiguration('{{gateway}}/u/datadog', {}) })"
      },
      {
        "language": "Python",
        "package": "datadog",
        "change": "initialize(api_key=os.environ['MCP_SESSION_TOKEN'], app_key=os.environ['MCP_SESSION_TOKEN'], api_host='{{gateway}}/u/datadog')"
      }
    ]
  },
  {
    "name": "discord",
    "version": 2,
    "reviewed": "2026-12-01",
    "title": "Discord API, as a bot",
    "notes": [
      "X-Audit-Log-Reason is a text for the audit log of the server and may hold anything. Moderation (bans, kicks, roles) is left out."
    ],
    "sources": [
      "https://discord.com/developers/docs/reference",
      "https://discord.com/developers/docs/topics/rate-limits",
      "https://discord.com/developers/docs/resources/message"
    ],
    "variables": {},
    "upstream": {
      "url": "https://discord.com",
      "auth": "header:Authorization=Bot {api_key}",
      "request_headers": {
        "X-Audit-Log-Reason": [
          "*"
        ]
      }
    },
    "secret": {
      "api_key": {
        "description": "the bot's token, without the word Bot",
        "where": "https://discord.com/developers/applications",
        "example": "example.not.a-key"
      }
    },
    "mcp_origins": [
      "https://discord.com"
    ],
    "tools": [
      {
        "name": "me",
        "description": "Who the bot is, and in which servers",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v{version}/users/@me",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v{version}/users/@me/guilds",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v{version}/gateway/bot",
            "capability": "read"
          }
        ]
      },
      {
        "name": "guilds",
        "description": "Read servers, their channels and roles",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v{version}/guilds/{guild_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v{version}/guilds/{guild_id}/channels",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v{version}/guilds/{guild_id}/roles",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v{version}/guilds/{guild_id}/threads/active",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v{version}/channels/{channel_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "members",
        "description": "Read members of a server",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v{version}/guilds/{guild_id}/members",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v{version}/guilds/{guild_id}/members/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v{version}/guilds/{guild_id}/members/{user_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "messages",
        "description": "Read what was said",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v{version}/channels/{channel_id}/messages",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v{version}/channels/{channel_id}/messages/{message_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v{version}/channels/{channel_id}/messages/pins",
            "capability": "read"
          }
        ]
      },
      {
        "name": "messages/write",
        "description": "Say something, react, open a thread; it is seen by people at once",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/api/v{version}/channels/{channel_id}/messages",
            "capability": "create"
          },
          {
            "method": "PATCH",
            "path": "/api/v{version}/channels/{channel_id}/messages/{message_id}",
            "capability": "update"
          },
          {
            "method": "PUT",
            "path": "/api/v{version}/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/api/v{version}/channels/{channel_id}/typing",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/api/v{version}/channels/{channel_id}/threads",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/api/v{version}/channels/{channel_id}/messages/{message_id}/threads",
            "capability": "create"
          }
        ]
      },
      {
        "name": "messages/delete",
        "description": "Delete messages, those of others included",
        "risk": "high",
        "operations": [
          {
            "method": "DELETE",
            "path": "/api/v{version}/channels/{channel_id}/messages/{message_id}",
            "capability": "delete"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/api/v10/users/@me",
      "tool": "me",
      "headers": {
        "User-Agent": "DiscordBot (https://acme.example, 1)"
      }
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@discordjs/rest",
        "change": "new REST({ api: '{{gateway}}/u/discord/api' }).setToken(process.env.MCP_SESSION_TOKEN)"
      },
      {
        "language": "Python",
        "package": "discord.py",
        "change": "discord.http.Route.BASE = '{{gateway}}/u/discord/api/v10'"
      }
    ]
  },
  {
    "name": "elasticsearch",
    "version": 4,
    "reviewed": "2026-12-01",
    "title": "Elasticsearch",
    "notes": [
      "es-security-runas-user chooses on whose behalf the key acts, so callers may not send it.",
      "_mget takes ids of the index in its path, and no docs, each of which may name another one. An index in a path may be a pattern or a list, a search may look up terms in another index, and each line of a bulk body names an index and an action of its own: limit the API key to the indices and privileges the agent needs (role_descriptors)."
    ],
    "sources": [
      "https://www.elastic.co/docs/api/doc/elasticsearch/authentication",
      "https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results",
      "https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search"
    ],
    "variables": {
      "host": {
        "description": "Host and port of the cluster",
        "example": "my-cluster.es.eu-central-1.aws.cloud.es.io:9243",
        "pattern": "^[a-z0-9.-]+(:[0-9]+)?$",
        "default": null
      }
    },
    "upstream": {
      "url": "https://{{host}}",
      "auth": "header:Authorization=ApiKey {api_key}",
      "error_format": "elasticsearch",
      "encoded_slash": "data",
      "max_request_bytes": 104857600
    },
    "secret": {
      "api_key": {
        "description": "an API key in its encoded form, limited to the indices and privileges the agent needs",
        "where": "https://www.elastic.co/docs/deploy-manage/api-keys/elasticsearch-api-keys",
        "example": "ZXhhbXBsZTpub3QtYS1rZXk="
      }
    },
    "mcp_origins": [
      "https://{{host}}"
    ],
    "tools": [
      {
        "name": "info",
        "description": "Version and health of the cluster",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/",
            "capability": "read"
          },
          {
            "method": "HEAD",
            "path": "/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/_cluster/health",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/_cat/indices",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/_security/_authenticate",
            "capability": "read"
          }
        ]
      },
      {
        "name": "search",
        "description": "Search and count; a search may be a GET with a body, or a POST that changes nothing",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/{index}/_search",
            "capability": "read",
            "body": true
          },
          {
            "method": "POST",
            "path": "/{index}/_search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/{index}/_count",
            "capability": "read",
            "body": true
          },
          {
            "method": "POST",
            "path": "/{index}/_count",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/_search/scroll",
            "capability": "read"
          },
          {
            "method": "DELETE",
            "path": "/_search/scroll",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/{index}/_field_caps",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/{index}/_mapping",
            "capability": "read"
          }
        ]
      },
      {
        "name": "documents",
        "description": "Read documents by id",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/{index}/_doc/{id}",
            "capability": "read"
          },
          {
            "method": "HEAD",
            "path": "/{index}/_doc/{id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/{index}/_source/{id}",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/{index}/_mget",
            "capability": "read",
            "denied_parameters": [
              "docs",
              "source",
              "source_content_type"
            ]
          }
        ]
      },
      {
        "name": "documents/write",
        "description": "Index and update documents",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/{index}/_doc",
            "capability": "create"
          },
          {
            "method": "PUT",
            "path": "/{index}/_doc/{id}",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/{index}/_doc/{id}",
            "capability": "create"
          },
          {
            "method": "PUT",
            "path": "/{index}/_create/{id}",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/{index}/_create/{id}",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/{index}/_update/{id}",
            "capability": "update"
          }
        ]
      },
      {
        "name": "bulk",
        "description": "Index, update and delete many documents at once, of other indices too",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/{index}/_bulk",
            "capability": "update"
          },
          {
            "method": "PUT",
            "path": "/{index}/_bulk",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/_bulk",
            "capability": "update"
          },
          {
            "method": "PUT",
            "path": "/_bulk",
            "capability": "update"
          }
        ]
      },
      {
        "name": "documents/delete",
        "description": "Delete documents",
        "risk": "high",
        "operations": [
          {
            "method": "DELETE",
            "path": "/{index}/_doc/{id}",
            "capability": "delete"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/_security/_authenticate",
      "tool": "info"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@elastic/elasticsearch",
        "change": "new Client({ node: '{{gateway}}/u/elasticsearch', auth: { apiKey: process.env.MCP_SESSION_TOKEN } })"
      },
      {
        "language": "Python",
        "package": "elasticsearch",
        "change": "Elasticsearch('{{gateway}}/u/elasticsearch', api_key=os.environ['MCP_SESSION_TOKEN'])"
      }
    ]
  },
  {
    "name": "github",
    "version": 3,
    "reviewed": "2026-12-01",
    "title": "GitHub REST API",
    "notes": [
      "What follows a branch's name in a path cannot be told from a name with slashes, /branches/release/1 from /branches/main/protection: repos has branches whose names have none, the tool branches all of them with their protection.",
      "Links to further pages name repositories by number (/repositories/{repository_id}/...): tools of your own need those paths, too.",
      "Merging, deleting, and everything about keys, secrets, members and settings is left out."
    ],
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
            "path": "/repos/{owner}/{repo}/branches/{branch}",
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
          },
          {
            "method": "GET",
            "path": "/organizations/{organization_id}/repos",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/user/{account_id}/repos",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/branches",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/tags",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/releases",
            "capability": "read"
          }
        ]
      },
      {
        "name": "branches",
        "description": "A branch by any name, with slashes too, and with it its protection rules",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/repos/{owner}/{repo}/branches/{branch...}",
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
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/commits",
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
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/issues",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/issues/{issue_number}/comments",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/issues/comments",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/labels",
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
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/pulls",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/pulls/{pull_number}/commits",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/pulls/{pull_number}/files",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/pulls/{pull_number}/reviews",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/pulls/{pull_number}/comments",
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
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/actions/workflows",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/actions/runs",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/repositories/{repository_id}/actions/runs/{run_id}/jobs",
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
    "name": "gitlab",
    "version": 3,
    "reviewed": "2026-12-01",
    "title": "GitLab REST API",
    "notes": [
      "Sudo chooses on whose behalf an administrator's token acts, so callers may not send it as a header. GitLab takes it as a parameter sudo of query and body, too: use no token with the scope sudo.",
      "An issue's or file's path may hold %2F (group%2Fproject, src%2Fmain.ts): it is passed on as data."
    ],
    "sources": [
      "https://docs.gitlab.com/api/rest/",
      "https://docs.gitlab.com/api/rest/authentication/",
      "https://docs.gitlab.com/api/issues/",
      "https://docs.gitlab.com/api/merge_requests/"
    ],
    "variables": {
      "host": {
        "description": "Host of the GitLab instance",
        "example": "gitlab.example.com",
        "pattern": "^[a-z0-9.-]+(:[0-9]+)?$",
        "default": "gitlab.com"
      }
    },
    "upstream": {
      "url": "https://{{host}}",
      "auth": "header:PRIVATE-TOKEN",
      "response_headers": [
        "X-Gitlab-Blob-Id",
        "X-Gitlab-Commit-Id",
        "X-Gitlab-Content-Sha256",
        "X-Gitlab-Encoding",
        "X-Gitlab-File-Name",
        "X-Gitlab-File-Path",
        "X-Gitlab-Last-Commit-Id",
        "X-Gitlab-Ref",
        "X-Gitlab-Size"
      ],
      "encoded_slash": "data"
    },
    "secret": {
      "api_key": {
        "description": "a personal, group or project access token; read_api is enough for the tools that read",
        "where": "https://gitlab.com/-/user_settings/personal_access_tokens",
        "example": "glpat-example-not-a-key",
        "prefix": [
          "glpat-"
        ]
      }
    },
    "mcp_origins": [
      "https://{{host}}"
    ],
    "tools": [
      {
        "name": "user",
        "description": "Who the token belongs to",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v4/user",
            "capability": "read"
          }
        ]
      },
      {
        "name": "projects",
        "description": "Find and read projects",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v4/projects",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/groups/{id}/projects",
            "capability": "read"
          }
        ]
      },
      {
        "name": "repository",
        "description": "Read files, branches and commits",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/repository/tree",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/repository/files/{file_path}",
            "capability": "read"
          },
          {
            "method": "HEAD",
            "path": "/api/v4/projects/{id}/repository/files/{file_path}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/repository/files/{file_path}/raw",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/repository/branches",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/repository/branches/{branch}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/repository/commits",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/repository/commits/{sha}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/repository/compare",
            "capability": "read"
          }
        ]
      },
      {
        "name": "repository/write",
        "description": "Create branches, and commit files: pipelines may run what is committed",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/api/v4/projects/{id}/repository/branches",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/api/v4/projects/{id}/repository/commits",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/api/v4/projects/{id}/repository/files/{file_path}",
            "capability": "create"
          },
          {
            "method": "PUT",
            "path": "/api/v4/projects/{id}/repository/files/{file_path}",
            "capability": "update"
          }
        ]
      },
      {
        "name": "issues",
        "description": "Read issues and their comments",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v4/issues",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/issues",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/issues/{issue_iid}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/issues/{issue_iid}/notes",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/issues/{issue_iid}/discussions",
            "capability": "read"
          }
        ]
      },
      {
        "name": "issues/write",
        "description": "Create and change issues, and comment on them",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/api/v4/projects/{id}/issues",
            "capability": "create"
          },
          {
            "method": "PUT",
            "path": "/api/v4/projects/{id}/issues/{issue_iid}",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/api/v4/projects/{id}/issues/{issue_iid}/notes",
            "capability": "create"
          }
        ]
      },
      {
        "name": "merge-requests",
        "description": "Read merge requests, their changes and comments",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/merge_requests",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/merge_requests/{merge_request_iid}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/merge_requests/{merge_request_iid}/diffs",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/merge_requests/{merge_request_iid}/notes",
            "capability": "read"
          }
        ]
      },
      {
        "name": "merge-requests/write",
        "description": "Open and change merge requests, and comment on them; merging is another tool",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/api/v4/projects/{id}/merge_requests",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/api/v4/projects/{id}/merge_requests/{merge_request_iid}/notes",
            "capability": "create"
          }
        ]
      },
      {
        "name": "merge-requests/merge",
        "description": "Merge: what is merged may be deployed",
        "risk": "high",
        "operations": [
          {
            "method": "PUT",
            "path": "/api/v4/projects/{id}/merge_requests/{merge_request_iid}/merge",
            "capability": "update"
          }
        ]
      },
      {
        "name": "pipelines",
        "description": "Read pipelines, jobs and their logs",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/pipelines",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/pipelines/{pipeline_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/pipelines/{pipeline_id}/jobs",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/jobs/{job_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/v4/projects/{id}/jobs/{job_id}/trace",
            "capability": "read"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/api/v4/user",
      "tool": "user"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@gitbeaker/rest",
        "change": "new Gitlab({ host: '{{gateway}}/u/gitlab', token: process.env.MCP_SESSION_TOKEN })"
      },
      {
        "language": "Python",
        "package": "python-gitlab",
        "change": "gitlab.Gitlab('{{gateway}}/u/gitlab', private_token=os.environ['MCP_SESSION_TOKEN'])"
      }
    ]
  },
  {
    "name": "google",
    "version": 3,
    "reviewed": "2026-12-01",
    "title": "Google Drive and Calendar",
    "notes": [
      "Both fields of the key stand in the key file that Google gives out: mcp-vault add google - < key.json.",
      "A service account sees the files and calendars that are shared with its address. To act for people of your domain, write the upstream's auth with ;subject=<address> at its end, and consent to it.",
      "Tokens are exchanged for the scopes drive.readonly and calendar.readonly: Google itself refuses every change.",
      "Gmail is at gmail.googleapis.com, another origin, and needs a subject: make an upstream of its own for it.",
      "X-Goog-User-Project chooses which project is billed, so callers may not send it."
    ],
    "sources": [
      "https://developers.google.com/workspace/drive/api/reference/rest/v3",
      "https://developers.google.com/workspace/calendar/api/v3/reference",
      "https://developers.google.com/identity/protocols/oauth2/service-account"
    ],
    "variables": {},
    "upstream": {
      "url": "https://www.googleapis.com",
      "auth": "google_service_account:https://www.googleapis.com/auth/drive.readonly https://www.googleapis.com/auth/calendar.readonly",
      "allow_range": true
    },
    "secret": {
      "client_email": {
        "description": "the service account's address, client_email in its key file",
        "where": "https://console.cloud.google.com/iam-admin/serviceaccounts",
        "example": "robot@my-project.iam.gserviceaccount.com"
      },
      "private_key": {
        "description": "the service account's key, private_key in its key file",
        "where": "https://console.cloud.google.com/iam-admin/serviceaccounts",
        "example": "-----BEGIN PRIVATE KEY----- example, not a key -----END PRIVATE KEY-----",
        "prefix": [
          "-----BEGIN PRIVATE KEY-----"
        ]
      }
    },
    "mcp_origins": [
      "https://www.googleapis.com",
      "https://oauth2.googleapis.com"
    ],
    "tools": [
      {
        "name": "about",
        "description": "Who the service account is, and how much it stores",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/drive/v3/about",
            "capability": "read",
            "parameters": [
              "fields"
            ]
          }
        ]
      },
      {
        "name": "files",
        "description": "Find and read files of Drive",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/drive/v3/files",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/drive/v3/files/{file_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/drive/v3/files/{file_id}/export",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/drive/v3/drives",
            "capability": "read"
          }
        ]
      },
      {
        "name": "comments",
        "description": "Read comments on files",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/drive/v3/files/{file_id}/comments",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/drive/v3/files/{file_id}/comments/{comment_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "calendars",
        "description": "List calendars",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/calendar/v3/users/me/calendarList",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/calendar/v3/calendars/{calendar_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "events",
        "description": "Read appointments",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/calendar/v3/calendars/{calendar_id}/events",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/calendar/v3/calendars/{calendar_id}/events/{event_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/calendar/v3/calendars/{calendar_id}/events/{event_id}/instances",
            "capability": "read"
          }
        ]
      },
      {
        "name": "free-busy",
        "description": "When people have time; a POST that changes nothing",
        "risk": "low",
        "operations": [
          {
            "method": "POST",
            "path": "/calendar/v3/freeBusy",
            "capability": "read"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/drive/v3/about?fields=user",
      "tool": "about"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@googleapis/drive",
        "change": "drive({ version: 'v3', rootUrl: '{{listener}}/', headers: { Authorization: `Bearer ${process.env.MCP_SESSION_TOKEN}` } })"
      },
      {
        "language": "Python",
        "package": "google-api-python-client",
        "change": "build('drive', 'v3', credentials=Credentials(os.environ['MCP_SESSION_TOKEN']), client_options={'api_endpoint': '{{gateway}}/u/google/drive/v3/'})"
      }
    ]
  },
  {
    "name": "hubspot",
    "version": 3,
    "reviewed": "2026-12-01",
    "title": "HubSpot CRM API",
    "notes": [
      "A search is a POST that changes nothing. Merging, deleting for good and lists are left out."
    ],
    "sources": [
      "https://developers.hubspot.com/docs/apps/legacy-apps/authentication/intro-to-auth",
      "https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide",
      "https://developers.hubspot.com/docs/api-reference/error-handling"
    ],
    "variables": {},
    "upstream": {
      "url": "https://api.hubapi.com",
      "auth": "bearer",
      "response_headers": [
        "X-HubSpot-Correlation-Id"
      ]
    },
    "secret": {
      "api_key": {
        "description": "a service key, or a private app's access token, with the scopes of the tools you use",
        "where": "https://developers.hubspot.com/docs/apps/legacy-apps/authentication/intro-to-auth",
        "example": "pat-eu1-example-not-a-key",
        "prefix": [
          "pat-"
        ]
      }
    },
    "mcp_origins": [
      "https://api.hubapi.com"
    ],
    "tools": [
      {
        "name": "account",
        "description": "Which account the key belongs to",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/account-info/v3/details",
            "capability": "read"
          }
        ]
      },
      {
        "name": "contacts",
        "description": "Find and read contacts",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/crm/v3/objects/contacts",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/crm/v3/objects/contacts/{id}",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/crm/v3/objects/contacts/search",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/crm/v3/objects/contacts/batch/read",
            "capability": "read"
          }
        ]
      },
      {
        "name": "contacts/write",
        "description": "Create and change contacts",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/crm/v3/objects/contacts",
            "capability": "create"
          },
          {
            "method": "PATCH",
            "path": "/crm/v3/objects/contacts/{id}",
            "capability": "update"
          }
        ]
      },
      {
        "name": "companies",
        "description": "Find and read companies",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/crm/v3/objects/companies",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/crm/v3/objects/companies/{id}",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/crm/v3/objects/companies/search",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/crm/v3/objects/companies/batch/read",
            "capability": "read"
          }
        ]
      },
      {
        "name": "companies/write",
        "description": "Create and change companies",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/crm/v3/objects/companies",
            "capability": "create"
          },
          {
            "method": "PATCH",
            "path": "/crm/v3/objects/companies/{id}",
            "capability": "update"
          }
        ]
      },
      {
        "name": "deals",
        "description": "Find and read deals",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/crm/v3/objects/deals",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/crm/v3/objects/deals/{id}",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/crm/v3/objects/deals/search",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/crm/v3/objects/deals/batch/read",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/crm/v3/pipelines/deals",
            "capability": "read"
          }
        ]
      },
      {
        "name": "deals/write",
        "description": "Create and change deals",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/crm/v3/objects/deals",
            "capability": "create"
          },
          {
            "method": "PATCH",
            "path": "/crm/v3/objects/deals/{id}",
            "capability": "update"
          }
        ]
      },
      {
        "name": "notes/write",
        "description": "Write notes on records",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/crm/v3/objects/notes",
            "capability": "create"
          }
        ]
      },
      {
        "name": "owners",
        "description": "Read users, and what properties records have",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/crm/v3/owners",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/crm/v3/owners/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/crm/v3/owners/{owner_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/crm/v3/properties/{object_type}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/crm/v3/properties/{object_type}/{property_name}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "contacts/delete",
        "description": "Move contacts to the recycling bin",
        "risk": "high",
        "operations": [
          {
            "method": "DELETE",
            "path": "/crm/v3/objects/contacts/{id}",
            "capability": "delete"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/account-info/v3/details",
      "tool": "account"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@hubspot/api-client",
        "change": "new Client({ accessToken: process.env.MCP_SESSION_TOKEN, basePath: '{{gateway}}/u/hubspot' })"
      },
      {
        "language": "Python",
        "package": "hubspot-api-client",
        "change": "HubSpot(access_token=os.environ['MCP_SESSION_TOKEN'], base_path='{{gateway}}/u/hubspot')"
      }
    ]
  },
  {
    "name": "jira",
    "version": 2,
    "reviewed": "2026-12-01",
    "title": "Jira Cloud REST API",
    "notes": [
      "Clients send the address and the phantom token in place of the API token; what they send as the address is not used, the stored one is.",
      "Attachments come from api.media.atlassian.com, to which the redirect is followed without the key.",
      "PUT issue/archive and issue/unarchive, which move up to 1000 issues at once, are spelled like the change of one issue, and issues/write covers them: Jira allows them to administrators only, so give the agent an account that is none."
    ],
    "sources": [
      "https://developer.atlassian.com/cloud/jira/platform/basic-auth-for-rest-apis/",
      "https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/",
      "https://developer.atlassian.com/cloud/jira/platform/rate-limiting/"
    ],
    "variables": {
      "site": {
        "description": "Name of the site, before .atlassian.net",
        "example": "acme",
        "pattern": "^[a-z0-9][a-z0-9-]*$",
        "default": null
      }
    },
    "upstream": {
      "url": "https://{{site}}.atlassian.net",
      "kv_field": "api_token",
      "auth": "basic:{email}:{api_token}",
      "request_headers": {
        "X-Atlassian-Force-Account-Id": [
          "true"
        ],
        "X-ExperimentalApi": [
          "opt-in"
        ]
      },
      "response_headers": [
        "X-AAccountId",
        "X-ARequestId",
        "Atl-TraceId",
        "Beta-Retry-After"
      ],
      "follow_redirects": [
        "api.media.atlassian.com"
      ]
    },
    "secret": {
      "email": {
        "description": "the account's address",
        "where": "https://id.atlassian.com/manage-profile/email",
        "example": "robot@acme.example"
      },
      "api_token": {
        "description": "an API token of that account",
        "where": "https://id.atlassian.com/manage-profile/security/api-tokens",
        "example": "ATATT-example-not-a-key",
        "prefix": [
          "ATATT"
        ]
      }
    },
    "mcp_origins": [
      "https://{{site}}.atlassian.net"
    ],
    "tools": [
      {
        "name": "myself",
        "description": "Who the token belongs to",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/rest/api/{version}/myself",
            "capability": "read"
          }
        ]
      },
      {
        "name": "projects",
        "description": "Read projects",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/rest/api/{version}/project/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/rest/api/{version}/project/{project}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/rest/api/{version}/field",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/rest/api/{version}/issuetype/project",
            "capability": "read"
          }
        ]
      },
      {
        "name": "search",
        "description": "Search issues; a search may be a POST that changes nothing",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/rest/api/{version}/search/jql",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/rest/api/{version}/search/jql",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/rest/api/{version}/search/approximate-count",
            "capability": "read"
          }
        ]
      },
      {
        "name": "issues",
        "description": "Read issues, their comments and history",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/rest/api/{version}/issue/{issue}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/rest/api/{version}/issue/{issue}/comment",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/rest/api/{version}/issue/{issue}/transitions",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/rest/api/{version}/issue/{issue}/changelog",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/rest/api/{version}/issue/{issue}/worklog",
            "capability": "read"
          }
        ]
      },
      {
        "name": "issues/write",
        "description": "Create and change issues, comment on them and move them along",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/rest/api/{version}/issue",
            "capability": "create"
          },
          {
            "method": "PUT",
            "path": "/rest/api/{version}/issue/{issue}",
            "capability": "update"
          },
          {
            "method": "PUT",
            "path": "/rest/api/{version}/issue/{issue}/assignee",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/rest/api/{version}/issue/{issue}/comment",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/rest/api/{version}/issue/{issue}/transitions",
            "capability": "update"
          }
        ]
      },
      {
        "name": "issues/delete",
        "description": "Delete issues",
        "risk": "high",
        "operations": [
          {
            "method": "DELETE",
            "path": "/rest/api/{version}/issue/{issue}",
            "capability": "delete"
          }
        ]
      },
      {
        "name": "attachments",
        "description": "Read attachments",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/rest/api/{version}/attachment/{id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/rest/api/{version}/attachment/content/{id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "users",
        "description": "Look people up",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/rest/api/{version}/user",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/rest/api/{version}/user/search",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/rest/api/{version}/user/assignable/search",
            "capability": "read"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/rest/api/3/myself",
      "tool": "myself"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "jira.js",
        "change": "new Version3Client({ host: '{{gateway}}/u/jira', authentication: { basic: { email: 'robot@acme.example', apiToken: process.env.MCP_SESSION_TOKEN } } })"
      },
      {
        "language": "Python",
        "package": "jira",
        "change": "JIRA('{{gateway}}/u/jira', basic_auth=('robot@acme.example', os.environ['MCP_SESSION_TOKEN']))"
      }
    ]
  },
  {
    "name": "linear",
    "version": 3,
    "reviewed": "2026-12-01",
    "title": "Linear GraphQL API",
    "notes": [
      "Everything is one POST to /graphql: a path cannot tell a query from a mutation, so read and write cannot be split here, and the only tool is of high risk. Give the agent a key that may only read (Linear lets you choose the permissions and teams of a key)."
    ],
    "sources": [
      "https://linear.app/developers/graphql",
      "https://linear.app/developers/pagination",
      "https://linear.app/developers/rate-limiting"
    ],
    "variables": {},
    "upstream": {
      "url": "https://api.linear.app",
      "auth": "header:Authorization",
      "response_headers": [
        "X-Complexity"
      ],
      "error_format": "text"
    },
    "secret": {
      "api_key": {
        "description": "a personal API key, with as few permissions and teams as the agent needs",
        "where": "https://linear.app/settings/account/security",
        "example": "lin_api_example_not_a_key",
        "prefix": [
          "lin_api_"
        ]
      }
    },
    "mcp_origins": [
      "https://api.linear.app"
    ],
    "tools": [
      {
        "name": "graphql",
        "description": "Every query and every mutation the key may make: the gateway does not tell one from the other",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/graphql",
            "capability": "create"
          }
        ]
      }
    ],
    "probe": {
      "method": "POST",
      "path": "/graphql",
      "tool": "graphql",
      "headers": {
        "Content-Type": "application/json"
      },
      "body": "{\"query\":\"{ viewer { id name } }\"}"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@linear/sdk",
        "change": "new LinearClient({ apiKey: process.env.MCP_SESSION_TOKEN, apiUrl: '{{gateway}}/u/linear/graphql' })"
      },
      {
        "language": "Python",
        "package": "gql",
        "change": "RequestsHTTPTransport('{{gateway}}/u/linear/graphql', headers={'Authorization': os.environ['MCP_SESSION_TOKEN']})"
      }
    ]
  },
  {
    "name": "meta",
    "version": 5,
    "reviewed": "2026-12-01",
    "title": "Meta Graph API",
    "notes": [
      "The Graph API hands out the access tokens of pages to whoever asks for that field, nested in others, too: every tool here lets named fields of a response pass, and nothing else: of errors the status alone. Do the same in tools of your own.",
      "The parameter fields may rename what it asks for, `from{access_token}.as(message)`, so that a token passes as a message: of the tools that read, only the one for Instagram, whose media lead to no page, takes it. Those that write get it in the body, too: what passes of their responses, and of Instagram's, is marked [scalar], so that no page with its token stands there. Do the same in tools of your own, and do not let fields pass to those that read what leads to pages.",
      "Send paging.cursors as after and before. The URLs in paging.next and paging.previous lead past the gateway and have the key taken out: programs that follow them are refused by the API, and see that there is more.",
      "A POST whose query or body has a field `method` is another method to the Graph API. Deny it with a tool policy where the token is not a page's own.",
      "An app that demands appsecret_proof cannot be used: the proof is made of the real token, which clients do not have."
    ],
    "sources": [
      "https://developers.facebook.com/docs/graph-api/overview",
      "https://developers.facebook.com/docs/graph-api/results",
      "https://developers.facebook.com/docs/graph-api/guides/error-handling",
      "https://developers.facebook.com/docs/pages-api/posts"
    ],
    "variables": {},
    "upstream": {
      "url": "https://graph.facebook.com",
      "auth": "query:access_token"
    },
    "secret": {
      "api_key": {
        "description": "a page's or a system user's access token that does not expire",
        "where": "https://business.facebook.com/settings/system-users",
        "example": "EAA_example_not_a_key",
        "prefix": [
          "EAA"
        ]
      }
    },
    "mcp_origins": [
      "https://graph.facebook.com"
    ],
    "tools": [
      {
        "name": "me",
        "description": "Who the token belongs to",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v{version}/me",
            "capability": "read",
            "parameters": []
          }
        ],
        "fields": [
          "id",
          "name"
        ]
      },
      {
        "name": "pages",
        "description": "Pages of the owner of the token, without their tokens",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v{version}/me/accounts",
            "capability": "read",
            "parameters": [
              "limit",
              "after",
              "before"
            ]
          }
        ],
        "fields": [
          "data[].id",
          "data[].name",
          "data[].category",
          "data[].tasks",
          "paging.cursors.before",
          "paging.cursors.after",
          "paging.next",
          "paging.previous"
        ]
      },
      {
        "name": "posts",
        "description": "Read posts of a page",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v{version}/{page_id}/posts",
            "capability": "read",
            "parameters": [
              "limit",
              "after",
              "before",
              "since",
              "until"
            ]
          },
          {
            "method": "GET",
            "path": "/v{version}/{page_id}/feed",
            "capability": "read",
            "parameters": [
              "limit",
              "after",
              "before",
              "since",
              "until"
            ]
          }
        ],
        "fields": [
          "data[].id",
          "data[].message",
          "data[].story",
          "data[].created_time",
          "data[].updated_time",
          "data[].permalink_url",
          "data[].status_type",
          "paging.cursors.before",
          "paging.cursors.after",
          "paging.next",
          "paging.previous"
        ]
      },
      {
        "name": "posts/write",
        "description": "Publish on a page",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/v{version}/{page_id}/feed",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/v{version}/{page_id}/photos",
            "capability": "create"
          }
        ],
        "fields": [
          "id[scalar]",
          "post_id[scalar]"
        ]
      },
      {
        "name": "comments",
        "description": "Read comments on a post",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/v{version}/{object_id}/comments",
            "capability": "read",
            "parameters": [
              "filter",
              "order",
              "limit",
              "after",
              "before"
            ]
          }
        ],
        "fields": [
          "data[].id",
          "data[].message",
          "data[].created_time",
          "data[].like_count",
          "data[].comment_count",
          "paging.cursors.before",
          "paging.cursors.after",
          "paging.next",
          "paging.previous"
        ]
      },
      {
        "name": "comments/write",
        "description": "Answer in public",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/v{version}/{object_id}/comments",
            "capability": "create"
          }
        ],
        "fields": [
          "id[scalar]"
        ]
      },
      {
        "name": "insights",
        "description": "Figures about a page, a post or an Instagram account",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v{version}/{object_id}/insights",
            "capability": "read",
            "parameters": [
              "metric",
              "metric_type",
              "period",
              "breakdown",
              "since",
              "until",
              "limit",
              "after",
              "before"
            ]
          }
        ],
        "fields": [
          "data[].id",
          "data[].name",
          "data[].period",
          "data[].title",
          "data[].description",
          "data[].values",
          "data[].total_value",
          "paging.cursors.before",
          "paging.cursors.after",
          "paging.next",
          "paging.previous"
        ]
      },
      {
        "name": "instagram",
        "description": "Read media of an Instagram account",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v{version}/{ig_user_id}/media",
            "capability": "read",
            "parameters": [
              "fields",
              "limit",
              "after",
              "before",
              "since",
              "until"
            ]
          }
        ],
        "fields": [
          "data[].id[scalar]",
          "data[].caption[scalar]",
          "data[].media_type[scalar]",
          "data[].media_url[scalar]",
          "data[].permalink[scalar]",
          "data[].timestamp[scalar]",
          "data[].like_count[scalar]",
          "data[].comments_count[scalar]",
          "paging.cursors.before[scalar]",
          "paging.cursors.after[scalar]",
          "paging.next[scalar]",
          "paging.previous[scalar]"
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/v24.0/me",
      "tool": "me"
    },
    "clients": [
      {
        "language": "Shell",
        "package": "curl",
        "change": "curl \"{{gateway}}/u/meta/v24.0/me?access_token=$MCP_SESSION_TOKEN\""
      },
      {
        "language": "Python",
        "package": "facebook-sdk",
        "change": "graph = facebook.GraphAPI(os.environ['MCP_SESSION_TOKEN']); facebook.FACEBOOK_GRAPH_URL = '{{gateway}}/u/meta/'"
      }
    ]
  },
  {
    "name": "notion",
    "version": 3,
    "reviewed": "2026-12-01",
    "title": "Notion API",
    "notes": [
      "A Notion token sees the pages that were shared with its integration, and nothing else: share no more than the agent needs."
    ],
    "sources": [
      "https://developers.notion.com/reference/intro",
      "https://developers.notion.com/reference/versioning",
      "https://developers.notion.com/reference/status-codes"
    ],
    "variables": {},
    "upstream": {
      "url": "https://api.notion.com",
      "auth": "bearer",
      "error_format": "notion"
    },
    "secret": {
      "api_key": {
        "description": "an internal integration's secret",
        "where": "https://www.notion.so/profile/integrations",
        "example": "ntn_example_not_a_key",
        "prefix": [
          "ntn_",
          "secret_"
        ]
      }
    },
    "mcp_origins": [
      "https://api.notion.com"
    ],
    "tools": [
      {
        "name": "users",
        "description": "Read the directory of the workspace",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/users",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/users/me",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/users/{user_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "search",
        "description": "Find pages and data sources by title",
        "risk": "low",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/search",
            "capability": "read"
          }
        ]
      },
      {
        "name": "pages",
        "description": "Read pages and their blocks",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/pages/{page_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/pages/{page_id}/properties/{property_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/pages/{page_id}/markdown",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/blocks/{block_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/blocks/{block_id}/children",
            "capability": "read"
          }
        ]
      },
      {
        "name": "pages/write",
        "description": "Create and change pages and blocks; a page is also moved to the trash by a change (in_trash)",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/pages",
            "capability": "create"
          },
          {
            "method": "PATCH",
            "path": "/v1/pages/{page_id}",
            "capability": "update"
          },
          {
            "method": "PATCH",
            "path": "/v1/blocks/{block_id}",
            "capability": "update"
          },
          {
            "method": "PATCH",
            "path": "/v1/blocks/{block_id}/children",
            "capability": "update"
          }
        ]
      },
      {
        "name": "blocks/delete",
        "description": "Move blocks to the trash",
        "risk": "high",
        "operations": [
          {
            "method": "DELETE",
            "path": "/v1/blocks/{block_id}",
            "capability": "delete"
          }
        ]
      },
      {
        "name": "data",
        "description": "Read databases and query data sources; a query is a POST that changes nothing",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/databases/{database_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/data_sources/{data_source_id}",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/v1/data_sources/{data_source_id}/query",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/v1/databases/{database_id}/query",
            "capability": "read"
          }
        ]
      },
      {
        "name": "data/write",
        "description": "Create databases and change their columns, for everybody who uses them",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/databases",
            "capability": "create"
          },
          {
            "method": "PATCH",
            "path": "/v1/databases/{database_id}",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/v1/data_sources",
            "capability": "create"
          },
          {
            "method": "PATCH",
            "path": "/v1/data_sources/{data_source_id}",
            "capability": "update"
          }
        ]
      },
      {
        "name": "comments",
        "description": "Read comments",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/comments",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/comments/{comment_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "comments/write",
        "description": "Comment",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/comments",
            "capability": "create"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/v1/users/me",
      "tool": "users",
      "headers": {
        "Notion-Version": "2025-09-03"
      }
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@notionhq/client",
        "change": "new Client({ auth: process.env.MCP_SESSION_TOKEN, baseUrl: '{{gateway}}/u/notion' })"
      },
      {
        "language": "Python",
        "package": "notion-client",
        "change": "Client(auth=os.environ['MCP_SESSION_TOKEN'], base_url='{{gateway}}/u/notion')"
      }
    ]
  },
  {
    "name": "npm",
    "version": 3,
    "reviewed": "2026-12-01",
    "title": "npm registry",
    "notes": [
      "A package document names its tarballs by URLs of the registry's own host; npm puts its registry's host in their place and mostly leaves the path, so give the upstream a listener of its own (-gateway-upstream-address=npm=127.0.0.1:8262). With another registry than npmjs it does so only with replace-registry-host=always in .npmrc; without it npm asks that registry itself, and has no token for it.",
      "npm-otp carries a second factor of a person and is not passed on: publish with a granular token that bypasses two-factor authentication, limited to the packages the agent may publish.",
      "Unpublishing, access and tokens are left out; deprecating a version is the same request as publishing one."
    ],
    "sources": [
      "https://docs.npmjs.com/about-access-tokens",
      "https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md",
      "https://github.com/npm/npm-registry-fetch"
    ],
    "variables": {},
    "upstream": {
      "url": "https://registry.npmjs.org",
      "auth": "bearer",
      "response_headers": [
        "npm-notice"
      ],
      "error_format": "text",
      "encoded_slash": "data",
      "max_request_bytes": 104857600
    },
    "secret": {
      "api_key": {
        "description": "a granular access token",
        "where": "https://www.npmjs.com/settings/~/tokens",
        "example": "npm_example_not_a_key",
        "prefix": [
          "npm_"
        ]
      }
    },
    "mcp_origins": [
      "https://registry.npmjs.org"
    ],
    "tools": [
      {
        "name": "whoami",
        "description": "Who the token belongs to",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/-/whoami",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/-/ping",
            "capability": "read"
          }
        ]
      },
      {
        "name": "packages",
        "description": "Read package documents and tarballs, private ones included",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/{package}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/@{scope}/{name}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/{package}/{version}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/@{scope}/{name}/{version}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/{package}/-/{file}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/@{scope}/{name}/-/{file}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/-/package/{package}/dist-tags",
            "capability": "read"
          }
        ]
      },
      {
        "name": "search",
        "description": "Search packages",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/-/v1/search",
            "capability": "read"
          }
        ]
      },
      {
        "name": "audit",
        "description": "Known vulnerabilities of what is installed; POSTs that change nothing",
        "risk": "low",
        "operations": [
          {
            "method": "POST",
            "path": "/-/npm/v1/security/advisories/bulk",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/-/npm/v1/security/audits/quick",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/-/npm/v1/keys",
            "capability": "read"
          }
        ]
      },
      {
        "name": "packages/publish",
        "description": "Publish versions: everybody who installs the package runs them",
        "risk": "high",
        "operations": [
          {
            "method": "PUT",
            "path": "/{package}",
            "capability": "update"
          }
        ]
      },
      {
        "name": "dist-tags/write",
        "description": "Choose which version is latest",
        "risk": "high",
        "operations": [
          {
            "method": "PUT",
            "path": "/-/package/{package}/dist-tags/{tag}",
            "capability": "update"
          },
          {
            "method": "DELETE",
            "path": "/-/package/{package}/dist-tags/{tag}",
            "capability": "delete"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/-/whoami",
      "tool": "whoami"
    },
    "clients": [
      {
        "language": "Shell",
        "package": "npm",
        "change": "npm install --registry={{listener}}/ \"--//{{listener_host}}:{{listener_port}}/:_authToken=$MCP_SESSION_TOKEN\""
      },
      {
        "language": "JavaScript",
        "package": "npm-registry-fetch",
        "change": "npmFetch.json('/-/whoami', { registry: '{{gateway}}/u/npm/', forceAuth: { token: process.env.MCP_SESSION_TOKEN } })"
      }
    ]
  },
  {
    "name": "openai",
    "version": 2,
    "reviewed": "2026-12-01",
    "title": "OpenAI API",
    "notes": [
      "OpenAI-Organization and OpenAI-Project choose who is billed, so callers may not send them: use a project key, or list the values you allow in request_headers.",
      "Creating a response is metered; limits of spending are set at OpenAI, for the project of the key."
    ],
    "sources": [
      "https://platform.openai.com/docs/api-reference/authentication",
      "https://platform.openai.com/docs/api-reference/responses",
      "https://platform.openai.com/docs/guides/error-codes"
    ],
    "variables": {},
    "upstream": {
      "url": "https://api.openai.com",
      "auth": "bearer",
      "token_alias": "sk-",
      "response_headers": [
        "OpenAI-Organization",
        "OpenAI-Processing-Ms"
      ],
      "timeout": 600,
      "max_request_bytes": 52428800
    },
    "secret": {
      "api_key": {
        "description": "a project API key",
        "where": "https://platform.openai.com/api-keys",
        "example": "sk-proj-example-not-a-key",
        "prefix": [
          "sk-"
        ]
      }
    },
    "mcp_origins": [
      "https://api.openai.com"
    ],
    "tools": [
      {
        "name": "models",
        "description": "List models",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/models",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/models/{model}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "responses",
        "description": "Ask a model; costs money for each token; a hosted tool in a request can reach the internet",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/responses",
            "capability": "create"
          }
        ]
      },
      {
        "name": "responses/stored",
        "description": "Read stored responses and what they were made of",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/responses/{response_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/responses/{response_id}/input_items",
            "capability": "read"
          }
        ]
      },
      {
        "name": "chat",
        "description": "Ask a model by Chat Completions; costs money for each token",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/chat/completions",
            "capability": "create"
          }
        ]
      },
      {
        "name": "embeddings",
        "description": "Turn texts into vectors, and check them for harmful content; POSTs that change nothing",
        "risk": "low",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/embeddings",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/v1/moderations",
            "capability": "read"
          }
        ]
      },
      {
        "name": "images",
        "description": "Make and edit images; costs money for each",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/images/generations",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/v1/images/edits",
            "capability": "create"
          }
        ]
      },
      {
        "name": "audio",
        "description": "Speech to text and text to speech",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/audio/transcriptions",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/v1/audio/translations",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/v1/audio/speech",
            "capability": "create"
          }
        ]
      },
      {
        "name": "files",
        "description": "Read the project's files, which other users of it have uploaded, too",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/files",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/files/{file_id}",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/files/{file_id}/content",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/batches",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/v1/batches/{batch_id}",
            "capability": "read"
          }
        ]
      },
      {
        "name": "files/write",
        "description": "Upload files, and start batches of requests, which cost money",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/v1/files",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/v1/batches",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/v1/batches/{batch_id}/cancel",
            "capability": "update"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/v1/models",
      "tool": "models"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "openai",
        "change": "new OpenAI({ apiKey: process.env.MCP_SESSION_TOKEN, baseURL: '{{gateway}}/u/openai/v1' })"
      },
      {
        "language": "Python",
        "package": "openai",
        "change": "OpenAI(api_key=os.environ['MCP_SESSION_TOKEN'], base_url='{{gateway}}/u/openai/v1')"
      }
    ]
  },
  {
    "name": "sentry",
    "version": 4,
    "reviewed": "2026-12-01",
    "title": "Sentry Web API",
    "notes": [
      "Links to further pages lead to the host of the organization's region: with another host here they would be left out, and lists would end early.",
      "Changing many issues at once is left out: without a list of them, all of a project are meant."
    ],
    "sources": [
      "https://docs.sentry.io/api/auth/",
      "https://docs.sentry.io/api/pagination/",
      "https://docs.sentry.io/api/ratelimits/"
    ],
    "variables": {
      "host": {
        "description": "host of the organization's region, us.sentry.io or de.sentry.io, or of your own Sentry",
        "example": "us.sentry.io",
        "pattern": "^[a-z0-9.-]+$",
        "default": null
      }
    },
    "upstream": {
      "url": "https://{{host}}",
      "auth": "bearer",
      "response_headers": [
        "X-Hits",
        "X-Max-Hits",
        "X-Sentry-Rate-Limit-Limit",
        "X-Sentry-Rate-Limit-Remaining",
        "X-Sentry-Rate-Limit-Reset",
        "X-Sentry-Rate-Limit-ConcurrentLimit",
        "X-Sentry-Rate-Limit-ConcurrentRemaining"
      ]
    },
    "secret": {
      "api_key": {
        "description": "an internal integration's or a personal token",
        "where": "https://sentry.io/settings/account/api/auth-tokens/",
        "example": "sntryu_example_not_a_key",
        "prefix": [
          "sntryu_",
          "sntrys_"
        ]
      }
    },
    "mcp_origins": [
      "https://{{host}}"
    ],
    "tools": [
      {
        "name": "organizations",
        "description": "Read organizations, projects and teams",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/0/organizations/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/projects/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/teams/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/projects/{organization}/{project}/",
            "capability": "read"
          }
        ]
      },
      {
        "name": "issues",
        "description": "Read issues and their events, which may hold data of users",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/issues/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/issues/{issue_id}/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/issues/{issue_id}/events/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/issues/{issue_id}/events/{event_id}/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/issues/{issue_id}/hashes/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/projects/{organization}/{project}/issues/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/projects/{organization}/{project}/events/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/projects/{organization}/{project}/events/{event_id}/",
            "capability": "read"
          }
        ]
      },
      {
        "name": "issues/write",
        "description": "Resolve, assign and otherwise change issues",
        "risk": "medium",
        "operations": [
          {
            "method": "PUT",
            "path": "/api/0/organizations/{organization}/issues/{issue_id}/",
            "capability": "update"
          }
        ]
      },
      {
        "name": "issues/delete",
        "description": "Delete issues with their events",
        "risk": "high",
        "operations": [
          {
            "method": "DELETE",
            "path": "/api/0/organizations/{organization}/issues/{issue_id}/",
            "capability": "delete"
          }
        ]
      },
      {
        "name": "events",
        "description": "Search and count events",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/events/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/events-stats/",
            "capability": "read"
          }
        ]
      },
      {
        "name": "releases",
        "description": "Read releases, their deploys and commits",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/releases/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/releases/{version}/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/releases/{version}/deploys/",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/0/organizations/{organization}/releases/{version}/commits/",
            "capability": "read"
          }
        ]
      },
      {
        "name": "releases/write",
        "description": "Create releases and deploys",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/api/0/organizations/{organization}/releases/",
            "capability": "create"
          },
          {
            "method": "PUT",
            "path": "/api/0/organizations/{organization}/releases/{version}/",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/api/0/organizations/{organization}/releases/{version}/deploys/",
            "capability": "create"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/api/0/organizations/",
      "tool": "organizations"
    },
    "clients": [
      {
        "language": "Shell",
        "package": "curl",
        "change": "curl -H \"Authorization: Bearer $MCP_SESSION_TOKEN\" {{gateway}}/u/sentry/api/0/organizations/"
      },
      {
        "language": "Python",
        "package": "requests",
        "change": "requests.get('{{gateway}}/u/sentry/api/0/organizations/', headers={'Authorization': 'Bearer ' + os.environ['MCP_SESSION_TOKEN']})"
      }
    ]
  },
  {
    "name": "shopify",
    "version": 2,
    "reviewed": "2026-12-01",
    "title": "Shopify Admin API",
    "notes": [
      "A GraphQL call is one POST: a path cannot tell a query from a mutation, so the tool graphql is of high risk. Grant it only with a token whose own access scopes only read.",
      "Shopify calls its REST Admin API a legacy API; the tools that read and write split it by resource, which GraphQL does not allow."
    ],
    "sources": [
      "https://shopify.dev/docs/api/admin-rest",
      "https://shopify.dev/docs/api/admin-graphql",
      "https://shopify.dev/docs/api/admin-rest/usage/pagination"
    ],
    "variables": {
      "shop": {
        "description": "Name of the shop, before .myshopify.com",
        "example": "acme",
        "pattern": "^[a-z0-9][a-z0-9-]*$",
        "default": null
      }
    },
    "upstream": {
      "url": "https://{{shop}}.myshopify.com",
      "auth": "header:X-Shopify-Access-Token",
      "request_headers": {
        "X-SDK-Variant": [
          "*"
        ]
      },
      "response_headers": [
        "X-Shopify-API-Deprecated-Reason"
      ]
    },
    "secret": {
      "api_key": {
        "description": "an Admin API access token, with the access scopes of the tools you use",
        "where": "https://admin.shopify.com/store/{{shop}}/settings/apps/development",
        "example": "shpat_example_not_a_key",
        "prefix": [
          "shpat_"
        ]
      }
    },
    "mcp_origins": [
      "https://{{shop}}.myshopify.com"
    ],
    "tools": [
      {
        "name": "shop",
        "description": "Name, currency and plan of the shop",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/admin/api/{version}/shop.json",
            "capability": "read"
          }
        ]
      },
      {
        "name": "products",
        "description": "Read products and stock",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/admin/api/{version}/products.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/admin/api/{version}/products/{product_id}.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/admin/api/{version}/products/{product_id}/variants.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/admin/api/{version}/inventory_levels.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/admin/api/{version}/locations.json",
            "capability": "read"
          }
        ]
      },
      {
        "name": "products/write",
        "description": "Create and change products; buyers see it at once",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/admin/api/{version}/products.json",
            "capability": "create"
          },
          {
            "method": "PUT",
            "path": "/admin/api/{version}/products/{product_id}.json",
            "capability": "update"
          },
          {
            "method": "PUT",
            "path": "/admin/api/{version}/variants/{variant_id}.json",
            "capability": "update"
          }
        ]
      },
      {
        "name": "orders",
        "description": "Read orders, with names and addresses of buyers",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/admin/api/{version}/orders.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/admin/api/{version}/orders/{order_id}.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/admin/api/{version}/orders/{order_id}/fulfillments.json",
            "capability": "read"
          }
        ]
      },
      {
        "name": "customers",
        "description": "Read personal data of buyers",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/admin/api/{version}/customers.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/admin/api/{version}/customers/{customer_id}.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/admin/api/{version}/customers/{customer_id}/orders.json",
            "capability": "read"
          }
        ]
      },
      {
        "name": "customers/write",
        "description": "Create and change customers",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/admin/api/{version}/customers.json",
            "capability": "create"
          },
          {
            "method": "PUT",
            "path": "/admin/api/{version}/customers/{customer_id}.json",
            "capability": "update"
          }
        ]
      },
      {
        "name": "graphql",
        "description": "Every query and every mutation the token may make: the gateway does not tell one from the other",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/admin/api/{version}/graphql.json",
            "capability": "create"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/admin/api/2026-07/shop.json",
      "tool": "shop"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@shopify/admin-api-client",
        "change": "createAdminRestApiClient({ scheme: '{{listener_protocol}}', storeDomain: '{{listener_host}}:{{listener_port}}', apiVersion: '2026-07', accessToken: process.env.MCP_SESSION_TOKEN, isTesting: true })"
      },
      {
        "language": "Shell",
        "package": "curl",
        "change": "curl -H \"X-Shopify-Access-Token: $MCP_SESSION_TOKEN\" {{gateway}}/u/shopify/admin/api/2026-07/products.json"
      }
    ]
  },
  {
    "name": "slack",
    "version": 2,
    "reviewed": "2026-12-01",
    "title": "Slack Web API",
    "notes": [
      "Slack also takes a token as a field of a form. Clients that write it there must be told to use the header: with `body:token` every call would need a form, and the methods that are called without one would be refused.",
      "Uploads and downloads of files go to other hosts (files.slack.com), with URLs of their own: they are not covered. Slack's clients send the phantom token there, too, where it is worth nothing.",
      "Errors of Slack come with status 200 and \"ok\": false, and so do the refusals of the gateway: Slack's clients repeat a call that ends with another status."
    ],
    "sources": [
      "https://docs.slack.dev/apis/web-api/",
      "https://docs.slack.dev/apis/web-api/pagination",
      "https://docs.slack.dev/authentication/tokens"
    ],
    "variables": {},
    "upstream": {
      "url": "https://slack.com",
      "auth": "bearer",
      "token_alias": "xoxb-",
      "error_format": "slack"
    },
    "secret": {
      "api_key": {
        "description": "a bot token of your app, with the scopes of the tools you use",
        "where": "https://api.slack.com/apps",
        "example": "xoxb-example-not-a-key",
        "prefix": [
          "xoxb-",
          "xoxp-"
        ]
      }
    },
    "mcp_origins": [
      "https://slack.com"
    ],
    "tools": [
      {
        "name": "auth",
        "description": "Who the token belongs to",
        "risk": "low",
        "operations": [
          {
            "method": "POST",
            "path": "/api/auth.test",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/auth.test",
            "capability": "read"
          }
        ]
      },
      {
        "name": "conversations",
        "description": "List channels and their members",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/api/conversations.list",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/conversations.list",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/conversations.info",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/conversations.info",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/conversations.members",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/conversations.members",
            "capability": "read"
          }
        ]
      },
      {
        "name": "messages",
        "description": "Read what was said in the channels the bot is in",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/api/conversations.history",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/conversations.history",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/conversations.replies",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/conversations.replies",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/chat.getPermalink",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/chat.getPermalink",
            "capability": "read"
          }
        ]
      },
      {
        "name": "messages/write",
        "description": "Say something, and change it; it is seen by people at once",
        "risk": "medium",
        "operations": [
          {
            "method": "POST",
            "path": "/api/chat.postMessage",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/api/chat.postEphemeral",
            "capability": "create"
          },
          {
            "method": "POST",
            "path": "/api/chat.update",
            "capability": "update"
          },
          {
            "method": "POST",
            "path": "/api/reactions.add",
            "capability": "create"
          }
        ]
      },
      {
        "name": "messages/delete",
        "description": "Delete what the bot said",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/api/chat.delete",
            "capability": "delete"
          }
        ]
      },
      {
        "name": "users",
        "description": "Read the directory of people, with addresses if the token may",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/api/users.list",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/users.list",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/users.info",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/users.info",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/api/users.lookupByEmail",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/users.lookupByEmail",
            "capability": "read"
          }
        ]
      },
      {
        "name": "search",
        "description": "Search everything the person whose token it is (xoxp-) can see, private messages included",
        "risk": "high",
        "operations": [
          {
            "method": "GET",
            "path": "/api/search.messages",
            "capability": "read"
          },
          {
            "method": "POST",
            "path": "/api/search.messages",
            "capability": "read"
          }
        ]
      }
    ],
    "probe": {
      "method": "POST",
      "path": "/api/auth.test",
      "tool": "auth"
    },
    "clients": [
      {
        "language": "JavaScript",
        "package": "@slack/web-api",
        "change": "new WebClient(process.env.MCP_SESSION_TOKEN, { slackApiUrl: '{{gateway}}/u/slack/api/' })"
      },
      {
        "language": "Python",
        "package": "slack_sdk",
        "change": "WebClient(token=os.environ['MCP_SESSION_TOKEN'], base_url='{{gateway}}/u/slack/api/')"
      }
    ]
  },
  {
    "name": "stripe",
    "version": 3,
    "reviewed": "2026-12-01",
    "title": "Stripe API",
    "notes": [
      "Stripe-Account and Stripe-Context choose for which account the key acts, so callers may not send them. Where one key serves several accounts, list the values you allow in request_headers.",
      "expand[] brings objects of other resources, customers with their addresses among them: only the tool expanded takes it, and no tool that writes. Write one of your own, without denied_parameters, for a program that needs it there.",
      "Programs that check the format of keys may be given sk_test_ and the phantom token after it."
    ],
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
      "token_alias": "sk_test_",
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
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/balance_transactions",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/balance_transactions/{id}",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
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
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/customers/search",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/customers/{customer}",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
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
            "capability": "create",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "POST",
            "path": "/v1/customers/{customer}",
            "capability": "update",
            "denied_parameters": [
              "expand"
            ]
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
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/invoices/search",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/invoices/{invoice}",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/invoices/{invoice}/lines",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
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
            "capability": "create",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "POST",
            "path": "/v1/invoices/{invoice}",
            "capability": "update",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "POST",
            "path": "/v1/invoiceitems",
            "capability": "create",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "POST",
            "path": "/v1/invoices/{invoice}/finalize",
            "capability": "update",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "POST",
            "path": "/v1/invoices/{invoice}/send",
            "capability": "update",
            "denied_parameters": [
              "expand"
            ]
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
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/subscriptions/search",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/subscriptions/{subscription}",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/subscription_items",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
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
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/products/{id}",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/prices",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/prices/{price}",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
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
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/payment_intents/search",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/payment_intents/{intent}",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/charges",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/charges/search",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/charges/{charge}",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
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
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/refunds/{refund}",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
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
            "capability": "create",
            "denied_parameters": [
              "expand"
            ]
          }
        ]
      },
      {
        "name": "expanded",
        "description": "What the others read, with the objects of other resources that expand[] brings, customers among them",
        "risk": "high",
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
          },
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
          },
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
          },
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
          },
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
          },
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
          },
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
        "name": "events",
        "description": "What happened in the account in the last 30 days",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/v1/events",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
          },
          {
            "method": "GET",
            "path": "/v1/events/{id}",
            "capability": "read",
            "denied_parameters": [
              "expand"
            ]
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
  },
  {
    "name": "twilio",
    "version": 3,
    "reviewed": "2026-12-01",
    "title": "Twilio REST API",
    "notes": [
      "Clients send the account SID and, in place of the auth token, the phantom token. To use an API key (SK...), write the upstream's auth with its SID in place of the account's, and its secret as auth_token.",
      "The account SID is a part of auth and no field of the secret: it stands in every path and response, and what is in the secret is removed from responses.",
      "The tools are those of one account: its subaccounts, which the key may use as well, are not covered.",
      "next_page_uri is a path on the API's host: the vendor's clients put it below their base URL, others must be given a listener of the upstream."
    ],
    "sources": [
      "https://www.twilio.com/docs/usage/requests-to-twilio",
      "https://www.twilio.com/docs/usage/twilios-response",
      "https://www.twilio.com/docs/messaging/api/message-resource"
    ],
    "variables": {
      "account": {
        "description": "SID of the account",
        "example": "AC00000000000000000000000000000000",
        "pattern": "^AC[0-9a-f]{32}$",
        "default": null
      }
    },
    "upstream": {
      "url": "https://api.twilio.com",
      "kv_field": "auth_token",
      "auth": "basic:{{account}}:{auth_token}",
      "response_headers": [
        "Twilio-Concurrent-Requests",
        "Twilio-Request-Duration"
      ]
    },
    "secret": {
      "auth_token": {
        "description": "the account's auth token",
        "where": "https://console.twilio.com/",
        "example": "000000000000000000000example00000"
      }
    },
    "mcp_origins": [
      "https://api.twilio.com"
    ],
    "tools": [
      {
        "name": "account",
        "description": "Name and state of the account; its auth token, which Twilio shows there, does not pass",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/2010-04-01/Accounts/{{account}}.json",
            "capability": "read"
          }
        ],
        "fields": [
          "sid",
          "friendly_name",
          "status",
          "type",
          "date_created",
          "owner_account_sid"
        ]
      },
      {
        "name": "messages",
        "description": "Read messages that were sent and received",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/2010-04-01/Accounts/{{account}}/Messages.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/2010-04-01/Accounts/{{account}}/Messages/{message_sid}.json",
            "capability": "read"
          }
        ]
      },
      {
        "name": "messages/write",
        "description": "Send messages; costs money, and reaches people",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/2010-04-01/Accounts/{{account}}/Messages.json",
            "capability": "create"
          }
        ]
      },
      {
        "name": "calls",
        "description": "Read calls",
        "risk": "medium",
        "operations": [
          {
            "method": "GET",
            "path": "/2010-04-01/Accounts/{{account}}/Calls.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/2010-04-01/Accounts/{{account}}/Calls/{call_sid}.json",
            "capability": "read"
          }
        ]
      },
      {
        "name": "calls/write",
        "description": "Call people; costs money",
        "risk": "high",
        "operations": [
          {
            "method": "POST",
            "path": "/2010-04-01/Accounts/{{account}}/Calls.json",
            "capability": "create"
          }
        ]
      },
      {
        "name": "numbers",
        "description": "Read the account's phone numbers",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/2010-04-01/Accounts/{{account}}/IncomingPhoneNumbers.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/2010-04-01/Accounts/{{account}}/IncomingPhoneNumbers/{phone_number_sid}.json",
            "capability": "read"
          }
        ]
      },
      {
        "name": "usage",
        "description": "Read what was used",
        "risk": "low",
        "operations": [
          {
            "method": "GET",
            "path": "/2010-04-01/Accounts/{{account}}/Usage/Records.json",
            "capability": "read"
          },
          {
            "method": "GET",
            "path": "/2010-04-01/Accounts/{{account}}/Balance.json",
            "capability": "read"
          }
        ]
      }
    ],
    "probe": {
      "method": "GET",
      "path": "/2010-04-01/Accounts/{{account}}.json",
      "tool": "account"
    },
    "clients": [
      {
        "language": "Shell",
        "package": "curl",
        "change": "curl -u \"{{account}}:$MCP_SESSION_TOKEN\" {{gateway}}/u/twilio/2010-04-01/Accounts/{{account}}/Messages.json"
      },
      {
        "language": "JavaScript",
        "package": "twilio",
        "change": "const client = twilio('{{account}}', process.env.MCP_SESSION_TOKEN); client.api.baseUrl = '{{gateway}}/u/twilio'"
      },
      {
        "language": "Python",
        "package": "twilio",
        "change": "client = Client('{{account}}', os.environ['MCP_SESSION_TOKEN']); client.api.base_url = '{{gateway}}/u/twilio'"
      }
    ]
  }
]
