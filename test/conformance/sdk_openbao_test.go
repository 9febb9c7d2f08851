//go:build !vault

package conformance

import (
	"context"

	"github.com/openbao/openbao/sdk/v2/framework"
	"github.com/openbao/openbao/sdk/v2/helper/consts"
	"github.com/openbao/openbao/sdk/v2/helper/pluginutil"
	"github.com/openbao/openbao/sdk/v2/logical"
	"github.com/openbao/openbao/sdk/v2/plugin"
	"github.com/openbao/openbao/sdk/v2/plugin/pb"
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

const sdkHasTransactions = true

// transactional is below with OpenBao's transactions: writes are kept aside until they are committed.
func transactional(below *store) Storage { return &transactionalStore{store: below} }

type transactionalStore struct{ *store }

var _ logical.Transactional = (*transactionalStore)(nil)

func (s *transactionalStore) BeginReadOnlyTx(context.Context) (logical.Transaction, error) {
	return &transaction{store: s.store, written: map[string][]byte{}, readOnly: true}, nil
}

func (s *transactionalStore) BeginTx(context.Context) (logical.Transaction, error) {
	return &transaction{store: s.store, written: map[string][]byte{}}, nil
}

type transaction struct {
	*store
	written  map[string][]byte // nil = deleted
	readOnly bool
}

func (tx *transaction) Get(ctx context.Context, key string) (*StorageEntry, error) {
	if value, ok := tx.written[key]; ok {
		if value == nil {
			return nil, nil
		}
		return &StorageEntry{Key: key, Value: value}, nil
	}
	return tx.store.Get(ctx, key)
}

func (tx *transaction) Put(_ context.Context, entry *StorageEntry) error {
	if tx.readOnly {
		return ErrReadOnly
	}
	tx.written[entry.Key] = entry.Value
	return nil
}

func (tx *transaction) Delete(_ context.Context, key string) error {
	if tx.readOnly {
		return ErrReadOnly
	}
	tx.written[key] = nil
	return nil
}

func (tx *transaction) Commit(ctx context.Context) error {
	for key, value := range tx.written {
		var err error
		if value == nil {
			err = tx.store.Delete(ctx, key)
		} else {
			err = tx.store.Put(ctx, &StorageEntry{Key: key, Value: value})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *transaction) Rollback(context.Context) error { return nil }

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
