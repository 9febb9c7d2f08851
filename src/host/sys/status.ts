import type { Clock } from '../../logical/clock.ts'
import type { Data } from '../../logical/data.ts'

/** What a server keeps its data in: in memory, lost with the process, or in a LevelDB store on disk. */
export type StorageType = 'inmem' | 'level'

export interface StatusConfig {
  readonly clock: Clock
  /** A semantic version of Vault whose API this server speaks; clients switch features by it. */
  readonly version: string
  readonly clusterId: string
  readonly storageType: StorageType
  /** Whether everything that belongs to the server serves, e.g. a gateway beside it. */
  readonly ready: () => boolean
}

export interface BareResponse {
  readonly status: number
  readonly body: Data
}

const clusterName = 'vault-cluster-embedded'
const notReady = 503
const truths = new Set(['', '1', 't', 'T', 'true', 'TRUE', 'True'])

/** The paths answered without token, envelope or audit line: what load balancers and clients look at first. */
export function statusResponse(config: StatusConfig, path: string, query: URLSearchParams): BareResponse | undefined {
  switch (path) {
    case 'sys/health':
      return health(config, query)
    case 'sys/seal-status':
      return { status: 200, body: sealStatus(config) }
    case 'sys/init':
      return { status: 200, body: { initialized: true } }
    case 'sys/leader':
      return {
        status: 200,
        body: {
          ha_enabled: false,
          is_self: false,
          active_time: '0001-01-01T00:00:00Z',
          leader_address: '',
          leader_cluster_address: '',
          performance_standby: false,
          performance_standby_last_remote_wal: 0,
        },
      }
    default:
      return undefined
  }
}

/** Not ready looks like a standby that must not be sent requests: 503, or the status the asker wants for standbys. */
function health({ clock, version, clusterId, ready }: StatusConfig, query: URLSearchParams): BareResponse {
  const active = ready()
  const code = (name: string, otherwise: number): number => {
    const given = query.get(name)
    return given !== null && /^[1-5]\d\d$/.test(given) ? Number(given) : otherwise
  }
  const activeStatus = code('activecode', 200)
  const standbyOk = query.has('standbyok') && truths.has(query.get('standbyok') ?? '')
  return {
    status: active || standbyOk ? activeStatus : code('standbycode', notReady),
    body: {
      initialized: true,
      sealed: false,
      standby: !active,
      performance_standby: false,
      replication_performance_mode: 'disabled',
      replication_dr_mode: 'disabled',
      server_time_utc: Math.floor(clock.now() / 1000),
      version,
      enterprise: false,
      cluster_name: clusterName,
      cluster_id: clusterId,
      echo_duration_ms: 0,
      clock_skew_ms: 0,
      replication_primary_canary_age_ms: 0,
    },
  }
}

function sealStatus({ version, clusterId, storageType }: StatusConfig): Data {
  return {
    type: 'shamir',
    initialized: true,
    sealed: false,
    t: 1,
    n: 1,
    progress: 0,
    nonce: '',
    version,
    build_date: '',
    migration: false,
    cluster_name: clusterName,
    cluster_id: clusterId,
    recovery_seal: false,
    storage_type: storageType,
  }
}
