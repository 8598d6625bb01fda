// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/reading/name"
)

// AttestationType is the type of an Attestation.
const AttestationType = "attestation"

// Limits of an attestation. Its canonical bytes are at most MaxDocument.
const (
	// MaxAttestedAnchors is the number of anchors that one attestation holds.
	MaxAttestedAnchors = 32
	// MaxAttestedDevices is the number of devices that one attestation holds.
	MaxAttestedDevices = 100
	// MaxAttestedReports is the number of equivocation reports that one attestation holds.
	MaxAttestedReports = 20
)

// Attestation is what peers say about a stream and devices, all of it as of one state of the
// ledger: a device in an attestation whose head has number n is as of a state that holds batch n.
// Peers sign it when they endorse anchors:Attest; it is never submitted.
type Attestation struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// Ledger is where it is from: "channel/chaincode".
	Ledger string `json:"ledger"`
	// Nonce is that of the request: 32 bytes in hexadecimal.
	Nonce  string `json:"nonce"`
	Stream Stream `json:"stream"`
	Head   Head   `json:"head"`
	// Anchors are those that were asked for, by number without a hole.
	Anchors []AnchorEntry `json:"anchors"`
	// Devices are those that were asked for, in the order of the request.
	Devices []Device `json:"devices"`
	// Equivocations is evidence against the stream by ascending number: first what concerns the
	// anchors here, and where there is room also the rest.
	Equivocations []EquivocationReport `json:"equivocations"`
}

// Validate reports the first fault of the attestation: what is in it belongs together.
func (a Attestation) Validate() error {
	stream := a.Stream.Name()
	if err := First(
		checkSchema(a.Type, AttestationType, a.Version),
		CheckText("ledger", a.Ledger, 2*MaxText),
		CheckHash("nonce", a.Nonce),
		Within("stream", First(checkSchema(a.Stream.Type, StreamType, a.Stream.Version), checkFullName("id", stream))),
		Within("head", First(checkSchema(a.Head.Type, HeadType, a.Head.Version), sameStream(a.Head.Stream, stream), CheckHash("hash", a.Head.Hash))),
	); err != nil {
		return err
	}
	return First(a.checkAnchors(stream), a.checkDevices(), a.checkEquivocations(stream))
}

// checkAnchors reports whether the anchors are a run of the stream that ends at its head or before.
func (a Attestation) checkAnchors(stream name.Name) error {
	if len(a.Anchors) > MaxAttestedAnchors {
		return Faultf("anchors", "has %d elements; at most %d are allowed", len(a.Anchors), MaxAttestedAnchors)
	}
	for i, entry := range a.Anchors {
		if err := Within(fmt.Sprintf("anchors[%d]", i), entry.check(stream)); err != nil {
			return err
		}
		if n := entry.Anchor.Number; n != a.Anchors[0].Anchor.Number+uint64(i) || n > a.Head.Number {
			return Faultf(fmt.Sprintf("anchors[%d].anchor.number", i), "is %d; they count by 1 up to the head's, %d, at most", n, a.Head.Number)
		}
	}
	return nil
}

// check reports whether the entry is of the stream and its hash that of its anchor.
func (e AnchorEntry) check(stream name.Name) error {
	if err := First(checkSchema(e.Type, AnchorEntryType, e.Version), Within("anchor", e.Anchor.Validate()),
		Within("anchor", sameStream(e.Anchor.Stream, stream))); err != nil {
		return err
	}
	hash, err := e.Anchor.HashText()
	if err == nil && hash != e.Hash {
		err = Faultf("hash", "is not the anchor's, %s", hash)
	}
	return err
}

// checkDevices reports whether the devices have names, each of its own.
func (a Attestation) checkDevices() error {
	if len(a.Devices) > MaxAttestedDevices {
		return Faultf("devices", "has %d elements; at most %d are allowed", len(a.Devices), MaxAttestedDevices)
	}
	seen := map[name.Name]bool{}
	for i, d := range a.Devices {
		at := fmt.Sprintf("devices[%d]", i)
		if err := Within(at, First(checkSchema(d.Type, DeviceType, d.Version), checkFullName("id", d.Name()))); err != nil {
			return err
		}
		if seen[d.Name()] {
			return Faultf(at, "%s comes twice", d.Name())
		}
		seen[d.Name()] = true
	}
	return nil
}

// checkEquivocations reports whether the evidence is against the stream.
func (a Attestation) checkEquivocations(stream name.Name) error {
	if len(a.Equivocations) > MaxAttestedReports {
		return Faultf("equivocations", "has %d elements; at most %d are allowed", len(a.Equivocations), MaxAttestedReports)
	}
	for i, e := range a.Equivocations {
		if err := Within(fmt.Sprintf("equivocations[%d]", i),
			First(checkSchema(e.Type, EquivocationType, e.Version), sameStream(e.Stream, stream))); err != nil {
			return err
		}
	}
	return nil
}

func sameStream(got, want name.Name) error {
	if got != want {
		return Faultf("stream", "is %q; the attestation is about %s", got, want)
	}
	return nil
}

// ParseAttestation reads an attestation from its canonical bytes and validates it. Bytes that are not
// canonical are refused: peers sign bytes, and one attestation has one form.
func ParseAttestation(data []byte) (Attestation, error) {
	var a Attestation
	if err := Decode(data, &a); err != nil {
		return Attestation{}, fmt.Errorf("attestation: %w", err)
	}
	if err := a.Validate(); err != nil {
		return Attestation{}, fmt.Errorf("attestation: %w", err)
	}
	canonical, err := Encode(a)
	if err != nil {
		return Attestation{}, fmt.Errorf("attestation: %w", err)
	}
	if !bytes.Equal(canonical, data) {
		return Attestation{}, errors.New("attestation: not in canonical form (RFC 8785: every field, keys sorted, no white space)")
	}
	return a, nil
}
