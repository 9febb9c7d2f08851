package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// notGraceful is what go-plugin logs when a process did not end when asked to, and had to be killed.
const notGraceful = "failed to exit gracefully"

func TestSigintIsIgnored(t *testing.T) {
	h := newHost(t)
	m := h.mount()
	m.declare("billing")
	for range 3 {
		if err := syscall.Kill(h.pid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		m.issue("billing")
	}
}

func TestSigtermEndsIt(t *testing.T) {
	r := start(t)
	r.checkHealth()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r.wait(3 * time.Second)
	if _, err := os.Stat(r.fields[3]); err == nil {
		t.Error("its socket stays behind")
	}
}

func TestShutdownEndsItWithin2SecondsAndRemovesItsSocket(t *testing.T) {
	r := start(t)
	r.openBroker()
	address, served := r.serveStorage(r.host)
	r.announce(1, address)
	if reply, err := r.setup("m1", 1); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	// A request that hangs does not hold it.
	held, hanging := make(chan struct{}), make(chan struct{}, 1)
	defer close(held)
	served.store.intercept(func(string, string) error {
		select {
		case hanging <- struct{}{}:
		default:
		}
		<-held
		return nil
	})
	go func() { _, _ = r.ask("m1", ReadOperation, "agents/x", "null") }()
	<-hanging
	r.shutdown()
	if code := r.wait(2 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(r.fields[3]); err == nil {
		t.Error("its socket stays behind")
	}
}

func TestKillOfTheHostsClientIsGraceful(t *testing.T) {
	h := newHost(t)
	m := h.mount()
	m.declare("billing")
	pid := h.pid()
	m.backend.Cleanup(context.Background())
	if running(pid) {
		t.Error("it runs on after its last mount is gone")
	}
	if strings.Contains(h.logs.text(), notGraceful) {
		t.Error(h.logs.text())
	}
}

// A server sends Cleanup twice when a mount is disabled, and to a process that is gone already.
func TestCleanupTwiceIsHarmless(t *testing.T) {
	h := newHost(t)
	keep, m := h.mount(), h.mount()
	keep.declare("billing")
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	m.backend.Cleanup(ctx)
	m.backend.Cleanup(ctx)
	if ctx.Err() != nil {
		t.Fatal("Cleanup hangs")
	}
	keep.issue("billing")
	if response, err := m.call(ReadOperation, "config", nil); err == nil {
		t.Errorf("a mount that is gone answers %v", response)
	}
	keep.issue("billing")
}

func TestAMountCanBeMadeAndUnmadeAgainAndAgain(t *testing.T) {
	h := newHost(t)
	keep := h.mount()
	keep.declare("billing")
	for range 25 {
		m := h.mount()
		m.must(ReadOperation, "config", nil)
		m.backend.Cleanup(context.Background())
	}
	keep.issue("billing")
}

func TestAHungStorageHoldsItsOwnRequestsOnly(t *testing.T) {
	h := newHost(t)
	hung, other := h.mount(), h.mount()
	other.declare("billing")
	hung.declare("billing")
	held := make(chan struct{})
	hung.store.intercept(func(operation, _ string) error {
		if operation == "put" {
			<-held
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := hung.backend.HandleRequest(ctx, hung.request(UpdateOperation, "creds/billing", nil)); err == nil {
		t.Error("it was issued without a write")
	}
	other.issue("billing")
	hung.must(HelpOperation, "", nil)
	hung.must(ReadOperation, "agents/billing", nil)
	hung.store.intercept(nil)
	close(held)
	hung.issue("billing")
}

// A gateway waits on the feed for as long as a poll lasts; a server that reloads the mount must not.
func TestAPollOfTheFeedThatWaitsDoesNotHoldCleanup(t *testing.T) {
	r := start(t)
	r.openBroker()
	address, _ := r.serveStorage(r.host)
	r.announce(1, address)
	if reply, err := r.setup("m1", 1); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	answer, err := r.ask("m1", ReadOperation, "feed", "null")
	var feed map[string]any
	if err != nil || json.Unmarshal([]byte(answer), &feed) != nil {
		t.Fatal(answer, err)
	}
	ctx, cancel := as("m1", callLimit)
	defer cancel()
	// By hand, since an ordinary call returns only with its answer.
	poll, err := r.conn.NewStream(ctx, &grpc.StreamDesc{}, "/pb.Backend/HandleRequest")
	if err != nil {
		t.Fatal(err)
	}
	data := fmt.Sprintf(`{"epoch":%q,"after":%.0f,"wait":2}`, feed["epoch"], feed["sequence"])
	if err := poll.SendMsg(&pbHandleRequestArgs{Request: &pbRequest{Operation: "read", Path: "feed", Data: data, MountPoint: "mcp/"}}); err != nil {
		t.Fatal(err)
	}
	// On the same connection, so that it arrives after the poll.
	if _, err := NewPBBackendClient(r.conn).Cleanup(ctx, &pbEmpty{}); err != nil {
		t.Fatal(err)
	}
	var reply pbHandleRequestReply
	if err := poll.RecvMsg(&reply); err != nil || reply.Response == nil {
		t.Fatal(&reply, err)
	}
	var held struct {
		Milliseconds *float64 `json:"held_ms"`
	}
	// One that was left alone is held for all of its two seconds.
	if err := json.Unmarshal([]byte(reply.Response.Data), &held); err != nil || held.Milliseconds == nil || *held.Milliseconds >= 2000 {
		t.Errorf("%v, %s", err, reply.Response.Data)
	}
}

func TestAStorageErrorIsAnOutageAndHandsNothingOut(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	issued := m.issue("billing")
	m.store.intercept(func(string, string) error { return errBroken })
	for _, row := range []struct {
		operation Operation
		path      string
		data      map[string]any
	}{
		{UpdateOperation, "creds/billing", nil},
		{ReadOperation, "agents/unread", nil},
		{UpdateOperation, "introspect", map[string]any{"token": issued.Data["token"]}},
		{UpdateOperation, "config", map[string]any{"default_ttl": 60}},
		{ListOperation, "agents/", nil},
	} {
		response, err := m.call(row.operation, row.path, row.data)
		if response != nil && response.Secret != nil {
			t.Errorf("%s: a secret was issued", row.path)
		}
		if err == nil && row.path != "introspect" {
			t.Errorf("%s: %v", row.path, response)
		}
		// A token is never called bad because the storage is.
		if row.path == "introspect" && err == nil && response.Data["active"] != true {
			t.Errorf("introspect: %v", response.Data)
		}
	}
	m.store.intercept(nil)
	if !m.alive(issued.Data["token"]) {
		t.Error("the outage ended a token")
	}
	m.issue("billing")
}

func TestManyRequestsAtOnceAreAnsweredEachItsOwn(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	var wait sync.WaitGroup
	var mu sync.Mutex
	tokens := map[any]bool{}
	for i := range 300 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			purpose := fmt.Sprintf("run %d", i)
			response, err := m.call(UpdateOperation, "creds/billing", map[string]any{"purpose": purpose})
			if err != nil || response.IsError() || response.Data["purpose"] != purpose {
				t.Errorf("%s: %v, %v", purpose, response, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			tokens[response.Data["token"]] = true
		}()
	}
	wait.Wait()
	if len(tokens) != 300 {
		t.Errorf("%d tokens", len(tokens))
	}
}

// Killed at any moment, a new process on the same storage knows every token that was handed out, and revives none that was ended.
func TestAKillDuringIssuesLosesNothingAcknowledged(t *testing.T) {
	h := newHost(t)
	m := h.mount()
	m.declare("billing")
	acknowledged, ended := []any{}, []any{}
	for round := range 4 {
		var mu sync.Mutex
		var wait sync.WaitGroup
		dead := make(chan struct{})
		answered := make(chan struct{}, 1000)
		for range 6 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				for n := 0; ; n++ {
					response, err := m.call(UpdateOperation, "creds/billing", map[string]any{"purpose": "crash"})
					if err != nil {
						return
					}
					var end error
					if n%3 == 0 {
						_, end = m.call(DeleteOperation, "creds/billing/"+response.Data["session_id"].(string), nil)
					}
					mu.Lock()
					if n%3 != 0 {
						acknowledged = append(acknowledged, response.Data["token"])
					} else if end == nil {
						ended = append(ended, response.Data["token"])
					}
					mu.Unlock()
					answered <- struct{}{}
				}
			}()
		}
		for range 10 + 15*round {
			<-answered
		}
		go func() {
			for range answered {
			}
		}()
		pid := h.pid()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		go func() { wait.Wait(); close(answered); close(dead) }()
		select {
		case <-dead:
		case <-time.After(callLimit):
			t.Fatal("requests hang after the process is gone")
		}
		m = respawn(t, m)
		if h.pid() == pid {
			t.Fatal("no new process")
		}
		m.must(RollbackOperation, "", nil)
		for _, token := range acknowledged {
			if !m.alive(token) {
				t.Fatalf("%v was handed out and is lost", token)
			}
		}
		for _, token := range ended {
			if m.alive(token) {
				t.Fatalf("%v was ended and lives", token)
			}
		}
	}
	if len(acknowledged) == 0 || len(ended) == 0 {
		t.Fatalf("%d tokens, %d ended: nothing was under way", len(acknowledged), len(ended))
	}
}

// respawn is what a server does after a request found the process dead: it sees so, and mounts anew.
func respawn(t *testing.T, m *mount) *mount {
	t.Helper()
	for deadline := time.Now().Add(callLimit); ; time.Sleep(20 * time.Millisecond) {
		_, err := m.call(ReadOperation, "config", nil)
		if errors.Is(err, ErrPluginShutdown) {
			return m.again()
		}
		if time.Now().After(deadline) {
			t.Fatalf("the host does not notice that the process is gone: %v", err)
		}
	}
}

const actAsHost = "CONFORMANCE_ACT_AS_HOST"

// TestMain lets the test binary be a host of its own, to be killed.
func TestMain(m *testing.M) {
	if os.Getenv(actAsHost) == "" {
		os.Exit(m.Run())
	}
	h := newHost(&hostless{})
	h.mount()
	fmt.Println(h.pid())
	select {}
}

// hostless is the testing.TB of a process that runs no test.
type hostless struct{ testing.TB }

func (*hostless) Helper()        {}
func (*hostless) Cleanup(func()) {}
func (*hostless) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}

func TestTheDeathOfTheHostEndsIt(t *testing.T) {
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), actAsHost+"=1", "MCP_PLUGIN="+pluginFile(t))
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	_ = server.Process.Kill()
	_ = server.Wait()
	if err != nil {
		t.Fatalf("the host printed %q", line)
	}
	if !gone(pid, 15*time.Second) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		t.Error("it lives on as an orphan")
	}
}
