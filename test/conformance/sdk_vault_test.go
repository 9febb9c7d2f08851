//go:build vault

package conformance

import (
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/helper/pluginutil"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/plugin"
	"github.com/hashicorp/vault/sdk/plugin/pb"
)

// What the rows use of the SDK under its own names, so that they are written once for all SDKs.
type (
	Backend            = logical.Backend
	BackendConfig      = logical.BackendConfig
	Connection         = logical.Connection
	RequestWrapInfo    = logical.RequestWrapInfo
	Operation          = logical.Operation
	PluginClient       = pluginutil.PluginClient
	PluginClientConfig = pluginutil.PluginClientConfig
	PluginRunner       = pluginutil.PluginRunner
	PluginType         = consts.PluginType
	PluginVersioner    = logical.PluginVersioner
	ReplicationState   = consts.ReplicationState
	Request            = logical.Request
	Response           = logical.Response
	Secret             = logical.Secret
	StaticSystemView   = logical.StaticSystemView
	Storage            = logical.Storage
	StorageEntry       = logical.StorageEntry
)

// The wire messages, for the rows that play the host by hand.
type (
	pbEmpty              = pb.Empty
	pbHandleRequestArgs  = pb.HandleRequestArgs
	pbHandleRequestReply = pb.HandleRequestReply
	pbReplicationReply   = pb.ReplicationStateReply
	pbRequest            = pb.Request
	pbSetupArgs          = pb.SetupArgs
	pbStorageDeleteArgs  = pb.StorageDeleteArgs
	pbStorageDeleteReply = pb.StorageDeleteReply
	pbStorageEntry       = pb.StorageEntry
	pbStorageGetArgs     = pb.StorageGetArgs
	pbStorageGetReply    = pb.StorageGetReply
	pbStorageListArgs    = pb.StorageListArgs
	pbStorageListReply   = pb.StorageListReply
	pbStoragePutArgs     = pb.StoragePutArgs
	pbStoragePutReply    = pb.StoragePutReply
	pbStorageServer      = pb.UnimplementedStorageServer
	pbSystemViewServer   = pb.UnimplementedSystemViewServer
	pbTTLReply           = pb.TTLReply
	pbTaintedReply       = pb.TaintedReply
	pbLocalMountReply    = pb.LocalMountReply
)

const (
	CreateOperation   = logical.CreateOperation
	DeleteOperation   = logical.DeleteOperation
	HelpOperation     = logical.HelpOperation
	ListOperation     = logical.ListOperation
	ReadOperation     = logical.ReadOperation
	RenewOperation    = logical.RenewOperation
	RevokeOperation   = logical.RevokeOperation
	RollbackOperation = logical.RollbackOperation
	UpdateOperation   = logical.UpdateOperation

	PluginTypeSecrets  = consts.PluginTypeSecrets
	PerformanceStandby = consts.ReplicationPerformanceStandby
	TypeLogical        = logical.TypeLogical
)

var (
	ErrInvalidRequest       = logical.ErrInvalidRequest
	ErrPluginShutdown       = plugin.ErrPluginShutdown
	ErrReadOnly             = logical.ErrReadOnly
	ErrSetupReadOnly        = logical.ErrSetupReadOnly
	ErrUnrecoverable        = logical.ErrUnrecoverable
	ErrUnsupportedOperation = logical.ErrUnsupportedOperation
	ErrUnsupportedPath      = logical.ErrUnsupportedPath

	MultiplexingSupported = pluginutil.MultiplexingSupported
	NewBackendV4          = plugin.NewBackend
	NewBackendV5          = plugin.NewBackendV5
	NewOASDocumentFromMap = framework.NewOASDocumentFromMap
	NewPBBackendClient    = pb.NewBackendClient
	RegisterStorage       = pb.RegisterStorageServer
	RegisterSystemView    = pb.RegisterSystemViewServer
)

// transactional: Vault's storage has no transactions, and no pages either; both are UNIMPLEMENTED on its wire.
func transactional(below *store) Storage { return below }

const sdkHasTransactions = false

// runOptions are those a server's catalogue launches a v5 plugin with.
func runOptions(config PluginClientConfig) []pluginutil.RunOpt {
	return []pluginutil.RunOpt{
		pluginutil.Runner(config.Wrapper),
		pluginutil.PluginSets(config.PluginSets),
		pluginutil.HandshakeConfig(config.HandshakeConfig),
		pluginutil.Logger(config.Logger),
		pluginutil.MetadataMode(config.IsMetadataMode),
		pluginutil.AutoMTLS(config.AutoMTLS),
		pluginutil.MLock(config.MLock),
	}
}
