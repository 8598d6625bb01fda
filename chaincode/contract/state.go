// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"encoding/json"

	"github.com/anchorline/anchorline/chaincode/record"
)

// indexEntry is the value under an index key: the key says everything.
type indexEntry struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
}

// get reads the record under key into v and reports whether there is one.
func (tx *transaction) get(key string, v any) (bool, error) {
	data, err := tx.stub.GetState(key)
	if err != nil {
		return false, record.Errorf(record.Internal, "read %q: %v", key, err)
	}
	tx.present[key] = data != nil
	if data == nil {
		return false, nil
	}
	return true, decodeState(key, data, v)
}

// getMany reads the records under keys, in one message where the peer can. A key without a
// record yields nil.
func (tx *transaction) getMany(keys []string) ([][]byte, error) {
	values, err := tx.stub.GetMultipleStates(keys...)
	if err != nil {
		return nil, record.Errorf(record.Internal, "read %d keys: %v", len(keys), err)
	}
	if len(values) != len(keys) {
		return nil, record.Errorf(record.Internal, "read %d keys: the peer answered with %d values", len(keys), len(values))
	}
	return values, nil
}

// decodeState reads a stored record. One that a newer chaincode wrote is refused in so many
// words: misreading it and writing it back would lose what it holds. It is not as strict as
// record.Decode, and several times as fast: what is stored was strict when it came in.
func decodeState(key string, data []byte, v any) error {
	var schema struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &schema); err == nil && schema.Version > record.Version {
		return record.Errorf(record.Internal, "the record under %q has schema version %d, this chaincode knows %d; run the newer chaincode",
			key, schema.Version, record.Version)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return record.Errorf(record.Internal, "the record under %q cannot be read: %v", key, err)
	}
	return nil
}

// put stores a record of an organisation and sees to it that its owner's peers, and as many
// others as the consortium chose, must endorse every later change. A key that was not read
// before in this transaction must be new.
func (tx *transaction) put(key string, v any, owner string) error {
	data, err := record.Encode(v)
	if err != nil {
		return err
	}
	if err := tx.stub.PutState(key, data); err != nil {
		return record.Errorf(record.Internal, "write %q: %v", key, err)
	}
	terms, err := tx.consortium()
	if err != nil {
		return err
	}
	if terms == nil {
		return nil
	}
	policy, err := ownerPolicy(*terms, owner)
	if err != nil {
		return err
	}
	return tx.guard(key, policy)
}

// guard sets the key-level endorsement policy of a key, unless it is set already: setting it
// anew would cost bytes in every transaction.
func (tx *transaction) guard(key string, policy []byte) error {
	if tx.present[key] {
		set, err := tx.stub.GetStateValidationParameter(key)
		if err != nil {
			return record.Errorf(record.Internal, "read the endorsement policy of %q: %v", key, err)
		}
		if bytes.Equal(set, policy) {
			return nil
		}
	}
	if err := tx.stub.SetStateValidationParameter(key, policy); err != nil {
		return record.Errorf(record.Internal, "set the endorsement policy of %q: %v", key, err)
	}
	return nil
}

// index puts an entry into an index.
func (tx *transaction) index(key, owner string) error {
	return tx.put(key, indexEntry{Type: "index", Version: record.Version}, owner)
}

// unindex takes an entry out of an index.
func (tx *transaction) unindex(key string) error {
	if err := tx.stub.DelState(key); err != nil {
		return record.Errorf(record.Internal, "delete %q: %v", key, err)
	}
	return nil
}
