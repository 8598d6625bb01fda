// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/receipt"
)

// accusation is a request to report a receipt with these claims, for the first reading of a batch.
func accusation(t testing.TB, b batch, claims receipt.Claims) object {
	return object{"receipt": b64(b.receipt(t, b.stream, claims, 0)), "root": b.tree.Root().String()}
}

func TestEveryReceiptThatContradictsTheLedgerIsEvidence(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(3)
	w.ledger.Advance(time.Minute)
	otherAnchor, otherTx, otherTime, never := b.claims(t), b.claims(t), b.claims(t), b.claims(t)
	otherAnchor.Anchor[0] ^= 1
	otherTx.Transaction[0] ^= 1
	otherTime.LedgerTime += 1000
	never.Number = 7
	for contradiction, claims := range map[record.Contradiction]receipt.Claims{
		record.OtherAnchor: otherAnchor, record.OtherTransaction: otherTx, record.OtherTime: otherTime, record.NotAnchored: never,
	} {
		t.Run(string(contradiction), func(t *testing.T) {
			request := accusation(t, b, claims)
			report := decode[record.EquivocationReport](t, w.submit(w.admin2, "anchors:ReportEquivocation", request))
			require.Equal(t, contradiction, report.Contradiction)
			require.Equal(t, claims.Number, report.Number)
			require.Equal(t, contradiction == record.NotAnchored, report.Anchored == "")
			require.Equal(t, w.ledger.Events()[len(w.ledger.Events())-1].TxID, report.Reported.Tx)
			p := w.ledger.Propose(w.cc, w.admin2, "anchors:ReportEquivocation", text(t, request))
			require.Empty(t, p.Response.GetMessage())
			require.Empty(t, p.Stub.Writes, "the same evidence again")
		})
	}
	w.refused(record.Conflict, w.admin2, "anchors:ReportEquivocation", accusation(t, b, b.claims(t)))
}

func TestTheSameClaimIsOneReportWhateverReadingItWasMadeFor(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(3)
	lie := b.claims(t)
	lie.Anchor[0] ^= 1
	w.submit(w.admin2, "anchors:ReportEquivocation", accusation(t, b, lie))
	other := object{"receipt": b64(b.receipt(t, b.stream, lie, 2)), "root": b.tree.Root().String()}
	p := w.ledger.Propose(w.cc, w.admin2, "anchors:ReportEquivocation", text(t, other))
	require.Empty(t, p.Response.GetMessage())
	require.Empty(t, p.Stub.Writes)
}

// TestAnAnchorThatComesMeanwhileInvalidatesTheReportThatThereIsNone has an auditor see a state just
// before the batch was anchored.
func TestAnAnchorThatComesMeanwhileInvalidatesTheReportThatThereIsNone(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(3)
	next := b
	next.anchor = anchor("bridge-1", 2, b.entry.Hash)
	early := b.claims(t)
	early.Number = 2
	p := w.ledger.Propose(w.cc, w.admin2, "anchors:ReportEquivocation", text(t, accusation(t, b, early)))
	require.Empty(t, p.Response.GetMessage())
	w.submit(w.bridge1, "anchors:Anchor", canonical(t, next.anchor))
	require.Equal(t, peer.TxValidationCode_MVCC_READ_CONFLICT, w.ledger.Commit(p, w.ledger.Organisations...))
}

func TestAKeyAccusesForTheTimeInWhichItStood(t *testing.T) {
	replace := func(w *world, b batch, reason string, since int64) {
		next := newSigner(t, "EdDSA")
		if reason == "" {
			w.submit(w.bridge1, "anchors:RotateStreamKey", w.streamRotation("bridge-1", "Org1MSP", b.stream, next))
			return
		}
		w.submit(w.admin1, "anchors:RotateStreamKey", object{
			"id": "bridge-1", "key": next.Key().Text(), "reason": reason, "compromisedSince": since,
			"proof": streamPossession(t, next, "bridge-1", "Org1MSP", w.ledger.Channel),
		})
	}
	for name, c := range map[string]struct {
		reason    string
		disowned  bool          // from the time of the receipt on
		after     time.Duration // of the claimed time after the anchor's
		code      record.Code
		keyReason string
	}{
		"a rotation does not excuse what was signed before it": {"", false, 0, "", ""},
		"nor what is signed within its grace":                  {"", false, 10 * time.Minute, "", ""},
		"but what is signed long after it":                     {"", false, 30 * time.Hour, record.Conflict, ""},
		"a key that was stolen later is evidence, and says so": {"stolen", false, 0, "", "stolen"},
		"a key that had been stolen is none":                   {"stolen", false, 10 * time.Minute, record.Conflict, ""},
		"nor one that its owner disowned for the time":         {"stolen", true, 0, record.Conflict, ""},
		"nor one that was no key yet":                          {"", false, -24 * time.Hour, record.Conflict, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.anchoredBatch(3)
			w.ledger.Advance(5 * time.Minute)
			since := int64(0)
			if c.disowned {
				since = b.entry.LedgerTime
			}
			replace(w, b, c.reason, since)
			lie := b.claims(t)
			lie.Anchor[0] ^= 1
			lie.LedgerTime += c.after.Milliseconds()
			if c.code != "" {
				w.refused(c.code, w.admin2, "anchors:ReportEquivocation", accusation(t, b, lie))
				return
			}
			report := decode[record.EquivocationReport](t, w.submit(w.admin2, "anchors:ReportEquivocation", accusation(t, b, lie)))
			require.Equal(t, c.keyReason, report.KeyReason)
			require.Equal(t, b.stream.Key().ID().String(), report.Key)
		})
	}
}
