package conformance

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func TestAWrongOrMissingCookieExitsWith1AndNothingOnStdout(t *testing.T) {
	t.Setenv("VAULT_BACKEND_PLUGIN", "")
	for name, env := range map[string][]string{
		"missing":               {},
		"wrong":                 {"VAULT_BACKEND_PLUGIN=01234567-89ab-cdef-0123-456789abcdef"},
		"another plugin type's": {"VAULT_DATABASE_PLUGIN=926a0820-aea2-be28-51d6-83cdf00e8edb"},
	} {
		r := spawn(t, append(env, "PLUGIN_PROTOCOL_VERSIONS=5")...)
		if code := r.wait(callLimit); code != 1 {
			t.Errorf("%s cookie: exit code %d", name, code)
		}
		if r.stdout.text() != "" || r.stderr.text() == "" {
			t.Errorf("%s cookie: stdout %q, stderr %q", name, r.stdout.text(), r.stderr.text())
		}
	}
}

func TestAHostThatDoesNotOfferVersion5IsRefused(t *testing.T) {
	for _, offered := range []string{"4,3", "6", ""} {
		r := spawn(t, cookie, "PLUGIN_PROTOCOL_VERSIONS="+offered)
		if code := r.wait(callLimit); code == 0 || r.stdout.text() != "" || r.stderr.text() == "" {
			t.Errorf("offered %q: exit code %d, stdout %q, stderr %q", offered, code, r.stdout.text(), r.stderr.text())
		}
	}
	// The server's own second try, after a version 5 launch that failed: version 4 in metadata mode.
	h := newHost(t)
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	if _, err := NewBackendV4(ctx, "mcp", PluginTypeSecrets, &system{host: h}, &BackendConfig{Logger: hclog.NewNullLogger()}, true); err == nil {
		t.Error("a version 4 launch succeeded")
	}
}

func TestStdoutIsOneLineWithAnUnpaddedCertificateAndThenSilence(t *testing.T) {
	// Whether base64 needs padding depends on the length of a signature, which varies: one start proves nothing.
	for range 4 {
		r := start(t)
		if got := strings.Join(r.fields[:3], "|"); got != "1|5|unix" || r.fields[4] != "grpc" || len(r.fields) != 6 {
			t.Fatalf("handshake line %q", r.stdout.text())
		}
		if len(r.fields[3]) > 107 || !strings.HasPrefix(r.fields[3], "/") {
			t.Errorf("address %q", r.fields[3])
		}
		if r.server.VerifyHostname("localhost") != nil || time.Until(r.server.NotAfter) < 10*year || time.Since(r.server.NotBefore) <= 0 {
			t.Errorf("certificate for %v, from %s to %s", r.server.DNSNames, r.server.NotBefore, r.server.NotAfter)
		}
		r.checkHealth()
		r.shutdown()
		r.wait(2 * time.Second)
		if printed := r.stdout.list(); len(printed) != 1 {
			t.Errorf("%d lines on stdout: %q", len(printed), printed)
		}
	}
}

func TestASeventhFieldComesOnlyWhenTheHostAsksForBrokerMultiplexing(t *testing.T) {
	r := start(t, "PLUGIN_MULTIPLEX_GRPC=true")
	if len(r.fields) != 7 || r.fields[6] != "false" {
		t.Errorf("handshake line %q", r.stdout.text())
	}
}

func (r *raw) health(conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
	if err == nil && answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		r.t.Errorf("health is %s", answer.Status)
	}
	return err
}

func (r *raw) checkHealth() {
	r.t.Helper()
	if err := r.health(r.conn); err != nil {
		r.t.Fatal(err)
	}
}

func TestOnlyTheHostsOwnCertificateIsServed(t *testing.T) {
	r := start(t)
	r.refusesStrangers()
	r.checkHealth()
}

