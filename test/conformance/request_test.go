package conformance

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestNullDataIsAccepted(t *testing.T) {
	r := start(t)
	r.openBroker()
	address, _ := r.serveStorage(r.host)
	r.announce(1, address)
	if reply, err := r.setup("m1", 1); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	for _, row := range []struct {
		operation Operation
		path      string
	}{
		{ReadOperation, "config"},
		{ListOperation, "agents/"},
		{DeleteOperation, "agents/nobody"},
		{HelpOperation, ""},
		{HelpOperation, "config"},
		{RollbackOperation, ""},
	} {
		for _, data := range []string{"null", "{}"} {
			if _, err := r.ask("m1", row.operation, row.path, data); err != nil {
				t.Errorf("%s %q with %s: %v", row.operation, row.path, data, err)
			}
		}
	}
}

func TestDataThatIsNoObjectIsRefusedAndNoCrash(t *testing.T) {
	r := start(t)
	r.openBroker()
	address, served := r.serveStorage(r.host)
	r.announce(1, address)
	if reply, err := r.setup("m1", 1); err != nil || reply != "" {
		t.Fatal(reply, err)
	}
	for _, data := range []string{"", "[]", "7", "{", `{"default_ttl":60`, "\x00", strings.Repeat("[", 100_000)} {
		answer, err := r.ask("m1", UpdateOperation, "config", data)
		if err == nil && data != "" && !strings.Contains(answer, `"error"`) {
			t.Errorf("%.20q answered %q", data, answer)
		}
	}
	if written := served.store.count().puts; written > 1 {
		t.Errorf("%d writes", written)
	}
	r.working("m1", served)
}

// The standby forwards what is answered with exactly this text, once it is answered before anything was done.
func TestAReadOnlyNodeForwardsBeforeItAsksTheStorage(t *testing.T) {
	h := newHost(t)
	active := h.mount()
	active.declare("billing")
	issued := active.issue("billing")
	session := issued.Data["session_id"].(string)
	standby := h.mount(on(active.store), asStandby)
	for _, row := range []struct {
		operation Operation
		path      string
	}{
		{UpdateOperation, "creds/billing"},
		{ReadOperation, "creds/billing"},
		{UpdateOperation, "creds/nobody"},
		{UpdateOperation, "creds/billing/" + session},
		{DeleteOperation, "creds/billing/" + session},
		{ReadOperation, "sessions/" + session},
		{DeleteOperation, "sessions/" + session},
		{ListOperation, "sessions/"},
		{UpdateOperation, "introspect"},
		{ReadOperation, "feed"},
		{ReadOperation, "agents/billing"},
		{ListOperation, "agents/"},
		{UpdateOperation, "agents/billing/scopes"},
		{ReadOperation, "config"},
	} {
		asked := standby.store.during(func() {
			response, err := standby.call(row.operation, row.path, map[string]any{})
			if response != nil || err == nil || err.Error() != ErrReadOnly.Error() {
				t.Errorf("%s %s: %v, %v", row.operation, row.path, response, err)
			}
		})
		if asked.total() != 0 {
			t.Errorf("%s %s asked the storage %+v", row.operation, row.path, asked)
		}
	}
}

// What a storage that is read-only says goes to the host as it is, whatever the path.
func TestAReadOnlyStoragesOwnWordsPassUnchanged(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	issued := m.issue("billing")
	m.store.intercept(func(operation, _ string) error {
		if operation == "put" || operation == "delete" {
			return ErrReadOnly
		}
		return nil
	})
	for path, data := range map[string]map[string]any{
		"creds/billing":  {},
		"config":         {"default_ttl": 60},
		"agents/another": {"owner": "x", "environment": "production"},
	} {
		if response, err := m.call(UpdateOperation, path, data); response != nil || err == nil || err.Error() != ErrReadOnly.Error() {
			t.Errorf("%s: %v, %v", path, response, err)
		}
	}
	for _, operation := range []Operation{RenewOperation, RevokeOperation} {
		if _, err := m.handle(m.lease(operation, "creds/billing", issued, 0)); err == nil || err.Error() != ErrReadOnly.Error() {
			t.Errorf("%s: %v", operation, err)
		}
	}
}

