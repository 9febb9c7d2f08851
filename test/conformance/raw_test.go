package conformance

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/encoding/protowire"
)

const cookie = "VAULT_BACKEND_PLUGIN=6669da05-b1c8-4f49-97d9-c8e5bed98e20"

// raw is a host played by hand, for what the SDK does always in one way.
type raw struct {
	t      testing.TB
	cmd    *exec.Cmd
	host   tls.Certificate
	stdout *lines
	stderr *lines
	fields []string // of the handshake line
	server *x509.Certificate
	conn   *grpc.ClientConn
	broker grpc.ClientStream
}

// identity is a one-time certificate like the one go-plugin makes for a host.
func identity(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "localhost", Organization: []string{"HashiCorp"}},
		DNSNames:              []string{"localhost"},
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		NotBefore:             time.Now().Add(-30 * time.Second),
		NotAfter:              time.Now().Add(30 * year),
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// spawn starts the executable and collects what it prints; nothing of the handshake is done yet.
func spawn(t testing.TB, env ...string) *raw {
	t.Helper()
	r := &raw{t: t, host: identity(t), cmd: exec.Command(pluginFile(t)), stdout: newLines(), stderr: newLines()}
	r.cmd.Env = append(os.Environ(), env...)
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go r.stdout.read(out)
	go r.stderr.read(errs)
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		r.wait(5 * time.Second)
		if r.conn != nil {
			_ = r.conn.Close()
		}
	})
	return r
}

// wait returns the exit code once the process has ended and both pipes are read, or fails.
func (r *raw) wait(within time.Duration) int {
	r.t.Helper()
	if !r.stdout.ended(within) || !r.stderr.ended(within) {
		r.t.Fatalf("the plugin did not end within %s", within)
	}
	_ = r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode()
}

// start launches the plugin as go-plugin does for version 5 and connects.
func start(t testing.TB, env ...string) *raw {
	t.Helper()
	host := identity(t)
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: host.Certificate[0]}))
	r := spawn(t, append([]string{cookie, "PLUGIN_PROTOCOL_VERSIONS=5", "PLUGIN_MIN_PORT=10000", "PLUGIN_MAX_PORT=25000", "PLUGIN_CLIENT_CERT=" + certificate}, env...)...)
	r.host = host
	line, ok := r.stdout.first(callLimit)
	if !ok {
		t.Fatalf("no handshake line; stderr: %s", r.stderr.text())
	}
	r.fields = strings.Split(line, "|")
	if len(r.fields) < 6 {
		t.Fatalf("the handshake line has %d fields: %q", len(r.fields), line)
	}
	der, err := base64.RawStdEncoding.DecodeString(r.fields[5])
	if err != nil {
		t.Fatalf("field 6 is no unpadded base64: %v", err)
	}
	if r.server, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	r.conn = r.dial(&tls.Config{Certificates: []tls.Certificate{r.host}, RootCAs: poolOf(r.server), ServerName: "localhost", MinVersion: tls.VersionTLS12})
	return r
}

func poolOf(certificate *x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool
}

func (r *raw) dial(config *tls.Config) *grpc.ClientConn {
	r.t.Helper()
	dialer := func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.fields[3])
	}
	conn, err := grpc.Dial("passthrough:///localhost", grpc.WithContextDialer(dialer), grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)))
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// shutdown asks the process to end.
func (r *raw) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	var reply []byte
	_ = r.conn.Invoke(ctx, "/plugin.GRPCController/Shutdown", &[]byte{}, &reply, grpc.ForceCodec(bytesCodec{}))
}

// openBroker opens the stream on which a host announces its listeners.
func (r *raw) openBroker() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r.t.Cleanup(cancel)
	stream, err := r.conn.NewStream(ctx, &grpc.StreamDesc{StreamName: "StartStream", ServerStreams: true, ClientStreams: true}, "/plugin.GRPCBroker/StartStream", grpc.ForceCodec(bytesCodec{}))
	if err != nil {
		r.t.Fatal(err)
	}
	r.broker = stream
}

// announce sends ConnInfo {1 service_id, 2 network, 3 address}.
func (r *raw) announce(id uint32, address string) {
	r.t.Helper()
	message := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(id))
	message = protowire.AppendString(protowire.AppendTag(message, 2, protowire.BytesType), "unix")
	message = protowire.AppendString(protowire.AppendTag(message, 3, protowire.BytesType), address)
	if err := r.broker.SendMsg(&message); err != nil {
		r.t.Fatal(err)
	}
}

