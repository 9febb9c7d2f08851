package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// callLimit bounds every call of a row: what takes longer hangs.
const callLimit = 20 * time.Second

const year = 365 * 24 * time.Hour

// pluginFile is the executable under test.
func pluginFile(t testing.TB) string {
	t.Helper()
	file := os.Getenv("MCP_PLUGIN")
	if file == "" {
		t.Fatal("MCP_PLUGIN does not name the plugin's executable; npm run test:plugin builds one and sets it")
	}
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// host is a server's plugin catalogue with one entry: one process for all mounts, as the SDK's multiplexing asks for.
type host struct {
	t      testing.TB
	runner *PluginRunner
	logs   *logBook

	mu      sync.Mutex
	process *process
}

type process struct {
	client    *goplugin.Client
	protocol  goplugin.ClientProtocol
	conn      *grpc.ClientConn
	pid       int
	instances int
}

func newHost(t testing.TB, env ...string) *host {
	t.Helper()
	file := pluginFile(t)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	h := &host{t: t, logs: newLogBook(), runner: &PluginRunner{Name: "mcp", Type: PluginTypeSecrets, Command: file, Env: env, Sha256: sum[:]}}
	t.Cleanup(h.stop)
	return h
}

// stop ends the process as a host does.
func (h *host) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process != nil {
		h.process.client.Kill()
		h.process = nil
	}
}

func (h *host) pid() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.process.pid
}

func (h *host) newClient(ctx context.Context, config PluginClientConfig) (PluginClient, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process == nil || h.process.client.Exited() {
		started, err := h.launch(ctx, config)
		if err != nil {
			return nil, err
		}
		h.process = started
	}
	supported, err := MultiplexingSupported(ctx, h.process.conn, config.Name)
	if err != nil {
		return nil, err
	}
	if !supported {
		return nil, errors.New("the plugin does not offer multiplexing")
	}
	h.process.instances++
	return &instanceClient{ClientProtocol: h.process.protocol, host: h, process: h.process, conn: &multiplexedConn{h.process.conn, randomID()}}, nil
}

func (h *host) launch(ctx context.Context, config PluginClientConfig) (*process, error) {
	client, err := h.runner.RunConfig(ctx, runOptions(config)...)
	if err != nil {
		return nil, err
	}
	protocol, err := client.Client()
	if err != nil {
		client.Kill()
		return nil, err
	}
	return &process{client: client, protocol: protocol, conn: protocol.(*goplugin.GRPCClient).Conn, pid: client.ReattachConfig().Pid}, nil
}

// instanceClient is one mount's hold on the process.
type instanceClient struct {
	goplugin.ClientProtocol
	host    *host
	process *process
	conn    *multiplexedConn
	closed  sync.Once
}

func (c *instanceClient) Conn() grpc.ClientConnInterface { return c.conn }

// Close ends the process with its last mount.
func (c *instanceClient) Close() error {
	c.closed.Do(func() {
		c.host.mu.Lock()
		defer c.host.mu.Unlock()
		c.process.instances--
		if c.process.instances == 0 {
			c.process.client.Kill()
		}
	})
	return nil
}

func (c *instanceClient) Reload() error {
	c.process.client.Kill()
	return nil
}

// multiplexedConn names the mount in the metadata of each of its calls.
type multiplexedConn struct {
	*grpc.ClientConn
	id string
}

func (c *multiplexedConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return c.ClientConn.Invoke(metadata.AppendToOutgoingContext(ctx, "multiplex_id", c.id), method, args, reply, opts...)
}

func randomID() string {
	random := make([]byte, 5)
	if _, err := rand.Read(random); err != nil {
		panic(err)
	}
	return hex.EncodeToString(random)
}

// system is what the plugin may ask of the host about a mount. It counts what it is asked.
type system struct {
	StaticSystemView
	host        *host
	asked       atomic.Int64
	tainted     atomic.Bool
	replication atomic.Uint32
}

func (s *system) NewPluginClient(ctx context.Context, config PluginClientConfig) (PluginClient, error) {
	return s.host.newClient(ctx, config)
}

func (s *system) LookupPluginVersion(context.Context, string, PluginType, string) (*PluginRunner, error) {
	return s.host.runner, nil
}

func (s *system) LookupPlugin(context.Context, string, PluginType) (*PluginRunner, error) {
	return s.host.runner, nil
}

func (s *system) VaultVersion(context.Context) (string, error) { return "1.20.0", nil }

func (s *system) DefaultLeaseTTL() time.Duration {
	s.asked.Add(1)
	return s.StaticSystemView.DefaultLeaseTTL()
}

func (s *system) MaxLeaseTTL() time.Duration {
	s.asked.Add(1)
	return s.StaticSystemView.MaxLeaseTTL()
}

func (s *system) Tainted() bool {
	s.asked.Add(1)
	return s.tainted.Load()
}

func (s *system) ReplicationState() ReplicationState {
	s.asked.Add(1)
	return ReplicationState(s.replication.Load())
}

func (s *system) LocalMount() bool {
	s.asked.Add(1)
	return s.StaticSystemView.LocalMount()
}

// mount is the engine mounted once.
type mount struct {
	t       testing.TB
	host    *host
	backend Backend
	store   *store
	system  *system
	storage Storage
	root    []string
}

type mountOption func(*mount)

func on(s *store) mountOption { return func(m *mount) { m.store, m.storage = s, s } }

func onTransactional(s *store) mountOption {
	return func(m *mount) { m.store, m.storage = s, transactional(s) }
}

