// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"container/list"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/anchorline/anchorline/chaincode/record"
)

// DefaultCache is a size for a [Cache] in bytes of policy text: more than record.MaxPolicies of
// the longest policies have.
const DefaultCache = 2 << 20

// Cache keeps parsed policies, those used last, up to a number of bytes of their texts. What a
// set decides never depends on what the cache holds. It is safe for concurrent use.
type Cache struct {
	mu      sync.Mutex
	limit   int
	bytes   int
	entries map[cacheKey]*list.Element
	used    *list.List // of cached, the last used first
}

// cacheKey names a revision of a policy with its text, so that a ledger that was made anew, or
// another channel, gets no other policy of the same name.
type cacheKey struct {
	owner, id string
	revision  uint64
	text      [sha256.Size]byte
}

// cached is a parsed policy and the bytes that it takes of the limit.
type cached struct {
	key    cacheKey
	policy Policy
	bytes  int
}

// NewCache makes a cache for so many bytes of policy text. With 0 it keeps nothing.
func NewCache(limit int) (*Cache, error) {
	if limit < 0 {
		return nil, fmt.Errorf("policy: a cache cannot hold %d bytes; give 0 or more", limit)
	}
	return &Cache{limit: limit, entries: map[cacheKey]*list.Element{}, used: list.New()}, nil
}

// Set is like [NewSet], without parsing what the cache holds.
func (c *Cache) Set(policies []record.Policy) (*Set, error) { return build(policies, c.parse) }

// Bytes returns the size of the texts whose policies the cache holds.
func (c *Cache) Bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// parse returns a policy from the cache, or parses it and keeps it. An error is not kept.
func (c *Cache) parse(p record.Policy) (Policy, error) {
	key := cacheKey{owner: p.Owner, id: p.ID, revision: p.Revision, text: sha256.Sum256([]byte(p.Text))}
	if found, ok := c.get(key); ok {
		return found, nil
	}
	parsed, err := parseOne(p.Text)
	if err != nil {
		return Policy{}, err
	}
	c.put(cached{key: key, policy: parsed, bytes: len(p.Text)})
	return parsed, nil
}

func (c *Cache) get(key cacheKey) (Policy, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, found := c.entries[key]
	if !found {
		return Policy{}, false
	}
	c.used.MoveToFront(e)
	return e.Value.(cached).policy, true
}

func (c *Cache) put(entry cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, found := c.entries[entry.key]; found || entry.bytes > c.limit {
		return
	}
	c.entries[entry.key] = c.used.PushFront(entry)
	c.bytes += entry.bytes
	for c.bytes > c.limit {
		oldest := c.used.Remove(c.used.Back()).(cached)
		delete(c.entries, oldest.key)
		c.bytes -= oldest.bytes
	}
}
