// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
)

// Pins are what an auditor trusts beforehand: the ledger's records of devices and streams, as
// read from it once, and the ledger's name. They are the root of trust of an offline verification.
type Pins struct {
	Ledger  string          `json:"ledger"` // channel/chaincode
	Devices []record.Device `json:"devices"`
	Streams []record.Stream `json:"streams"`
}

// ParsePins reads pins from JSON. Unknown fields are refused.
func ParsePins(data []byte) (Pins, error) {
	var p Pins
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return Pins{}, fmt.Errorf("audit: pins: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Pins{}, errors.New("audit: pins: text after the JSON object")
	}
	return p, nil
}

func (p Pins) deviceKey(id string, kid cose.KeyID) (record.Device, cose.Key, error) {
	for _, d := range p.Devices {
		if d.ID == id {
			key, err := find(d.Keys, kid)
			if err != nil {
				err = fmt.Errorf("device %s: %w", id, err)
			}
			return d, key, err
		}
	}
	return record.Device{}, cose.Key{}, fmt.Errorf("no key is pinned for device %s", id)
}

func (p Pins) streamKey(id string, kid cose.KeyID) (cose.Key, error) {
	for _, s := range p.Streams {
		if s.ID == id {
			key, err := find(s.Keys, kid)
			if err != nil {
				err = fmt.Errorf("stream %s: %w", id, err)
			}
			return key, err
		}
	}
	return cose.Key{}, fmt.Errorf("no key is pinned for stream %s", id)
}

func find(keys []record.Key, kid cose.KeyID) (cose.Key, error) {
	for _, k := range keys {
		if k.ID != kid.String() {
			continue
		}
		key, err := cose.ParseKeyText(k.Public)
		if err == nil && key.ID() != kid {
			err = fmt.Errorf("pinned key %s has thumbprint %s", k.ID, key.ID())
		}
		return key, err
	}
	return cose.Key{}, fmt.Errorf("key %s is not pinned", kid)
}

// StreamKeys returns the pinned keys of a stream.
func (p Pins) StreamKeys(id string) []cose.Key {
	var keys []cose.Key
	for _, s := range p.Streams {
		for _, k := range s.Keys {
			if key, err := cose.ParseKeyText(k.Public); err == nil && s.ID == id {
				keys = append(keys, key)
			}
		}
	}
	return keys
}
