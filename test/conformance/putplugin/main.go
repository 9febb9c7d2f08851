// Putplugin is the yardstick for the benchmarks: a secrets engine on the Go SDK that does, per credential, what the real one has to
// do at least: one storage Put to issue, one to revoke, no Get. Whatever it costs on a server is what the server and the protocol cost.
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/openbao/openbao/sdk/v2/framework"
	"github.com/openbao/openbao/sdk/v2/logical"
	"github.com/openbao/openbao/sdk/v2/plugin"
)

const (
	secretType = "put_token"
	ttl        = 900 * time.Second
	maxTTL     = 3600 * time.Second
)

// record is about 600 bytes of JSON: the size of a session record of the real engine.
type record struct {
	SessionID     string    `json:"session_id"`
	Agent         string    `json:"agent"`
	TokenDigest   string    `json:"token_digest"`
	Environment   string    `json:"environment"`
	Purpose       string    `json:"purpose"`
	Scopes        []string  `json:"scopes"`
	OpenedBy      string    `json:"opened_by"`
	IssuedAt      time.Time `json:"issued_at"`
	ExpiresAt     time.Time `json:"expires_at"`
	EndsAt        time.Time `json:"ends_at"`
	Generation    int       `json:"generation"`
	EndedAt       time.Time `json:"ended_at,omitzero"`
	PolicyVersion []string  `json:"policy_versions"`
}

func main() {
	logger := hclog.New(&hclog.LoggerOptions{JSONFormat: true})
	if err := plugin.ServeMultiplex(&plugin.ServeOpts{BackendFactoryFunc: factory, Logger: logger}); err != nil {
		logger.Error("putplugin ends", "error", err)
		os.Exit(1)
	}
}

func factory(ctx context.Context, conf *logical.BackendConfig) (logical.Backend, error) {
	secret := &framework.Secret{
		Type:            secretType,
		DefaultDuration: ttl,
		Renew:           renew,
		Revoke:          revoke,
	}
	backend := &framework.Backend{
		Help:        "Issues random tokens, with one storage write each.",
		BackendType: logical.TypeLogical,
		Secrets:     []*framework.Secret{secret},
		Paths:       []*framework.Path{configPath(), credsPath(secret)},
	}
	return backend, backend.Setup(ctx, conf)
}

func configPath() *framework.Path {
	return &framework.Path{
		Pattern:      "config/?$",
		HelpSynopsis: "A setting that is kept and has no effect.",
		Fields:       map[string]*framework.FieldSchema{"note": {Type: framework.TypeString, Description: "Any text."}},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   &framework.PathOperation{Callback: readConfig},
			logical.UpdateOperation: &framework.PathOperation{Callback: writeConfig},
		},
	}
}

func credsPath(secret *framework.Secret) *framework.Path {
	return &framework.Path{
		Pattern:      "creds/" + framework.GenericNameRegex("agent"),
		HelpSynopsis: "Issues a token.",
		Fields: map[string]*framework.FieldSchema{
			"agent":   {Type: framework.TypeString, Description: "Whom the token is for."},
			"purpose": {Type: framework.TypeString, Description: "What the token is for."},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: &framework.PathOperation{
				Callback: func(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
					return issue(ctx, req, data, secret)
				},
			},
		},
	}
}

func readConfig(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	entry, err := req.Storage.Get(ctx, "config")
	if err != nil || entry == nil {
		return nil, err
	}
	config := map[string]any{}
	if err := entry.DecodeJSON(&config); err != nil {
		return nil, err
	}
	return &logical.Response{Data: config}, nil
}

func writeConfig(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	return nil, put(ctx, req.Storage, "config", map[string]any{"note": data.Get("note")})
}

func issue(ctx context.Context, req *logical.Request, data *framework.FieldData, secret *framework.Secret) (*logical.Response, error) {
	agent, purpose := data.Get("agent").(string), data.Get("purpose").(string)
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	token := "put_" + hex.EncodeToString(random)
	digest := sha256.Sum256([]byte(token))
	name := hex.EncodeToString(digest[:16])
	now := time.Now().UTC().Truncate(time.Second)
	session := record{
		SessionID:     "sess_" + name,
		Agent:         agent,
		TokenDigest:   hex.EncodeToString(digest[:]),
		Environment:   "production",
		Purpose:       purpose,
		Scopes:        []string{"read:stripe:invoices", "read:stripe:customers:id-only"},
		OpenedBy:      req.ClientToken,
		IssuedAt:      now,
		ExpiresAt:     now.Add(ttl),
		EndsAt:        now.Add(8 * time.Hour),
		Generation:    1,
		PolicyVersion: []string{"agents/" + agent + "@1", "scopes/production@1", "policies/read-only@1"},
	}
	if err := put(ctx, req.Storage, "s/"+name[:2]+"/"+name, session); err != nil {
		return nil, err
	}
	resp := secret.Response(
		map[string]any{"token": token, "session_id": session.SessionID, "agent_id": agent, "ttl_seconds": int(ttl.Seconds())},
		map[string]any{"name": name, "agent": agent},
	)
	resp.Secret.TTL, resp.Secret.MaxTTL = ttl, maxTTL
	return resp, nil
}

func renew(_ context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	resp := &logical.Response{Secret: req.Secret}
	resp.Secret.TTL, resp.Secret.MaxTTL = ttl, maxTTL
	return resp, nil
}

func revoke(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	name, _ := req.Secret.InternalData["name"].(string)
	if len(name) < 2 || strings.ContainsAny(name, "/.") {
		return nil, logical.CodedError(http.StatusBadRequest, "the lease does not name its record")
	}
	return nil, put(ctx, req.Storage, "x/"+name, record{SessionID: "sess_" + name, EndedAt: time.Now().UTC()})
}

func put(ctx context.Context, storage logical.Storage, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return storage.Put(ctx, &logical.StorageEntry{Key: key, Value: text})
}