func TestAnExistenceCheckTellsCreateFromUpdateAndDoesNothing(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	asked := m.store.during(func() {
		for _, row := range []struct {
			path          string
			found, exists bool
		}{
			{"config", true, false},
			{"agents/billing", true, true},
			{"agents/nobody", true, false},
			{"policies/nobody", true, false},
			{"creds/billing", false, false},
			{"introspect", false, false},
			{"agents/billing/revoke", false, false},
		} {
			request := m.request(UpdateOperation, row.path, map[string]any{"owner": 7})
			found, exists, err := m.backend.HandleExistenceCheck(t.Context(), request)
			if err != nil || found != row.found || exists != row.exists {
				t.Errorf("%s: found %v, exists %v, %v", row.path, found, exists, err)
			}
		}
		found, exists, err := m.backend.HandleExistenceCheck(t.Context(), m.request(UpdateOperation, "no/such/path", nil))
		if exists || (found && err == nil) {
			t.Errorf("a path that does not exist: found %v, exists %v, %v", found, exists, err)
		}
	})
	if asked.puts+asked.deletes != 0 {
		t.Errorf("asked %+v", asked)
	}
	m.must(CreateOperation, "agents/nobody", map[string]any{"owner": "x", "environment": "test"})
}

func TestHelpAnswersAtTheRootAndAtEachPathWithAndWithoutASlash(t *testing.T) {
	m := newHost(t).mount()
	root := m.must(HelpOperation, "", nil)
	text, _ := root.Data["help"].(string)
	if !strings.Contains(text, "creds/") || !strings.Contains(text, "agents/") {
		t.Errorf("help of the mount: %q", text)
	}
	for _, path := range []string{"config", "upstreams", "upstreams/stripe", "tools", "tools/stripe", "tools/stripe/customers/id-only", "policies", "policies/p", "agents", "agents/a", "agents/a/scopes", "agents/a/scopes/staging", "agents/a/revoke", "agents/a/sessions", "creds/a", "creds/a/sess_1", "sessions", "sessions/s", "sessions/revoke-all", "introspect", "feed", "tidy", "tidy/status"} {
		for _, end := range []string{"", "/"} {
			response, err := m.call(HelpOperation, path+end, nil)
			if err != nil || response == nil {
				t.Errorf("%s%s: %v, %v", path, end, response, err)
				continue
			}
			if text, _ := response.Data["help"].(string); len(text) < 40 {
				t.Errorf("%s%s: %q", path, end, text)
			}
		}
	}
	for _, path := range []string{"no/such/path", "agentsx", "creds"} {
		if _, err := m.call(HelpOperation, path, nil); err != ErrUnsupportedPath {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// The document of the whole server is put together from every mount's; one that does not decode breaks it for all.
func TestWhatHelpAnswersDecodesAsTheServerDecodesIt(t *testing.T) {
	m := newHost(t).mount()
	for _, path := range []string{"", "config", "creds/billing"} {
		response := m.must(HelpOperation, path, map[string]any{"requestResponsePrefix": "mcp"})
		if see, ok := response.Data["see_also"]; ok && see != nil {
			if _, ok := see.([]any); !ok {
				t.Errorf("%q: see_also is %T", path, see)
			}
		}
		given, ok := response.Data["openapi"]
		if !ok || given == nil {
			continue
		}
		document, err := NewOASDocumentFromMap(given.(map[string]any))
		if err != nil || document.Version != "3.0.2" || len(document.Paths) == 0 {
			t.Errorf("%q: %v, %v", path, document, err)
			continue
		}
		for name := range document.Paths {
			if !strings.HasPrefix(name, "/") {
				t.Errorf("%q: path %q", path, name)
			}
		}
	}
}

func TestErrorsReachTheClientWithTheirStatusAndSentence(t *testing.T) {
	m := newHost(t).mount()
	response, err := m.call(UpdateOperation, "creds/nobody", map[string]any{})
	if err != nil || response == nil || !response.IsError() || !strings.HasPrefix(response.Error().Error(), `agent "nobody" is not registered.`) {
		t.Errorf("bad input: %v, %v", response, err)
	}
	if response, err := m.call(ReadOperation, "agents/nobody", nil); err != nil || response != nil {
		t.Errorf("a thing that does not exist: %v, %v", response, err)
	}
	if _, err := m.call(ReadOperation, "no/such/path", nil); err != ErrUnsupportedPath {
		t.Errorf("a path that does not exist: %v", err)
	}
	if _, err := m.call(ReadOperation, "introspect", nil); err != ErrUnsupportedOperation {
		t.Errorf("an operation that is not served: %v", err)
	}
	if _, err := m.call(Operation("header"), "config", nil); err != ErrUnsupportedOperation {
		t.Errorf("an operation nobody serves: %v", err)
	}
	warned := m.write("config", map[string]any{"no_such_field": 1})
	if len(warned.Warnings) != 1 || !strings.Contains(warned.Warnings[0], "no_such_field") {
		t.Errorf("an unknown field: %v", warned)
	}
}

func TestSudoPathsAreOnesTheServerAccepts(t *testing.T) {
	m := newHost(t).mount()
	if len(m.root) == 0 {
		t.Fatal("no path needs sudo")
	}
	for _, path := range m.root {
		if strings.HasPrefix(path, "/") || strings.Count(path, "*") > 1 || strings.Contains(strings.TrimSuffix(path, "*"), "*") || strings.Contains(path, "+*") {
			t.Errorf("%q", path)
		}
	}
	if !strings.Contains(strings.Join(m.root, " "), "sessions/revoke-all") {
		t.Errorf("sessions/revoke-all does not need sudo: %v", m.root)
	}
}

func TestSixMegabytesPassBothWaysAndIntoTheStorage(t *testing.T) {
	m := newHost(t).mount()
	big := strings.Repeat("0123456789abcdef", 6<<16)
	m.write("agents/billing", map[string]any{"owner": "x", "environment": "test", "description": big})
	if stored := len(m.store.entries["ag/billing"]); stored < len(big) {
		t.Fatalf("%d bytes were stored", stored)
	}
	// A process that holds nothing yet reads it back.
	m.host.stop()
	if read := m.again().must(ReadOperation, "agents/billing", nil); read.Data["description"] != big {
		t.Error("it did not come back as it was")
	}
}

func TestAStorageWithTransactionsAndPagesWorksAndOneWithoutWorks(t *testing.T) {
	h := newHost(t)
	stores := map[string]*mount{"plain": h.mount(), "transactional": h.mount(onTransactional(newStore()))}
	for name, m := range stores {
		for i := range 5 {
			m.declare(fmt.Sprintf("agent-%d", i))
		}
		tokens := []any{}
		for range 5 {
			tokens = append(tokens, m.issue("agent-1").Data["token"])
		}
		agents := m.must(ListOperation, "agents/", nil).Data["keys"].([]any)
		if len(agents) != 5 || agents[0] != "agent-0" {
			t.Errorf("%s: agents %v", name, agents)
		}
		page := m.must(ListOperation, "agents/agent-1/sessions/", nil)
		if keys, _ := page.Data["keys"].([]any); len(keys) != 5 {
			t.Errorf("%s: sessions %v", name, page.Data)
		}
		m.write("tidy", nil)
		m.must(RollbackOperation, "", nil)
		m.must(DeleteOperation, "agents/agent-1", nil)
		for _, token := range tokens {
			if m.alive(token) {
				t.Errorf("%s: %v lives on", name, token)
			}
		}
	}
	if plain, other := stores["plain"].store.count(), stores["transactional"].store.count(); sdkHasTransactions && plain.puts != other.puts {
		t.Errorf("writes: %d plainly, %d with transactions", plain.puts, other.puts)
	}
}

// A node that receives replicated writes is told which key changed behind its back.
func TestAnInvalidatedKeyIsReadAnew(t *testing.T) {
	h := newHost(t)
	one := h.mount()
	other := h.mount(on(one.store))
	one.write("config", map[string]any{"default_ttl": 60})
	other.must(ReadOperation, "config", nil)
	one.write("config", map[string]any{"default_ttl": 61})
	other.backend.InvalidateKey(t.Context(), "cfg")
	if ttl := other.must(ReadOperation, "config", nil).Data["default_ttl"]; ttl != 61.0 {
		t.Errorf("default_ttl %v", ttl)
	}
}

// A session is its opener's: who calls must arrive as core says it, by entity where there is one and by the token's hash else.
func TestWhoCallsDecidesWhoMayRefresh(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	ask := func(path, entity, token string) (*Response, error) {
		request := m.request(UpdateOperation, path, nil)
		request.EntityID, request.ClientToken, request.DisplayName = entity, token, "userpass-alice"
		return m.handle(request)
	}
	for _, row := range []struct {
		opener, caller [2]string
		allowed        bool
	}{
		{[2]string{"entity-1", "t1"}, [2]string{"entity-1", "t2"}, true},
		{[2]string{"entity-1", "t1"}, [2]string{"entity-2", "t1"}, false},
		{[2]string{"", "t1"}, [2]string{"", "t1"}, true},
		{[2]string{"", "t1"}, [2]string{"", "t2"}, false},
	} {
		opened, err := ask("creds/billing", row.opener[0], row.opener[1])
		if err != nil || opened.IsError() {
			t.Fatal(opened, err)
		}
		refreshed, err := ask("creds/billing/"+opened.Data["session_id"].(string), row.caller[0], row.caller[1])
		if allowed := err == nil && refreshed != nil && !refreshed.IsError() && refreshed.Secret != nil; allowed != row.allowed {
			t.Errorf("opened by %v, refreshed by %v: %v, %v", row.opener, row.caller, refreshed, err)
		}
	}
}

func TestARequestWithEveryFieldFilledIsServed(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	host := identity(t)
	state := &tls.ConnectionState{
		Version:           tls.VersionTLS13,
		HandshakeComplete: true,
		CipherSuite:       tls.TLS_AES_128_GCM_SHA256,
		ServerName:        "vault.example",
		PeerCertificates:  []*x509.Certificate{host.Leaf},
		VerifiedChains:    [][]*x509.Certificate{{host.Leaf}},
		OCSPResponse:      []byte{0, 255},
	}
	request := m.request(UpdateOperation, "creds/billing", map[string]any{"purpose": "alles \u2028 ist da: \U0001F511", "ttl": 60, "unknown": map[string]any{"__proto__": []any{nil, 1e300}}})
	request.ClientTokenAccessor, request.DisplayName, request.EntityID = "accessor", "userpass-älice", "entity"
	request.MountAccessor, request.MountPoint = "mcp_1a2b3c4d", "team/mcp/"
	request.Headers = map[string][]string{"X-Foo": {"a", "b"}, "X-Empty": {}}
	request.Connection = &Connection{RemoteAddr: "2001:db8::1", ConnState: state}
	request.WrapInfo = &RequestWrapInfo{TTL: 200 * 24 * time.Hour, Format: "jwt", SealWrap: true}
	request.PolicyOverride = true
	response, err := m.handle(request)
	if err != nil || response.IsError() || response.Data["purpose"] != "alles \u2028 ist da: \U0001F511" || response.Secret.TTL != time.Minute {
		t.Errorf("%v, %v", response, err)
	}
	if len(response.Warnings) != 1 || !strings.Contains(response.Warnings[0], "unknown") {
		t.Errorf("warnings %q", response.Warnings)
	}
}

// Each tick has little time. One that spends it is continued by the next after what it looked at last: by a page where the storage has
// pages (OpenBao), by the whole list where it has none (Vault).
func TestATickThatRanOutOfTimeIsContinuedByTheNext(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	for range 4 {
		m.issue("billing")
	}
	// A new process, so that nothing about the sessions is known but what the storage says.
	m.host.stop()
	m = m.again()
	looked := make(chan string, 100)
	m.store.intercept(func(operation, key string) error {
		if operation == "get" && strings.HasPrefix(key, "s/") {
			time.Sleep(150 * time.Millisecond)
			looked <- key
		}
		return nil
	})
	ticks, seen := 0, map[string]int{}
	for ; ticks < 8 && len(seen) < 4; ticks++ {
		m.must(RollbackOperation, "", nil)
		for len(looked) > 0 {
			seen[<-looked]++
		}
	}
	for key, times := range seen {
		if times != 1 {
			t.Errorf("%s was looked at %d times", key, times)
		}
	}
	if len(seen) != 4 || ticks < 2 {
		t.Errorf("after %d ticks these were looked at: %v", ticks, seen)
	}
}
