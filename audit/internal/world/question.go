// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// Question is a call of anchors:Attest, of the state as it is now.
type Question struct {
	Stream   name.Name
	From, To uint64 // 0 for no anchors
	Devices  []name.Name
	Reports  []record.EquivocationReport
	By       []*Member // the endorsers; none for the peers of Org1MSP and Org2MSP

	// OnAnswer, if there is one, changes the answer before it is endorsed.
	OnAnswer func(*record.Attestation)
	// OnCall, if there is one, changes the call before it is put into bytes.
	OnCall func(*Call)
}

// Attest asks and returns the answer's envelope. Nothing is submitted.
func (w *World) Attest(q Question) []byte {
	w.t.Helper()
	nonce := hex.EncodeToString(append(draw("attestation", w.drawn), "8 bytes."...))
	c := w.Call(w.Org("Org1MSP").Bridge, "anchors:Attest")
	a := record.Attestation{
		Type: record.AttestationType, Version: record.Version, Ledger: Ledger, Nonce: nonce, Stream: w.Stream(q.Stream),
		Head:    record.Head{Type: record.HeadType, Version: record.Version, Stream: q.Stream, Hash: record.ZeroHash},
		Anchors: []record.AnchorEntry{}, Devices: []record.Device{}, Equivocations: append([]record.EquivocationReport{}, q.Reports...),
	}
	c.Reads = []*kvrwset.KVRead{w.read(record.StreamKey(q.Stream)), w.read(record.HeadKey(q.Stream))}
	if _, there := w.state[record.HeadKey(q.Stream)]; there {
		a.Head = load[record.Head](w, record.HeadKey(q.Stream))
	}
	for n := q.From; n <= q.To && n > 0; n++ {
		key := record.AnchorKey(q.Stream, n)
		a.Anchors, c.Reads = append(a.Anchors, load[record.AnchorEntry](w, key)), append(c.Reads, w.read(key))
	}
	names := []string{}
	for _, d := range q.Devices {
		device := w.Device(d)
		c.Reads = append(c.Reads, w.read(record.DeviceKey(d)))
		if _, stopped := w.state[record.StopKey(d)]; stopped {
			device = device.With(load[record.Stop](w, record.StopKey(d)))
			c.Reads = append(c.Reads, w.read(record.StopKey(d)))
		}
		a.Devices = append(a.Devices, device)
		names = append(names, `"`+d.String()+`"`)
	}
	if q.OnAnswer != nil {
		q.OnAnswer(&a)
	}
	answer, err := record.Encode(a)
	require.NoError(w.t, err)
	c.Args = []string{`{"devices":[` + strings.Join(names, ",") + `],"from":` + number(q.From) + `,"nonce":"` + nonce +
		`","stream":"` + q.Stream.String() + `","to":` + number(q.To) + `}`}
	c.Response, c.Unsigned = &peer.Response{Status: 200, Payload: answer}, true
	if q.By != nil {
		c.Endorsers = q.By
	}
	if q.OnCall != nil {
		q.OnCall(&c)
	}
	return c.Envelope(w.t)
}

// About asks about one batch and devices.
func (b *Batch) About(devices ...name.Name) Question {
	return Question{Stream: b.Anchor.Stream, From: b.Anchor.Number, To: b.Anchor.Number, Devices: devices}
}

// Attested is the evidence of attestations alone.
func Attested(attestations ...[]byte) receipt.Evidence {
	return receipt.Evidence{Attestations: attestations}
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
