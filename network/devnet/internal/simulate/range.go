// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"

	"github.com/anchorline/anchorline/network/devnet/internal/store"
)

// Range walks the keys from start to end (exclusive) and records what it returned, so that
// a phantom is found at validation.
type Range struct {
	sim       *Simulator
	namespace string
	end       string
	limit     int32 // 0 is none
	next      string
	count     int32
	info      *kvrwset.RangeQueryInfo
	summary   Summary
}

// Range opens a range; a page size above zero makes it paginated, which excludes writes.
func (s *Simulator) Range(namespace, start, end string, pageSize int32, paginated bool) (*Range, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if paginated && s.wrote {
		return nil, fmt.Errorf("txid [%s]: unsuppored transaction. Paginated queries are supported only in a read-only transaction", s.txID)
	}
	s.paginated = s.paginated || paginated
	s.space(namespace)
	r := &Range{
		sim: s, namespace: namespace, end: end, limit: pageSize, next: start,
		info: &kvrwset.RangeQueryInfo{StartKey: start},
	}
	s.ranges = append(s.ranges, r)
	return r, nil
}

// Next returns the next key and value; a nil value is the end.
func (r *Range) Next() (string, []byte, error) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	if r.limit > 0 && r.count >= r.limit {
		r.exhausted()
		return "", nil, nil
	}
	key, value, err := r.sim.snapshot.Next(r.namespace, r.next, r.end)
	if err != nil {
		return "", nil, err
	}
	if value == nil {
		r.exhausted()
		return "", nil, nil
	}
	r.next, r.count = after(key), r.count+1
	r.info.EndKey = key
	return key, value.Content, r.summary.Add(newRead(key, value))
}

func (r *Range) exhausted() { r.info.ItrExhausted, r.info.EndKey = true, r.end }

// Bookmark is the first key that was not returned, "" at the end.
func (r *Range) Bookmark() (string, error) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	key, _, err := r.sim.snapshot.Next(r.namespace, r.next, r.end)
	return key, err
}

func (r *Range) finish() (*kvrwset.RangeQueryInfo, error) {
	reads, hashes, err := r.summary.Done()
	if err != nil {
		return nil, err
	}
	switch {
	case hashes != nil:
		r.info.ReadsInfo = &kvrwset.RangeQueryInfo_ReadsMerkleHashes{ReadsMerkleHashes: hashes}
	case reads != nil:
		r.info.ReadsInfo = &kvrwset.RangeQueryInfo_RawReads{RawReads: &kvrwset.QueryReads{KvReads: reads}}
	}
	return r.info, nil
}

// History returns the modifications of a key, the newest first, each an encoded
// queryresult.KeyModification. History is not validated.
func (s *Simulator) History(namespace, key string) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot.History(store.Name{Namespace: namespace, Key: key})
}

// after is the smallest key greater than key.
func after(key string) string { return key + "\x00" }
