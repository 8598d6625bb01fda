// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	strict "github.com/go-json-experiment/json"
)

// MaxSize is the size in bytes of the largest trust.json that is read.
const MaxSize = 4 << 20

// maxNumber is the largest whole number that every reader of JSON takes for what it is (RFC 8259, 6).
const maxNumber = 1<<53 - 1

// ErrInvalid is wrapped by every fault of a trust.json.
var ErrInvalid = errors.New("trust: not a valid trust.json")

// The document as it is written. Units are pointers, because a unit that is missing must not count
// as the empty one, which lets any member in.
type (
	document struct {
		Type          string           `json:"type"`
		Version       int              `json:"version"`
		Ledger        string           `json:"ledger"`
		Configuration configurationDoc `json:"configuration"`
		Organisations []peersDoc       `json:"organisations"`
		Orderers      orderersDoc      `json:"orderers"`
		Attestations  int              `json:"attestations"`
	}
	configurationDoc struct {
		Block *uint64 `json:"block"`
	}
	peersDoc struct {
		MSPID         string   `json:"mspId"`
		Roots         []string `json:"roots"`
		Intermediates []string `json:"intermediates,omitempty"`
		PeerUnit      *string  `json:"peerUnit"`
		Revoked       []string `json:"revoked,omitempty"`
	}
	orderingDoc struct {
		MSPID         string   `json:"mspId"`
		Roots         []string `json:"roots"`
		Intermediates []string `json:"intermediates,omitempty"`
		OrdererUnit   *string  `json:"ordererUnit"`
		Revoked       []string `json:"revoked,omitempty"`
	}
	orderersDoc struct {
		Consensus     string         `json:"consensus"`
		Signatures    int            `json:"signatures"`
		Organisations []orderingDoc  `json:"organisations"`
		Consenters    []consenterDoc `json:"consenters,omitempty"`
	}
	consenterDoc struct {
		ID          uint32 `json:"id"`
		MSPID       string `json:"mspId"`
		Certificate string `json:"certificate"`
	}
)

// Parse reads trust.json. It refuses unknown and duplicate fields, and reports every other fault at
// once, each with the field it is in. Errors wrap [ErrInvalid].
func Parse(data []byte) (Trust, error) {
	if len(data) > MaxSize {
		return Trust{}, fmt.Errorf("%w: %d bytes; at most %d are read", ErrInvalid, len(data), MaxSize)
	}
	var d document
	if err := strict.Unmarshal(data, &d, strict.RejectUnknownMembers(true)); err != nil {
		return Trust{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	t, faults := d.trust()
	_, more := build(t)
	if faults = append(faults, more...); len(faults) > 0 {
		return Trust{}, fmt.Errorf("%w: %w", ErrInvalid, errors.Join(faults...))
	}
	return t, nil
}

// trust converts the document and checks what [Trust] does not hold.
func (d document) trust() (Trust, []error) {
	var f faults
	f.add(d.Type != Type, "type", "it is %q, not %q", d.Type, Type)
	f.add(d.Version != Version, "version", "it is %d; this program reads %d", d.Version, Version)
	f.add(d.Configuration.Block == nil, "configuration.block", "it is missing")
	t := Trust{Ledger: d.Ledger, Attestations: d.Attestations, Orderers: Orderers{
		Consensus: d.Orderers.Consensus, Signatures: d.Orderers.Signatures,
	}}
	if d.Configuration.Block != nil {
		t.ConfigurationBlock = *d.Configuration.Block
		f.add(t.ConfigurationBlock > maxNumber, "configuration.block", "it is %d; numbers to %d are exact in every reader of JSON", t.ConfigurationBlock, uint64(maxNumber))
	}
	unit := func(name *string, field string) string {
		f.add(name == nil, field, `it is missing; "" says that the MSP has no NodeOUs`)
		if name == nil {
			return ""
		}
		return *name
	}
	for i, o := range d.Organisations {
		t.Organisations = append(t.Organisations, Organisation{
			MSPID: o.MSPID, Roots: o.Roots, Intermediates: o.Intermediates, Revoked: o.Revoked,
			Unit: unit(o.PeerUnit, fmt.Sprintf("organisations[%d].peerUnit", i)),
		})
	}
	for i, o := range d.Orderers.Organisations {
		t.Orderers.Organisations = append(t.Orderers.Organisations, Organisation{
			MSPID: o.MSPID, Roots: o.Roots, Intermediates: o.Intermediates, Revoked: o.Revoked,
			Unit: unit(o.OrdererUnit, fmt.Sprintf("orderers.organisations[%d].ordererUnit", i)),
		})
	}
	for _, c := range d.Orderers.Consenters {
		t.Orderers.Consenters = append(t.Orderers.Consenters, Consenter(c))
	}
	return t, f
}

// Encode writes trust.json for people: indented, in a fixed order, with a line's end. What it writes
// of a valid trust, [Parse] reads.
func (t Trust) Encode() ([]byte, error) {
	d := document{
		Type: Type, Version: Version, Ledger: t.Ledger, Configuration: configurationDoc{Block: &t.ConfigurationBlock},
		Organisations: []peersDoc{}, Attestations: t.Attestations,
		Orderers: orderersDoc{Consensus: t.Orderers.Consensus, Signatures: t.Orderers.Signatures, Organisations: []orderingDoc{}},
	}
	for _, o := range t.Organisations {
		d.Organisations = append(d.Organisations, peersDoc{
			MSPID: o.MSPID, Roots: o.Roots, Intermediates: o.Intermediates, PeerUnit: &o.Unit, Revoked: o.Revoked,
		})
	}
	for _, o := range t.Orderers.Organisations {
		d.Orderers.Organisations = append(d.Orderers.Organisations, orderingDoc{
			MSPID: o.MSPID, Roots: o.Roots, Intermediates: o.Intermediates, OrdererUnit: &o.Unit, Revoked: o.Revoked,
		})
	}
	for _, c := range t.Orderers.Consenters {
		d.Orderers.Consenters = append(d.Orderers.Consenters, consenterDoc(c))
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("trust: encode: %w", err)
	}
	return out.Bytes(), nil
}
