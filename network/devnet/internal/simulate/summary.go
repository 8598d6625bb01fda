// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// maxDegree is how many results of a range a read set holds before it holds hashes instead;
// Fabric's number, since endorsers must agree on the bytes.
const maxDegree = 50

// Summary collects the results of a range: as they are while they are few, as Fabric's
// Merkle summary when they are many.
type Summary struct {
	pending []*kvrwset.KVRead
	levels  [][][]byte // levels[0] is Fabric's level 1
}

// Add takes the next result.
func (s *Summary) Add(read *kvrwset.KVRead) error {
	s.pending = append(s.pending, read)
	if len(s.pending) <= maxDegree {
		return nil
	}
	return s.fold()
}

// fold turns the pending results into a leaf and full levels into parents.
func (s *Summary) fold() error {
	content, err := proto.Marshal(&kvrwset.QueryReads{KvReads: s.pending})
	if err != nil {
		return fmt.Errorf("encode range results: %w", err)
	}
	s.pending = nil
	hash := wire.Hash(content)
	for level := 0; ; level++ {
		if level == len(s.levels) {
			s.levels = append(s.levels, nil)
		}
		s.levels[level] = append(s.levels[level], hash)
		if len(s.levels[level]) <= maxDegree {
			return nil
		}
		hash = wire.Hash(s.levels[level]...)
		s.levels[level] = nil
	}
}

// Done returns either the results or their summary.
func (s *Summary) Done() ([]*kvrwset.KVRead, *kvrwset.QueryReadsMerkleSummary, error) {
	if len(s.levels) == 0 {
		return s.pending, nil, nil
	}
	if len(s.pending) > 0 {
		if err := s.fold(); err != nil {
			return nil, nil, err
		}
	}
	for level := range len(s.levels) - 1 {
		if hashes := s.levels[level]; len(hashes) > 0 {
			s.levels[level] = nil
			s.levels[level+1] = append(s.levels[level+1], combine(hashes))
		}
	}
	top := len(s.levels) - 1
	if len(s.levels[top]) > maxDegree {
		s.levels = append(s.levels, [][]byte{combine(s.levels[top])})
		top++
	}
	return nil, &kvrwset.QueryReadsMerkleSummary{
		MaxDegree: maxDegree, MaxLevel: uint32(top + 1), MaxLevelHashes: s.levels[top],
	}, nil
}

func combine(hashes [][]byte) []byte {
	if len(hashes) == 1 {
		return hashes[0]
	}
	return wire.Hash(hashes...)
}
