package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var errBroken = errors.New("the disk is broken")

const hostileName = "x\n\"@level\":30"

// as is a call's context in the name of one mount.
func as(id string, within time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	return metadata.AppendToOutgoingContext(ctx, "multiplex_id", id), cancel
}

// setup returns the error the plugin answered, as text.
func (r *raw) setup(id string, broker uint32) (string, error) {
	ctx, cancel := as(id, callLimit)
	defer cancel()
	reply, err := NewPBBackendClient(r.conn).Setup(ctx, &pbSetupArgs{BrokerID: broker, Config: map[string]string{"plugin_name": "mcp"}, BackendUUID: "uuid-" + id})
	if err != nil {
		return "", err
	}
	return reply.Err, nil
}

// ask sends a request whose data is the very text given, and returns the data answered or an error of whichever kind.
func (r *raw) ask(id string, operation Operation, path, data string) (string, error) {
	ctx, cancel := as(id, callLimit)
	defer cancel()
	request := &pbRequest{Operation: string(operation), Path: path, Data: data, ClientToken: "0123", MountPoint: "mcp/"}
	reply, err := NewPBBackendClient(r.conn).HandleRequest(ctx, &pbHandleRequestArgs{Request: request})
	switch {
	case err != nil:
		return "", err
	case reply.Err != nil:
		return "", errors.New(reply.Err.ErrMsg)
	case reply.Response == nil:
		return "", nil
	}
	return reply.Response.Data, nil
}

// issue registers an agent at the mount and returns a token for it.
func (r *raw) issue(id string) string {
	r.t.Helper()
	for _, row := range [][2]string{
		{"agents/billing", `{"owner":"x","environment":"production"}`},
		{"agents/billing/scopes", `{"scopes":["` + scope + `"]}`},
		{"creds/billing", `{}`},
	} {
		answer, err := r.ask(id, UpdateOperation, row[0], row[1])
		if err != nil {
			r.t.Fatal(err)
		}
		var data struct{ Token string }
		if answer != "" && json.Unmarshal([]byte(answer), &data) == nil && data.Token != "" {
			return data.Token
		}
	}
	r.t.Fatal("no token was issued")
	return ""
}

// working fails unless the mount reads its config from the storage behind it.
func (r *raw) working(id string, served *wireStore) {
	r.t.Helper()
	var data string
	var err error
	asked := served.store.during(func() { data, err = r.ask(id, ReadOperation, "agents/nobody-"+randomID(), "null") })
	if err != nil && !strings.Contains(err.Error(), "not") || asked.gets == 0 {
		r.t.Errorf("mount %s answered %q, %v and asked %v", id, data, err, asked)
	}
	if data, err := r.ask(id, ReadOperation, "config", "null"); err != nil || !strings.Contains(data, "default_ttl") {
		r.t.Errorf("mount %s answered %q, %v", id, data, err)
	}
}

func TestConnInfoBeforeSetupWorks(t *testing.T) {
	r := start(t)
	r.openBroker()
	address, served := r.serveStorage(r.host)
	r.announce(1, address)
	// On the same connection, so that it is answered after the announcement has arrived.
	r.checkHealth()
	if reply, err := r.setup("m1", 1); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	r.working("m1", served)
}

func TestSetupBeforeConnInfoWaitsForIt(t *testing.T) {
	r := start(t)
	r.openBroker()
	answered := make(chan error, 1)
	go func() {
		reply, err := r.setup("m1", 2)
		if err == nil && reply != "" {
			err = errors.New(reply)
		}
		answered <- err
	}()
	// Those of other mounts arrive in between, in no order.
	other, _ := r.serveStorage(r.host)
	r.announce(3, other)
	r.announce(1, other)
	select {
	case err := <-answered:
		t.Fatalf("Setup did not wait: %v", err)
	case <-time.After(700 * time.Millisecond):
	}
	address, served := r.serveStorage(r.host)
	r.announce(2, address)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	r.working("m1", served)
}

func TestSetupWithoutConnInfoFailsAndTheProcessServesOn(t *testing.T) {
	r := start(t)
	r.openBroker()
	if reply, err := r.setup("m1", 1); err != nil || !strings.Contains(reply, "within 5 seconds") {
		t.Fatal(reply, err)
	}
	address, served := r.serveStorage(r.host)
	r.announce(2, address)
	if reply, err := r.setup("m1", 2); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	r.working("m1", served)
}

func TestASecondSetupOfOneMountReplacesTheFirst(t *testing.T) {
	r := start(t)
	r.openBroker()
	first, served := r.serveStorage(r.host)
	r.announce(1, first)
	if reply, err := r.setup("m1", 1); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	r.working("m1", served)
	second, servedNow := r.serveStorage(r.host)
	r.announce(2, second)
	if reply, err := r.setup("m1", 2); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	if asked := served.store.during(func() { r.working("m1", servedNow) }); asked.total() != 0 {
		t.Errorf("the first storage is asked on: %v", asked)
	}
}

