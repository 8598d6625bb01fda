// SPDX-License-Identifier: Apache-2.0

// Package online asks a ledger for evidence about statements: what package audit needs and a
// statement does not carry, or carries of an older state.
//
// A statement and a trust come in, and evidence goes out that anybody can verify offline: nothing is
// believed here, and the peer that is asked can withhold but not invent. The package keeps nothing.
package online

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A Ledger hands out what its organisations signed. BlockOf returns ledger.ErrNotFound for a
// transaction that is in no block.
type Ledger interface {
	BlockOf(ctx context.Context, txID string) ([]byte, error)
	EndorseOnly(ctx context.Context, organisations []string, function string, args ...string) (envelope, result []byte, err error)
	ConfigBlock(ctx context.Context) ([]byte, error)
}

// attestFunction is the question that organisations answer.
const attestFunction = "anchors:Attest"

// Trust reads whom to trust from the channel's configuration, as the peer that is asked has it.
// attestations is how many organisations must attest; 0 stands for a majority.
func Trust(ctx context.Context, l Ledger, ledgerName string, attestations int) (trust.Trust, error) {
	block, err := l.ConfigBlock(ctx)
	if err != nil {
		return trust.Trust{}, err
	}
	return trust.FromConfigBlock(block, ledgerName, attestations)
}

// A Question is what organisations are asked to attest.
type Question struct {
	// Stream is the stream, From to To the numbers of the anchors; 0 and 0 ask for none.
	Stream   name.Name
	From, To uint64
	// Devices are those whose records are asked for, at most record.MaxAttestedDevices.
	Devices []name.Name
}

// Attest asks organisations, all at once, and when they do not answer as one, each by itself: what one
// withholds or says otherwise does not hide what the others say. It returns the attestations that it
// got, and an error when there is none.
func Attest(ctx context.Context, l Ledger, organisations []string, q Question) ([][]byte, error) {
	request, err := q.encode()
	if err != nil {
		return nil, err
	}
	envelope, _, all := l.EndorseOnly(ctx, organisations, attestFunction, request)
	if all == nil {
		return [][]byte{envelope}, nil
	}
	if definite(all) || len(organisations) < 2 {
		return nil, all
	}
	var found [][]byte
	faults := []error{all}
	for _, o := range organisations {
		envelope, _, err := l.EndorseOnly(ctx, []string{o}, attestFunction, request)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", o, err))
			continue
		}
		if err := readable(envelope); err != nil { // it would refute a statement that the others prove
			faults = append(faults, fmt.Errorf("%s: what its peer signed cannot be read: %w", o, err))
			continue
		}
		found = append(found, envelope)
	}
	if len(found) == 0 {
		return nil, errors.Join(faults...)
	}
	return found, nil
}

// readable reports whether an envelope holds an answer in its form.
func readable(envelope []byte) error {
	t, err := fabric.ParseTransaction(envelope)
	if err == nil {
		_, err = record.ParseAttestation(t.Response)
	}
	return err
}

// definite reports whether the chaincode's answer is the same for whomever is asked.
func definite(err error) bool {
	return errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ledger.ErrInvalidArgument) || errors.Is(err, ledger.ErrDenied) || errors.Is(err, ledger.ErrConfig)
}

func (q Question) encode() (string, error) {
	var nonce [32]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return "", fmt.Errorf("audit: make a nonce: %w", err)
	}
	request, err := json.Marshal(ledger.AttestRequest{
		Stream: q.Stream, From: q.From, To: q.To, Devices: q.Devices, Nonce: hex.EncodeToString(nonce[:]),
	})
	return string(request), err
}

// Evidence asks for everything that a statement can be given: fresh attestations of its batch, stream
// and device by every organisation of t, the block of the anchor's transaction, and the blocks of what
// changed device and stream, which settles their order. What the statement has already is not asked for
// again, but for the attestations, which are of now. Of a device that is not registered there is no
// record in them. A batch that the ledger does not have is ledger.ErrNotFound.
func Evidence(ctx context.Context, l Ledger, t trust.Trust, s *receipt.Statement) (receipt.Evidence, error) {
	claims := s.Receipt.Claims
	q := Question{Stream: claims.Stream, From: claims.Number, To: claims.Number, Devices: []name.Name{s.Reading.Claims().Device}}
	attestations, err := Attest(ctx, l, members(t), q)
	if errors.Is(err, ledger.ErrNotFound) { // the device, it may be, is what the ledger does not have
		q.Devices = nil
		attestations, err = Attest(ctx, l, members(t), q)
	}
	if err != nil {
		return receipt.Evidence{}, err
	}
	e := receipt.Evidence{Attestations: attestations}
	wanted := []string{}
	if len(s.Evidence.Blocks) == 0 {
		wanted = append(wanted, hex.EncodeToString(claims.Transaction[:]))
	}
	for _, a := range attestations {
		wanted = append(wanted, unplaced(a, claims.Transaction)...)
	}
	e.Blocks, err = blocks(ctx, l, wanted)
	return e, err
}

func members(t trust.Trust) []string {
	var names []string
	for _, o := range t.Organisations {
		names = append(names, o.MSPID)
	}
	return names
}

// maxBlocks bounds the blocks that are asked for beside the anchor's own: a device that changed more
// often is judged by the times of its other changes.
const maxBlocks = 16

// unplaced returns the transactions of the changes that records in an attestation tell, where the
// record changed after the anchor: whether a change came before the anchor is then not settled by the
// record's own position. Anything that cannot be read is left to package audit to complain of.
func unplaced(envelope []byte, anchor [32]byte) []string {
	t, err := fabric.ParseTransaction(envelope)
	if err != nil {
		return nil
	}
	said, err := record.ParseAttestation(t.Response)
	if err != nil {
		return nil
	}
	versions := map[string]fabric.Read{}
	for _, r := range t.Namespace(t.Chaincode).Reads {
		versions[r.Key] = r
	}
	var at fabric.Read
	for _, e := range said.Anchors {
		if e.TxID == hex.EncodeToString(anchor[:]) {
			at = versions[record.AnchorKey(e.Anchor.Stream, e.Anchor.Number)]
		}
	}
	var txs []string
	before := func(v fabric.Read) bool { return v.Block < at.Block || v.Block == at.Block && v.Index < at.Index }
	note := func(changes []record.Moment, key, stop string) {
		v, stopped := versions[key], versions[stop]
		if at.Exists && v.Exists && before(v) && (!stopped.Exists || before(stopped)) {
			return
		}
		for _, c := range changes {
			txs = append(txs, c.Tx)
		}
	}
	note(said.Stream.Changes(), record.StreamKey(said.Stream.Name()), record.StreamStopKey(said.Stream.Name()))
	for _, d := range said.Devices {
		note(d.Changes(), record.DeviceKey(d.Name()), record.StopKey(d.Name()))
	}
	return txs
}

// blocks fetches the blocks of transactions, each block once.
func blocks(ctx context.Context, l Ledger, txs []string) ([][]byte, error) {
	var found [][]byte
	placed := map[string]bool{}
	for _, tx := range txs {
		if placed[tx] || tx == "" || len(found) > maxBlocks {
			continue
		}
		raw, err := l.BlockOf(ctx, tx)
		if err != nil {
			return nil, fmt.Errorf("block of transaction %s: %w", tx, err)
		}
		trimmed, err := fabric.Trim(raw)
		if err != nil {
			return nil, err
		}
		b, err := fabric.ParseBlock(trimmed)
		if err != nil {
			return nil, err
		}
		for _, e := range b.Entries {
			placed[e.ID] = true
		}
		found = append(found, trimmed)
	}
	return found, nil
}
