// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"errors"
	"slices"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// errReadOnly is what a peer says to a page or a history in a transaction that writes.
var errReadOnly = errors.New("paginated and history queries are supported only in a read-only transaction")

// Stub is the stub of one simulation. What is not overridden here panics, which a test notices.
type Stub struct {
	shim.ChaincodeStubInterface

	ledger    *Ledger
	args      [][]byte
	creator   []byte
	txID      string
	timestamp *timestamppb.Timestamp

	reads   map[string]uint64
	ranges  []rangeRead
	queried bool
	rows    int

	// Writes are the values that the transaction would write; nil deletes.
	Writes map[string][]byte
	// Policies are the key-level endorsement policies that it would set.
	Policies map[string][]byte
	// EventName and EventPayload are the event that it would emit.
	EventName    string
	EventPayload []byte
}

// rangeRead is a range and what was in it.
type rangeRead struct {
	start, end string
	seen       []seen
}

// GetArgs returns the arguments, function first.
func (s *Stub) GetArgs() [][]byte { return s.args }

// GetStringArgs returns the arguments as strings.
func (s *Stub) GetStringArgs() []string {
	args := make([]string, len(s.args))
	for i, arg := range s.args {
		args[i] = string(arg)
	}
	return args
}

// GetFunctionAndParameters splits the arguments.
func (s *Stub) GetFunctionAndParameters() (string, []string) {
	args := s.GetStringArgs()
	if len(args) == 0 {
		return "", nil
	}
	return args[0], args[1:]
}

// GetTxID returns the transaction's id.
func (s *Stub) GetTxID() string { return s.txID }

// GetChannelID returns the channel's name.
func (s *Stub) GetChannelID() string { return s.ledger.Channel }

// GetCreator returns the serialized identity of the caller.
func (s *Stub) GetCreator() ([]byte, error) { return s.creator, nil }

// GetTxTimestamp returns the time that the client claimed.
func (s *Stub) GetTxTimestamp() (*timestamppb.Timestamp, error) { return s.timestamp, nil }

// GetState returns the committed value and records the read.
func (s *Stub) GetState(key string) ([]byte, error) {
	if key == "" {
		return nil, errors.New("key must not be empty")
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	e := s.ledger.state[key]
	s.reads[key] = e.version
	s.rows++
	return slices.Clone(e.value), nil
}

// GetMultipleStates returns the committed values and records the reads.
func (s *Stub) GetMultipleStates(keys ...string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		value, err := s.GetState(key)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	return values, nil
}

// GetSignedProposal returns a proposal that names the channel and the chaincode.
func (s *Stub) GetSignedProposal() (*peer.SignedProposal, error) {
	return signedProposal(Identity{creator: s.creator}, s.ledger.Channel, s.txID)
}

// PutState records a write.
func (s *Stub) PutState(key string, value []byte) error {
	if key == "" || len(value) == 0 {
		return errors.New("key and value must not be empty")
	}
	if s.queried {
		return errReadOnly
	}
	s.Writes[key] = slices.Clone(value)
	return nil
}

// DelState records a deletion.
func (s *Stub) DelState(key string) error {
	if s.queried {
		return errReadOnly
	}
	s.Writes[key] = nil
	return nil
}

// SetStateValidationParameter records a key-level endorsement policy.
func (s *Stub) SetStateValidationParameter(key string, policy []byte) error {
	if s.queried {
		return errReadOnly
	}
	s.Policies[key] = slices.Clone(policy)
	return nil
}

// GetStateValidationParameter returns the committed policy and records the read.
func (s *Stub) GetStateValidationParameter(key string) ([]byte, error) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	e := s.ledger.state[key]
	s.reads[key] = e.version
	return slices.Clone(e.policy), nil
}

// SetEvent records the event; the last one counts.
func (s *Stub) SetEvent(name string, payload []byte) error {
	if name == "" {
		return errors.New("event name can not be empty string")
	}
	s.EventName, s.EventPayload = name, slices.Clone(payload)
	return nil
}

// GetStateByPartialCompositeKey records the range and returns what is in it.
func (s *Stub) GetStateByPartialCompositeKey(object string, attributes []string) (shim.StateQueryIteratorInterface, error) {
	start, err := s.CreateCompositeKey(object, attributes)
	if err != nil {
		return nil, err
	}
	end := start + "\U0010ffff"
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	found := s.ledger.scan(start, end)
	s.ranges = append(s.ranges, rangeRead{start, end, found})
	return s.iterate(found), nil
}

// GetStateByPartialCompositeKeyWithPagination returns a page; its bookmark is the next key, as
// under LevelDB.
func (s *Stub) GetStateByPartialCompositeKeyWithPagination(
	object string, attributes []string, size int32, bookmark string,
) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	if len(s.Writes)+len(s.Policies) > 0 {
		return nil, nil, errReadOnly
	}
	s.queried = true
	start, err := s.CreateCompositeKey(object, attributes)
	if err != nil {
		return nil, nil, err
	}
	end := start + "\U0010ffff"
	if bookmark != "" {
		start = bookmark
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	found := s.ledger.scanSome(start, end, int(size)+1)
	meta := &peer.QueryResponseMetadata{}
	if len(found) > int(size) {
		meta.Bookmark = found[size].key
		found = found[:size]
	}
	meta.FetchedRecordsCount = int32(len(found))
	return s.iterate(found), meta, nil
}

// GetHistoryForKey returns the changes of a key, newest first.
func (s *Stub) GetHistoryForKey(key string) (shim.HistoryQueryIteratorInterface, error) {
	if len(s.Writes)+len(s.Policies) > 0 {
		return nil, errReadOnly
	}
	s.queried = true
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	changes := slices.Clone(s.ledger.history[key])
	slices.Reverse(changes)
	return &iterator[*queryresult.KeyModification]{rows: changes}, nil
}

// CreateCompositeKey joins as Fabric does.
func (s *Stub) CreateCompositeKey(object string, attributes []string) (string, error) {
	return shim.CreateCompositeKey(object, attributes)
}

// Rows returns how many rows were read, in ranges and one by one.
func (s *Stub) Rows() int { return s.rows }

// iterate makes an iterator of what a scan found.
func (s *Stub) iterate(found []seen) *iterator[*queryresult.KV] {
	s.rows += len(found)
	it := &iterator[*queryresult.KV]{}
	for _, f := range found {
		it.rows = append(it.rows, &queryresult.KV{Key: f.key, Value: slices.Clone(s.ledger.state[f.key].value)})
	}
	return it
}

// iterator walks over rows that were read in advance.
type iterator[Row any] struct{ rows []Row }

// HasNext reports whether there is another row.
func (it *iterator[Row]) HasNext() bool { return len(it.rows) > 0 }

// Next returns the next row.
func (it *iterator[Row]) Next() (Row, error) {
	if len(it.rows) == 0 {
		var none Row
		return none, errors.New("no such key")
	}
	row := it.rows[0]
	it.rows = it.rows[1:]
	return row, nil
}

// Close does nothing.
func (it *iterator[Row]) Close() error { return nil }