func TestAListenerThatDoesNotExistFailsSetupOrTheRequestAndNothingElse(t *testing.T) {
	r := start(t)
	r.openBroker()
	r.announce(1, filepath.Join(os.TempDir(), "no-such-socket-"+randomID()))
	reply, err := r.setup("m1", 1)
	if err == nil && reply == "" {
		if _, err := r.ask("m1", ReadOperation, "agents/x", "null"); err == nil {
			t.Error("a mount works without a storage")
		}
	}
	address, served := r.serveStorage(r.host)
	r.announce(2, address)
	if reply, err := r.setup("m2", 2); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	r.working("m2", served)
}

func TestTwoMountsOfOneProcessKnowNothingOfEachOther(t *testing.T) {
	h := newHost(t)
	one, two := h.mount(), h.mount()
	pid := h.pid()
	before := two.store.count().puts
	one.declare("billing")
	one.write("config", map[string]any{"default_ttl": 60})
	if ttl := two.must(ReadOperation, "config", nil).Data["default_ttl"]; ttl != 900.0 {
		t.Errorf("the other mount's default_ttl is %v", ttl)
	}
	if response, err := two.call(ReadOperation, "agents/billing", nil); err != nil || response != nil {
		t.Errorf("the other mount knows the agent: %v, %v", response, err)
	}
	if written := two.store.count().puts - before; written != 0 {
		t.Errorf("%d writes to the other mount's storage", written)
	}
	two.declare("billing")
	issued := two.issue("billing")
	if one.alive(issued.Data["token"]) {
		t.Error("a token of one mount is good at the other")
	}
	one.backend.Cleanup(context.Background())
	if !two.alive(issued.Data["token"]) || h.pid() != pid || !running(pid) {
		t.Error("cleaning up one mount took the other with it")
	}
	if asked := one.store.during(func() { two.issue("billing") }); asked.total() != 0 {
		t.Errorf("the storage of the mount that is gone was asked: %v", asked)
	}
}

func TestAMultiplexIdNobodySetUpIsAnErrorAndNoCrash(t *testing.T) {
	r := start(t)
	r.openBroker()
	client := NewPBBackendClient(r.conn)
	for _, id := range []string{"nobody", ""} {
		ctx, cancel := as(id, callLimit)
		_, request := client.HandleRequest(ctx, &pbHandleRequestArgs{Request: &pbRequest{Operation: "read", Path: "config", Data: "null"}})
		_, special := client.SpecialPaths(ctx, &pbEmpty{})
		_, kind := client.Type(ctx, &pbEmpty{})
		_, cleanup := client.Cleanup(ctx, &pbEmpty{})
		cancel()
		for name, err := range map[string]error{"HandleRequest": request, "SpecialPaths": special, "Type": kind} {
			if err == nil || status.Code(err) == codes.Unavailable || status.Code(err) == codes.DeadlineExceeded {
				t.Errorf("%s as %q: %v", name, id, err)
			}
		}
		if code := status.Code(cleanup); code == codes.Unavailable || code == codes.DeadlineExceeded {
			t.Errorf("Cleanup as %q: %v", id, cleanup)
		}
	}
	r.checkHealth()
}

// At registration a server sets the plugin up with nothing behind the broker, asks its version and kills it.
func TestTheRegistrationProbeSucceedsWithoutStorage(t *testing.T) {
	h := newHost(t)
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	config := &BackendConfig{Logger: h.logs.logger()}
	backend, err := NewBackendV5(ctx, "mcp", PluginTypeSecrets, "", &system{host: h}, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := backend.Setup(ctx, config); err != nil {
		t.Fatalf("Setup: %v", err)
	}
	version := backend.(PluginVersioner).PluginVersion().Version
	if !regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(version) {
		t.Errorf("version %q", version)
	}
	pid := h.pid()
	h.stop()
	if running(pid) || strings.Contains(h.logs.text(), notGraceful) {
		t.Error(h.logs.text())
	}
}

// The very first start makes the key of the mount's keyed check, in one write; later ones find it.
func TestSetupWritesTheCheckKeyOnceAndNothingElse(t *testing.T) {
	s := newStore()
	newHost(t).mount(on(s))
	if asked := s.count(); asked.puts != 1 || asked.deletes != 0 {
		t.Errorf("the first Setup and Initialize asked %v", asked)
	}
	newHost(t).mount(on(s))
	if asked := s.count(); asked.puts != 1 || asked.deletes != 0 {
		t.Errorf("the second Setup and Initialize asked %v", asked)
	}
}
