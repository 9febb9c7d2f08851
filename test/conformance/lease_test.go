package conformance

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestIssuingMakesALeaseWithOnePutAndNoGet(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	m.issue("billing")
	var issued *Response
	if asked := m.store.during(func() { issued = m.issue("billing") }); asked != (counts{puts: 1}) {
		t.Errorf("issuing asked the storage %+v", asked)
	}
	secret := issued.Secret
	if secret.TTL != 900*time.Second || secret.MaxTTL != 3600*time.Second || !secret.Renewable {
		t.Errorf("ttl %s, max %s, renewable %v", secret.TTL, secret.MaxTTL, secret.Renewable)
	}
	if secret.InternalData["secret_type"] == nil || secret.LeaseID != "" || issued.Auth != nil || issued.Redirect != "" {
		t.Errorf("internal data %v, lease id %q, auth %v", secret.InternalData, secret.LeaseID, issued.Auth)
	}
	token, _ := issued.Data["token"].(string)
	if !strings.HasPrefix(token, "svt_prod_") || issued.Data["ttl_seconds"] != 900.0 {
		t.Errorf("answered %v", issued.Data)
	}
	for _, value := range secret.InternalData {
		if value == token {
			t.Error("the token stands in internal_data, which is kept with the lease")
		}
	}
	for _, key := range m.store.keys("") {
		if strings.Contains(string(m.store.entries[key]), token) {
			t.Errorf("the token stands in storage, at %s", key)
		}
	}
	if !m.alive(token) {
		t.Error("the token is not alive")
	}
}

// Reverse calls cost more than the request itself: a burst may look at the mount's limits once in a while, not each time.
func TestABurstOfIssuesDoesNotAskTheHostAboutTheMountEachTime(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	m.issue("billing")
	before := m.system.asked.Load()
	started := time.Now()
	for range 60 {
		m.issue("billing")
	}
	// At most a look at each of five limits, twice per second.
	if asked, allowed := m.system.asked.Load()-before, int64(10*(2+time.Since(started).Seconds())); asked > allowed {
		t.Errorf("60 issues in %s asked the host %d times", time.Since(started), asked)
	}
}

// 2^53 nanoseconds are 104 days: what a JavaScript number holds exactly.
func TestLivesOfMoreThan104DaysKeepTheirNanoseconds(t *testing.T) {
	m := newHost(t).mount(func(m *mount) { m.system.DefaultLeaseTTLVal, m.system.MaxLeaseTTLVal = 20*year, 20*year })
	m.declare("billing")
	life := 9*year + 7*time.Second
	seconds := int64(life / time.Second)
	m.write("config/ttl-ceiling", map[string]any{"ttl_ceiling": seconds})
	m.write("config", map[string]any{"session_max_life": seconds, "max_ttl": seconds, "default_ttl": seconds})
	m.write("agents/billing/scopes", map[string]any{"max_ttl_seconds": seconds})
	issued := m.issue("billing")
	if issued.Secret.TTL != life || issued.Secret.MaxTTL != life {
		t.Errorf("ttl %d, max %d; want %d", issued.Secret.TTL, issued.Secret.MaxTTL, life)
	}
	short := m.write("creds/billing", map[string]any{"ttl": "2400h"})
	if short.Secret.TTL != 2400*time.Hour {
		t.Errorf("ttl %d", short.Secret.TTL)
	}
	renewed, err := m.handle(m.lease(RenewOperation, "creds/billing", short, 4*year+time.Second))
	if err != nil || renewed.Secret.MaxTTL != life || renewed.Secret.TTL.Round(time.Minute) != (4*year).Round(time.Minute) {
		t.Errorf("renewed: %v, %v", renewed, err)
	}
}

func TestTheMountsOwnLimitsBoundALease(t *testing.T) {
	m := newHost(t).mount(func(m *mount) { m.system.MaxLeaseTTLVal = 5 * time.Minute })
	m.declare("billing")
	issued := m.issue("billing")
	if issued.Secret.TTL != 5*time.Minute || issued.Data["ttl_seconds"] != 300.0 {
		t.Errorf("ttl %s, answered %v", issued.Secret.TTL, issued.Data["ttl_seconds"])
	}
}

func TestRenewingEchoesInternalDataAndHonoursIncrementAndMaximum(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	issued := m.issue("billing")
	for _, row := range []struct{ increment, want time.Duration }{
		{0, 900 * time.Second},
		{20 * time.Minute, 20 * time.Minute},
		{time.Minute, time.Minute},
		{100 * time.Hour, time.Hour},
	} {
		renewed, err := m.handle(m.lease(RenewOperation, "creds/billing", issued, row.increment))
		if err != nil || renewed == nil || renewed.IsError() || renewed.Secret == nil {
			t.Fatalf("increment %s: %v, %v", row.increment, renewed, err)
		}
		if !reflect.DeepEqual(renewed.Secret.InternalData, issued.Secret.InternalData) {
			t.Errorf("internal data %v became %v", issued.Secret.InternalData, renewed.Secret.InternalData)
		}
		if renewed.Secret.MaxTTL != time.Hour || !renewed.Secret.Renewable || apart(renewed.Secret.TTL, row.want) {
			t.Errorf("increment %s: ttl %s, max %s, renewable %v", row.increment, renewed.Secret.TTL, renewed.Secret.MaxTTL, renewed.Secret.Renewable)
		}
		// What the engine holds for its expiry is what the lease says.
		expires, _ := m.introspect(issued.Data["token"])["expires_at_unix"].(float64)
		if apart(time.Until(time.Unix(int64(expires), 0)), row.want) {
			t.Errorf("increment %s: the engine's expiry is in %s", row.increment, time.Until(time.Unix(int64(expires), 0)))
		}
	}
}

