// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/proto"
)

// Result is the read/write set of the call, encoded. Namespaces and keys are sorted, so that
// two peers that saw the same return the same bytes.
func (s *Simulator) Result() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.ranges {
		if err := s.addRange(r); err != nil {
			return nil, err
		}
	}
	s.ranges = nil
	set := &rwset.TxReadWriteSet{DataModel: rwset.TxReadWriteSet_KV}
	for _, namespace := range sortedKeys(s.spaces) {
		content, err := proto.Marshal(s.spaces[namespace].set())
		if err != nil {
			return nil, fmt.Errorf("encode read/write set of %s: %w", namespace, err)
		}
		set.NsRwset = append(set.NsRwset, &rwset.NsReadWriteSet{Namespace: namespace, Rwset: content})
	}
	return proto.Marshal(set)
}

func (s *Simulator) addRange(r *Range) error {
	info, err := r.finish()
	if err != nil {
		return err
	}
	sp := s.space(r.namespace)
	for _, known := range sp.ranges {
		if known.GetStartKey() == info.GetStartKey() && known.GetEndKey() == info.GetEndKey() &&
			known.GetItrExhausted() == info.GetItrExhausted() {
			return nil
		}
	}
	sp.ranges = append(sp.ranges, info)
	return nil
}

func (sp *space) set() *kvrwset.KVRWSet {
	set := &kvrwset.KVRWSet{RangeQueriesInfo: sp.ranges}
	for _, key := range sortedKeys(sp.reads) {
		set.Reads = append(set.Reads, sp.reads[key])
	}
	for _, key := range sortedKeys(sp.writes) {
		set.Writes = append(set.Writes, sp.writes[key])
	}
	for _, key := range sortedKeys(sp.metadata) {
		set.MetadataWrites = append(set.MetadataWrites, sp.metadata[key])
	}
	return set
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