func (r *raw) refusesStrangers() {
	r.t.Helper()
	roots := poolOf(r.server)
	stranger := identity(r.t)
	for name, config := range map[string]*tls.Config{
		"no certificate":         {RootCAs: roots, ServerName: "localhost"},
		"another host's":         {RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{stranger}},
		"the plugin's, no key":   {RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{{Certificate: [][]byte{r.server.Raw}, PrivateKey: stranger.PrivateKey}}},
		"the host's, by TLS 1.1": {RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{r.host}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	} {
		conn := r.dial(config)
		if err := r.health(conn); err == nil {
			r.t.Errorf("%s: was served", name)
		}
		_ = conn.Close()
	}
}

func TestAStorageServerWithAnotherCertificateIsNotUsed(t *testing.T) {
	r := start(t)
	r.refusesForeignStorage()
	r.checkHealth()
}

func (r *raw) refusesForeignStorage() {
	r.t.Helper()
	r.openBroker()
	address, served := r.serveStorage(identity(r.t))
	r.announce(1, address)
	reply, err := r.setup("foreign", 1)
	if err == nil && reply == "" {
		_, err = r.ask("foreign", ReadOperation, "config", "null")
	}
	if err == nil && reply == "" {
		r.t.Error("a mount works on a storage that is not the host's")
	}
	if asked := served.store.count().total(); asked != 0 {
		r.t.Errorf("it was asked %d times", asked)
	}
}

// A plugin inherits whatever the server was started with.
func TestAnInheritedEnvironmentOpensNothingAndBreaksNothing(t *testing.T) {
	r := start(t, "NODE_TLS_REJECT_UNAUTHORIZED=0", "NODE_OPTIONS=--tls-min-v1.0", "http_proxy=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1", "grpc_proxy=http://127.0.0.1:1",
		"GRPC_VERBOSITY=DEBUG", "GRPC_TRACE=all", "NODE_DEBUG=net,tls,http2", "VAULT_TOKEN=root", "VAULT_PLUGIN_METADATA_MODE=false")
	r.refusesStrangers()
	r.refusesForeignStorage()
	address, served := r.serveStorage(r.host)
	r.announce(2, address)
	if reply, err := r.setup("m1", 2); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	r.working("m1", served)
	token := r.issue("m1")
	r.shutdown()
	r.wait(2 * time.Second)
	if printed := r.stdout.list(); len(printed) != 1 {
		t.Errorf("%d lines on stdout", len(printed))
	}
	readable(t, r.stderr.list())
	if strings.Contains(r.stderr.text(), token) {
		t.Error("the log holds a token")
	}
}

var sixDigits = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$`)

// A field of another type would bring down the host's process, a time of another form would lose the level.
func TestEveryLogLineIsOneGoPluginReads(t *testing.T) {
	r := start(t)
	r.openBroker()
	address, served := r.serveStorage(r.host)
	r.announce(1, address)
	if reply, err := r.setup("m1", 1); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	served.store.intercept(func(string, string) error { return errBroken })
	_, _ = r.ask("m1", RollbackOperation, "", "null")
	_, _ = r.ask("m1", UpdateOperation, "creds/"+hostileName, `{"purpose":"x"}`)
	_, _ = r.ask("m1", UpdateOperation, "config", `{"@level":30,"@message":5,"@timestamp":null}`)
	_, _ = r.ask("m1", UpdateOperation, "config", `no JSON`)
	_, _ = r.ask("nobody", ReadOperation, "config", "null")
	r.shutdown()
	r.wait(2 * time.Second)
	readable(t, r.stderr.list())
	if len(r.stderr.list()) == 0 {
		t.Error("nothing was logged")
	}
}

// readable fails for lines go-plugin would not take for structured ones.
func readable(t *testing.T, printed []string) {
	t.Helper()
	for _, line := range printed {
		entry := map[string]any{}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("no JSON object: %.300q", line)
			continue
		}
		level, _ := entry["@level"].(string)
		at, _ := entry["@timestamp"].(string)
		if _, ok := entry["@message"].(string); !ok || !sixDigits.MatchString(at) || hclog.LevelFromString(level) == hclog.NoLevel || len(line) > 64<<10 {
			t.Errorf("not as hclog writes it: %.300q", line)
		}
	}
}

// strayOutput is loaded into the process before the plugin: on a signal whatever a library may print, and at last a fault nobody catches.
const strayOutput = `process.once('SIGUSR2', () => {
  console.log('to stdout')
  console.error('to stderr')
  process.emitWarning('of node')
  process.stderr.write('{"@level":30,"@message":5,"@timestamp":null}\n')
  process.stdout.write('x'.repeat(200000) + '\n')
  setImmediate(() => { throw new Error('first line\nsecond line') })
})`

// Each line arrives under its own level; one that go-plugin cannot read it would show raw, at debug, or end the host for.
func TestWhateverIsPrintedReachesTheHostsLogUnderItsLevel(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stray.cjs")
	if err := os.WriteFile(file, []byte(strayOutput), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHost(t, "NODE_OPTIONS=--require="+file)
	h.mount()
	if err := syscall.Kill(h.pid(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	if !gone(h.pid(), callLimit) {
		t.Fatal("it runs on after a fault nobody caught")
	}
	h.stop()
	levels := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(h.logs.text()), "\n") {
		entry := map[string]any{}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		message, level := fmt.Sprint(entry["@message"]), fmt.Sprint(entry["@level"])
		if strings.HasPrefix(message, `{"@level":"`) {
			t.Errorf("go-plugin did not read this line: %q", message)
		}
		levels[message] = level
	}
	for message, level := range map[string]string{
		"to stdout":        "info",
		"to stderr":        "warn",
		"Warning: of node": "warn",
		`{"@level":30,"@message":5,"@timestamp":null}`: "warn",
		"uncaught exception; the plugin exits":          "error",
	} {
		if levels[message] != level {
			t.Errorf("%q is at level %q, want %q", message, levels[message], level)
		}
	}
}