// apart reports whether two durations differ by more than the seconds a slow machine loses between two calls.
func apart(found, want time.Duration) bool {
	return found > want+time.Second || found < want-10*time.Second
}

func TestRenewingASessionThatIsOverIsRefusedWithASentence(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	issued := m.issue("billing")
	m.must(DeleteOperation, "sessions/"+issued.Data["session_id"].(string), nil)
	renewed, err := m.handle(m.lease(RenewOperation, "creds/billing", issued, 0))
	if err != nil || renewed == nil || !renewed.IsError() || !strings.Contains(renewed.Error().Error(), "session is over") {
		t.Errorf("%v, %v", renewed, err)
	}
}

func TestRevokingIsIdempotent(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	issued := m.issue("billing")
	for range 3 {
		response, err := m.handle(m.lease(RevokeOperation, "creds/billing", issued, 0))
		if err != nil || (response != nil && response.IsError()) {
			t.Fatalf("%v, %v", response, err)
		}
	}
	if m.alive(issued.Data["token"]) {
		t.Error("the token lives on")
	}
	// After a restart, and when everything about the session is gone, it is revoked all the same.
	m.host.stop()
	next := m.again()
	for _, key := range next.store.keys("s/") {
		delete(next.store.entries, key)
	}
	if response, err := next.handle(next.lease(RevokeOperation, "creds/billing", issued, 0)); err != nil || response != nil && response.IsError() {
		t.Errorf("%v, %v", response, err)
	}
}

// When core cannot register a lease it revokes the secret at once, with the zero time for its issue.
func TestALeaseCoreCouldNotRegisterIsUndone(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	issued := m.issue("billing")
	request := m.lease(RevokeOperation, "creds/billing", issued, 0)
	request.Secret.IssueTime = time.Time{}
	if response, err := m.handle(request); err != nil || response != nil && response.IsError() {
		t.Fatalf("%v, %v", response, err)
	}
	if m.alive(issued.Data["token"]) {
		t.Error("the token lives on")
	}
}

// Core gives a lease up for good on these errors, and tries again on all others.
var forGood = []error{ErrUnsupportedOperation, ErrUnsupportedPath, ErrInvalidRequest, ErrUnrecoverable}

func final(err error) bool {
	for _, one := range forGood {
		if err != nil && strings.Contains(err.Error(), one.Error()) {
			return true
		}
	}
	return false
}

func TestAFailingRevokeIsTriedAgainUnlessItIsPointless(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	issued := m.issue("billing")
	m.store.intercept(func(string, string) error { return errBroken })
	response, err := m.handle(m.lease(RevokeOperation, "creds/billing", issued, 0))
	if err == nil && (response == nil || !response.IsError()) || final(err) {
		t.Errorf("with a broken storage: %v, %v", response, err)
	}
	m.store.intercept(nil)
	if !m.alive(issued.Data["token"]) {
		t.Error("the failed revoke ended the token")
	}
	if _, err := m.handle(m.lease(RevokeOperation, "creds/billing", issued, 0)); err != nil || m.alive(issued.Data["token"]) {
		t.Errorf("tried again: %v", err)
	}
	foreign := m.lease(RevokeOperation, "creds/billing", issued, 0)
	foreign.Secret.InternalData = map[string]any{"secret_type": "of another engine"}
	if _, err := m.handle(foreign); err != ErrUnrecoverable {
		t.Errorf("a lease of another engine: %v", err)
	}
}

func TestARevokeOfASecretWithoutDataIsServed(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	issued := m.issue("billing")
	request := m.lease(RevokeOperation, "creds/billing", issued, 0)
	request.Data = nil
	if response, err := m.handle(request); err != nil || response != nil && response.IsError() || m.alive(issued.Data["token"]) {
		t.Errorf("%v, %v", response, err)
	}
}

func TestTheTickSucceedsWithNothingToDo(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	m.issue("billing")
	for range 2 {
		if response, err := m.call(RollbackOperation, "", nil); err != nil || response != nil && response.IsError() {
			t.Errorf("%v, %v", response, err)
		}
	}
}

// The last tick of a mount that is being disabled ends all its sessions in one write, and says what the storage said when it cannot.
func TestTheLastTickOfATaintedMountEndsItsSessions(t *testing.T) {
	m := newHost(t).mount()
	m.declare("billing")
	issued := m.issue("billing")
	m.system.tainted.Store(true)
	m.store.intercept(func(operation, _ string) error {
		if operation == "put" {
			return ErrReadOnly
		}
		return nil
	})
	if _, err := m.call(RollbackOperation, "", nil); err == nil || err.Error() != ErrReadOnly.Error() {
		t.Errorf("on a storage that is read-only: %v", err)
	}
	m.store.intercept(nil)
	if asked := m.store.during(func() { m.must(RollbackOperation, "", nil) }); asked.puts != 1 {
		t.Errorf("asked %+v", asked)
	}
	if asked := m.store.during(func() { _, _ = m.handle(m.lease(RevokeOperation, "creds/billing", issued, 0)) }); asked.puts != 0 {
		t.Errorf("the revoke after it asked %+v", asked)
	}
	m.system.tainted.Store(false)
	if m.alive(issued.Data["token"]) {
		t.Error("the token lives on")
	}
}