// serveStorage listens as a host does for one mount, under the certificate given, and returns the address and the storage behind it.
func (r *raw) serveStorage(certificate tls.Certificate) (string, *wireStore) {
	r.t.Helper()
	address := filepath.Join(r.t.TempDir(), "s")
	listener, err := net.Listen("unix", address)
	if err != nil {
		r.t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: poolOf(r.server), MinVersion: tls.VersionTLS12}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	served := &wireStore{store: newStore()}
	RegisterStorage(server, served)
	RegisterSystemView(server, &wireSystem{})
	go func() { _ = server.Serve(listener) }()
	r.t.Cleanup(server.Stop)
	return address, served
}

// wireStore serves a store on the wire.
type wireStore struct {
	pbStorageServer
	store *store
}

func (w *wireStore) Get(ctx context.Context, args *pbStorageGetArgs) (*pbStorageGetReply, error) {
	entry, err := w.store.Get(ctx, args.Key)
	if err != nil || entry == nil {
		return &pbStorageGetReply{Err: text(err)}, nil
	}
	return &pbStorageGetReply{Entry: &pbStorageEntry{Key: entry.Key, Value: entry.Value}}, nil
}

func (w *wireStore) Put(ctx context.Context, args *pbStoragePutArgs) (*pbStoragePutReply, error) {
	return &pbStoragePutReply{Err: text(w.store.Put(ctx, &StorageEntry{Key: args.Entry.Key, Value: args.Entry.Value}))}, nil
}

func (w *wireStore) Delete(ctx context.Context, args *pbStorageDeleteArgs) (*pbStorageDeleteReply, error) {
	return &pbStorageDeleteReply{Err: text(w.store.Delete(ctx, args.Key))}, nil
}

func (w *wireStore) List(ctx context.Context, args *pbStorageListArgs) (*pbStorageListReply, error) {
	keys, err := w.store.List(ctx, args.Prefix)
	return &pbStorageListReply{Keys: keys, Err: text(err)}, nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// wireSystem answers what an engine may want to know of its mount.
type wireSystem struct{ pbSystemViewServer }

func (w *wireSystem) DefaultLeaseTTL(context.Context, *pbEmpty) (*pbTTLReply, error) {
	return &pbTTLReply{TTL: int64(768 * time.Hour)}, nil
}

func (w *wireSystem) MaxLeaseTTL(context.Context, *pbEmpty) (*pbTTLReply, error) {
	return &pbTTLReply{TTL: int64(768 * time.Hour)}, nil
}

func (w *wireSystem) Tainted(context.Context, *pbEmpty) (*pbTaintedReply, error) {
	return &pbTaintedReply{}, nil
}

func (w *wireSystem) LocalMount(context.Context, *pbEmpty) (*pbLocalMountReply, error) {
	return &pbLocalMountReply{}, nil
}

func (w *wireSystem) ReplicationState(context.Context, *pbEmpty) (*pbReplicationReply, error) {
	return &pbReplicationReply{}, nil
}

// bytesCodec passes messages that are encoded already. go-plugin keeps its message types to itself.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(message any) ([]byte, error) {
	encoded, ok := message.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("%T is no encoded message", message)
	}
	return *encoded, nil
}

func (bytesCodec) Unmarshal(encoded []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), encoded...)
	return nil
}

// lines is what a process wrote to one of its pipes.
type lines struct {
	mu   sync.Mutex
	all  []string
	any  chan struct{}
	once sync.Once
	done chan struct{}
}

func newLines() *lines { return &lines{any: make(chan struct{}), done: make(chan struct{})} }

func (l *lines) read(pipe io.Reader) {
	defer close(l.done)
	scanner := bufio.NewScanner(pipe)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		l.mu.Lock()
		l.all = append(l.all, scanner.Text())
		l.mu.Unlock()
		l.once.Do(func() { close(l.any) })
	}
}

func (l *lines) first(within time.Duration) (string, bool) {
	select {
	case <-l.any:
		return l.list()[0], true
	case <-l.done:
	case <-time.After(within):
	}
	return "", false
}

func (l *lines) ended(within time.Duration) bool {
	select {
	case <-l.done:
		return true
	case <-time.After(within):
		return false
	}
}

func (l *lines) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.all...)
}

func (l *lines) text() string { return strings.Join(l.list(), "\n") }
