package conformance

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// counts is what a store was asked, by operation.
type counts struct{ gets, puts, deletes, lists int }

func (c counts) total() int { return c.gets + c.puts + c.deletes + c.lists }

// store is the host's storage of one mount: in memory, counting, and failing or hanging on request.
type store struct {
	mu      sync.Mutex
	entries map[string][]byte
	asked   counts
	before  func(operation, key string) error
}

func newStore() *store { return &store{entries: map[string][]byte{}} }

// intercept makes hook run before each operation; an error of it is the answer. It may block. nil takes it away.
func (s *store) intercept(hook func(operation, key string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = hook
}

// during counts what is asked while work runs.
func (s *store) during(work func()) counts {
	before := s.count()
	work()
	after := s.count()
	return counts{after.gets - before.gets, after.puts - before.puts, after.deletes - before.deletes, after.lists - before.lists}
}

func (s *store) count() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// keys are those under prefix, however deep, sorted.
func (s *store) keys(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []string{}
	for key := range s.entries {
		if strings.HasPrefix(key, prefix) {
			found = append(found, key)
		}
	}
	slices.Sort(found)
	return found
}

func (s *store) ask(operation, key string, counter *int) error {
	s.mu.Lock()
	*counter++
	hook := s.before
	s.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(operation, key)
}

func (s *store) Get(_ context.Context, key string) (*StorageEntry, error) {
	if err := s.ask("get", key, &s.asked.gets); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.entries[key]
	if !ok {
		return nil, nil
	}
	return &StorageEntry{Key: key, Value: value}, nil
}

func (s *store) Put(_ context.Context, entry *StorageEntry) error {
	if err := s.ask("put", entry.Key, &s.asked.puts); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[entry.Key] = slices.Clone(entry.Value)
	return nil
}

func (s *store) Delete(_ context.Context, key string) error {
	if err := s.ask("delete", key, &s.asked.deletes); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, key)
	return nil
}

func (s *store) List(ctx context.Context, prefix string) ([]string, error) {
	return s.ListPage(ctx, prefix, "", 0)
}

// ListPage is OpenBao's; Vault's SDK does not know it, and answers UNIMPLEMENTED whoever calls it.
func (s *store) ListPage(_ context.Context, prefix, after string, limit int) ([]string, error) {
	if err := s.ask("list", prefix, &s.asked.lists); err != nil {
		return nil, err
	}
	children := []string{}
	for _, key := range s.keys(prefix) {
		child := key[len(prefix):]
		if slash := strings.IndexByte(child, '/'); slash >= 0 {
			child = child[:slash+1]
		}
		if child == "" || child <= after || (len(children) > 0 && children[len(children)-1] == child) {
			continue
		}
		if limit > 0 && len(children) == limit {
			break
		}
		children = append(children, child)
	}
	return children, nil
}
