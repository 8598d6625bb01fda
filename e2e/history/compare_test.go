// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// always is a place after all others.
const always = 1 << 60

// compare asks every judge about every reading.
func (h *history) compare() {
	for _, s := range h.streams {
		for _, b := range s.batches {
			h.world.total.batches++
			for i, r := range b.readings {
				h.compareReading(b, uint64(i), r)
			}
		}
	}
	h.compareArchives()
}

// mostBlocks is of how many blocks the ledger is asked beside the anchor's. The model does not know which
// are left out where there are more.
const mostBlocks = 16

// compareReading asks the verifier, with the evidence of then, of now and of both, and the ledger.
func (h *history) compareReading(b *batch, index uint64, r *sensed) {
	what := fmt.Sprintf("reading %s/%d by key %s in batch %d of %s (place %d), receipt %s",
		r.device.name, r.sequence, idOf(r.signer), b.number, b.stream.name, b.at.place, b.receipt)
	v := b.truth(r, places, always)
	h.world.total.count(v)
	archived, err := h.archive(b.stream).Statement(b.number, index)
	h.require(err, "make the statement")
	h.agree(what, "with the bridge's evidence", b, r, b.archived, b.asOf, h.world.verifier.Verify(archived))

	proof := h.inclusion(what, b, index, r)
	statement, err := receipt.ParseStatement(archived)
	h.require(err, "read the statement")
	bare, err := receipt.NewStatement(r.data, proof, statement.Anchor, receipt.Evidence{})
	h.require(err, "make a statement without evidence")
	found, err := h.evidence(bare)
	h.require(err, what+": ask for evidence")
	if len(found.Blocks) > mostBlocks {
		h.world.total.cut++
		return
	}
	whole, err := receipt.NewStatement(r.data, proof, statement.Anchor, found)
	h.require(err, "put evidence into the statement")
	h.agree(what, "with evidence of the end", b, r, fresh, always, h.world.verifier.Verify(whole))
	beside, err := h.evidence(archived)
	h.require(err, what+": ask for evidence")
	h.agree(what, "with both (--ledger)", b, r, b.joined, always, h.world.verifier.Verify(archived, beside))
}

// byClocks is in the note of a verifier that had to go by clients' clocks.
const byClocks = "by the times that their clients claimed"

// agree reports a verifier that says otherwise than the model, by what the evidence tells of the order.
// Where that is not the truth, the verifier must say that it went by the clocks of clients.
func (h *history) agree(what, how string, b *batch, s *sensed, known orders, asOf int, r *audit.Report) {
	h.t.Helper()
	said, err := json.MarshalIndent(r, "", " ")
	h.require(err, "encode the report")
	h.world.total.verdicts++
	want, got := b.truth(s, known, asOf).audited(), wordOf(r)
	require.Equal(h.t, want, got, "%s, %s\n%s\nThe report: %s", what, how, h, said)
	if !reflect.DeepEqual(want, b.truth(s, places, asOf).audited()) {
		h.world.total.unplaced[how]++
		require.Contains(h.t, strings.Join(r.Notes, "\n"), byClocks, "%s, %s\n%s\nThe report: %s", what, how, h, said)
	}
}

// evidence asks for fresh evidence. Peers lag behind each other for a moment.
func (h *history) evidence(statement []byte) (receipt.Evidence, error) {
	s, err := receipt.ParseStatement(statement)
	h.require(err, "read the statement")
	return online.Evidence(h.test.Context(), h.world.users[0].ledger, h.world.verifier.Trust(), s)
}

// inclusion asks the ledger, which judges by the times that clients claimed, and returns the receipt.
func (h *history) inclusion(what string, b *batch, index uint64, r *sensed) []byte {
	proofs, err := h.archive(b.stream).Proofs(b.number)
	h.require(err, "read the archive")
	proof, err := proofs.Receipt(index)
	h.require(err, "make the receipt")
	found, err := h.world.users[1].ledger.VerifyInclusion(h.test.Context(), b.stream.name, b.number, r.data, proof)
	h.require(err, "ask the ledger")
	want := b.truth(r, times, always).inclusion()
	require.Equal(h.t, want, inclusionOf(found), "%s: the ledger says %+v\n%s", what, found, h)
	if want != b.truth(r, places, always).inclusion() {
		h.world.total.skewed++
	}
	return proof
}

// compareArchives has all archives checked together.
func (h *history) compareArchives() {
	var sources []fsck.Source
	want, disowned, receipts := []string{}, map[name.Name]uint64{}, map[name.Name]uint64{}
	for _, s := range h.streams {
		sources = append(sources, fsck.Source{Stream: s.name, Archive: h.archive(s)})
		for _, b := range s.batches {
			for i, r := range b.readings {
				v := b.truth(r, places, always)
				want = append(want, v.inArchive(r)...)
				if i == 0 {
					want = append(want, v.receiptInArchive(b)...)
					if v.receiptDisowned() {
						receipts[s.name]++
					}
				}
				if v.disowned() {
					disowned[r.device.name]++
				}
			}
		}
	}
	report, err := fsck.CheckAll(h.test.Context(), h.world.users[0].ledger, sources, fsck.Options{})
	h.require(err, "check the archives")
	require.ElementsMatch(h.t, want, faultsOf(report), "the check of the archives says %+v\n%s", report.Faults, h)
	for _, s := range report.Streams {
		require.Equal(h.t, receipts[s.Stream], s.Repudiated, "disowned receipts of %s\n%s", s.Stream, h)
	}
	for _, d := range report.Devices {
		require.Equal(h.t, disowned[d.Device], d.Repudiated, "disowned readings of %s\n%s", d.Device, h)
	}
}