func asStandby(m *mount) { m.system.replication.Store(uint32(PerformanceStandby)) }

// mount does what `secrets enable` does: construct, check, route, start.
func (h *host) mount(options ...mountOption) *mount {
	h.t.Helper()
	m, err := h.tryMount(options...)
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

func (h *host) tryMount(options ...mountOption) (*mount, error) {
	m := &mount{t: h.t, host: h, system: &system{host: h}}
	m.system.DefaultLeaseTTLVal, m.system.MaxLeaseTTLVal = 768*time.Hour, 768*time.Hour
	on(newStore())(m)
	for _, option := range options {
		option(m)
	}
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	config := &BackendConfig{
		Logger:      h.logs.logger(),
		System:      m.system,
		StorageView: m.storage,
		BackendUUID: "uuid-" + randomID(),
		Config:      map[string]string{"plugin_name": "mcp", "plugin_type": "secret", "plugin_version": ""},
	}
	backend, err := NewBackendV5(ctx, "mcp", PluginTypeSecrets, "", m.system, config)
	if err != nil {
		return nil, err
	}
	m.backend = backend
	if err := m.setup(ctx, config); err != nil {
		return nil, err
	}
	if found := backend.Type(); found != TypeLogical {
		return nil, fmt.Errorf("type is %v", found)
	}
	if paths := backend.SpecialPaths(); paths != nil {
		m.root = paths.Root
	}
	if err := backend.Initialize(ctx, nil); err != nil {
		return nil, err
	}
	return m, nil
}

// setup refuses writes, as a server does until the mount is routed.
func (m *mount) setup(ctx context.Context, config *BackendConfig) error {
	m.store.intercept(func(operation, _ string) error {
		if operation == "put" || operation == "delete" {
			return ErrSetupReadOnly
		}
		return nil
	})
	defer m.store.intercept(nil)
	return m.backend.Setup(ctx, config)
}

// again is the same mount on the same storage, in whatever process there is now.
func (m *mount) again() *mount {
	m.t.Helper()
	return m.host.mount(func(next *mount) { next.store, next.storage = m.store, m.storage })
}

func (m *mount) request(operation Operation, path string, data map[string]any) *Request {
	return &Request{
		ID:          randomID(),
		Operation:   operation,
		Path:        path,
		Data:        data,
		Storage:     m.storage,
		ClientToken: "0123456789abcdef0123456789abcdef01234567",
		MountPoint:  "mcp/",
		MountType:   "mcp",
	}
}

// handle sends a request the way core does, without a gRPC deadline of its own making.
func (m *mount) handle(request *Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	return m.backend.HandleRequest(ctx, request)
}

func (m *mount) call(operation Operation, path string, data map[string]any) (*Response, error) {
	return m.handle(m.request(operation, path, data))
}

// must is a call that has to succeed.
func (m *mount) must(operation Operation, path string, data map[string]any) *Response {
	m.t.Helper()
	response, err := m.call(operation, path, data)
	if err != nil {
		m.t.Fatalf("%s %q: %v", operation, path, err)
	}
	if response != nil && response.IsError() {
		m.t.Fatalf("%s %q: %v", operation, path, response.Error())
	}
	return response
}

func (m *mount) write(path string, data map[string]any) *Response {
	m.t.Helper()
	return m.must(UpdateOperation, path, data)
}

const scope = "read:stripe:invoices"

// declare registers an agent that may have tokens of up to an hour.
func (m *mount) declare(agent string) {
	m.t.Helper()
	m.write("agents/"+agent, map[string]any{"owner": "platform-team", "environment": "production"})
	m.write("agents/"+agent+"/scopes", map[string]any{"scopes": []string{scope}, "max_ttl_seconds": 3600})
}

func (m *mount) issue(agent string) *Response {
	m.t.Helper()
	response := m.write("creds/"+agent, map[string]any{"purpose": "conformance"})
	if response == nil || response.Secret == nil {
		m.t.Fatalf("creds/%s answered no secret: %v", agent, response)
	}
	return response
}

func (m *mount) introspect(token any) map[string]any {
	m.t.Helper()
	return m.write("introspect", map[string]any{"token": token}).Data
}

// alive reports whether the engine holds the token for good.
func (m *mount) alive(token any) bool {
	m.t.Helper()
	return m.introspect(token)["active"] == true
}

// lease is the request by which core renews or revokes what was issued at path.
func (m *mount) lease(operation Operation, path string, issued *Response, increment time.Duration) *Request {
	request := m.request(operation, path, issued.Data)
	request.ID, request.ClientToken = "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	secret := *issued.Secret
	secret.IssueTime, secret.Increment = issuedAt(m.t, issued), increment
	request.Secret = &secret
	return request
}

func issuedAt(t testing.TB, issued *Response) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, fmt.Sprint(issued.Data["issued_at"]))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// logBook is the host's log, as its operator would read it.
type logBook struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func newLogBook() *logBook { return &logBook{} }

func (b *logBook) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines.Write(line)
}

func (b *logBook) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines.String()
}

// logger is at debug, not trace: at trace the SDK puts a middleware before the plugin.
func (b *logBook) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: "secrets.mcp", Level: hclog.Debug, Output: b, JSONFormat: true})
}

// running reports whether the process is there and no zombie.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// The state follows the command, which is in parentheses and may hold anything.
	_, after, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')'):]), " ")
	return !strings.HasPrefix(after, "Z")
}

// gone waits until the process has ended.
func gone(pid int, within time.Duration) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if !running(pid) {
			return true
		}
	}
	return !running(pid)
}
