// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
)

// anchorFunction is what the anchor's transaction calls.
const anchorFunction = "anchors:Anchor"

// transaction verifies the anchor's transaction: in its block, or, where no block holds it, alone.
func (j *judgement) transaction() {
	t, err := j.blocks()
	if t == nil && err == nil && len(j.evidence.Envelope) > 0 {
		t, err = fabric.ParseTransaction(j.evidence.Envelope)
	}
	endorsed := []ID{EndorsedTransaction, EndorsedCreator, EndorsedProposal, EndorsedWrites, EndorsedSignatures}
	switch {
	case errors.Is(err, fabric.ErrProposal):
		j.r.skip(endorsed, "the transaction does not hold together")
		j.r.fail(EndorsedProposal, "%v", err)
	case err != nil:
		j.r.skip(endorsed, "the transaction cannot be read")
		j.r.fail(EndorsedTransaction, "%v", err)
	case t == nil:
		j.r.skip(endorsed, "the anchor's transaction is not there; collect it with 'audit evidence'")
	default:
		j.endorsed(t)
	}
}

// blocks verifies every block and returns the anchor's transaction from the one that holds it.
func (j *judgement) blocks() (*fabric.Transaction, error) {
	ids := []ID{OrderedBlock, OrderedSignatures}
	var first *heldIn
	for _, data := range j.evidence.Blocks {
		b := j.v.blocks.get(data, j.v.readBlock)
		if b.err != nil {
			j.r.fail(b.failed, "%v", b.err)
		} else {
			j.place(b.block)
		}
		if b.block == nil {
			continue
		}
		index, t, err := b.block.Find(j.r.Tx)
		if errors.Is(err, fabric.ErrNoTransaction) {
			continue
		}
		h := &heldIn{signedBlock: b, index: index, transaction: t, fault: err}
		if first != nil && first.at() == h.at() && !bytes.Equal(first.envelope(), h.envelope()) {
			j.r.fail(OrderedBlock, "two blocks %d hold different transactions at index %d", b.block.Number, index)
		}
		if first == nil || h.at().Before(first.at()) {
			first = h
		}
	}
	if first == nil {
		j.r.skip(ids, "no block with the anchor's transaction is there")
		return nil, nil
	}
	j.r.OrderedBy = append([]string{}, first.signers...)
	j.ordered(first.block, first.index, first.signers)
	return first.transaction, first.fault
}

// heldIn is a block that holds the anchor's transaction. Of several the earliest counts: in a later one
// it was ordered again.
type heldIn struct {
	signedBlock
	index       int
	transaction *fabric.Transaction
	fault       error
}

func (h *heldIn) at() standing.Position {
	return standing.Position{Block: h.block.Number, Index: uint64(h.index)}
}

func (h *heldIn) envelope() []byte { return h.block.Entries[h.index].Envelope }

// readBlock reads a block and verifies who signed it. The block is there unless its data is wrong.
func (v *Verifier) readBlock(data []byte) signedBlock {
	b, err := fabric.ParseBlock(data)
	if err == nil {
		err = b.VerifyData()
	}
	if err != nil {
		return signedBlock{failed: OrderedBlock, err: err}
	}
	signers, err := b.VerifySignatures(v.trust)
	if err != nil {
		return signedBlock{block: b, failed: OrderedSignatures, err: fmt.Errorf("block %d: %w", b.Number, err)}
	}
	return signedBlock{block: b, signers: signers}
}

// ordered notes the block of the anchor's transaction.
func (j *judgement) ordered(b *fabric.Block, index int, signers []string) {
	p := standing.Position{Block: b.Number, Index: uint64(index)}
	if j.r.Position != nil && *j.r.Position != p {
		j.r.fail(OrderedBlock, "the block holds the transaction at %d/%d, the attestations place it at %d/%d", p.Block, p.Index, j.r.Position.Block, j.r.Position.Index)
	} else {
		j.r.Position = &p
	}
	if e := j.evidence.Envelope; len(e) > 0 && !bytes.Equal(e, b.Entries[index].Envelope) {
		j.r.fail(OrderedBlock, "block %d holds the transaction in another envelope than the one beside it", b.Number)
	}
	j.r.pass(OrderedBlock, "block %d holds the transaction at index %d, and its header names all that it holds", b.Number, index)
	if pinned := j.v.Trust().ConfigurationBlock; b.Configuration != pinned {
		j.r.note("block %d was made under configuration block %d, trust.json is of configuration block %d: other orderers may have been in charge", b.Number, b.Configuration, pinned)
	}
	if len(signers) > 0 {
		j.r.pass(OrderedSignatures, "signed by %s", list(signers))
	}
}

// place notes where a block that the orderers signed holds transactions, the earliest place of each.
func (j *judgement) place(b *fabric.Block) {
	for i, e := range b.Entries {
		p := standing.Position{Block: b.Number, Index: uint64(i)}
		if held, known := j.held[e.ID]; e.ID != "" && (!known || p.Before(held)) {
			j.held[e.ID] = p
		}
	}
}

// endorsed verifies what the anchor's transaction writes, and who signed that.
func (j *judgement) endorsed(t *fabric.Transaction) {
	r := j.r
	r.pass(EndorsedProposal, "the endorsers answered this very proposal")
	if err := j.v.calls(t, anchorFunction); err != nil {
		r.fail(EndorsedTransaction, "%v", err)
	} else if t.ID != r.Tx {
		r.fail(EndorsedTransaction, "it is transaction %s, the receipt names %s", t.ID, r.Tx)
	} else if len(t.Args) != 1 || sha256.Sum256(t.Args[0]) != j.s.Receipt.Claims.Anchor {
		r.fail(EndorsedTransaction, "it asks for another anchor than the one that the receipt names")
	} else {
		r.pass(EndorsedTransaction, "transaction %s calls %s on %s", t.ID, anchorFunction, j.v.Trust().Ledger)
	}
	if err := t.VerifyCreator(j.v.trust); err != nil {
		r.fail(EndorsedCreator, "%v", err)
	} else if t.Creator.MSPID != r.Stream.Owner {
		r.fail(EndorsedCreator, "a member of %s signed it; the stream is of %s", t.Creator.MSPID, r.Stream.Owner)
	} else {
		r.pass(EndorsedCreator, "signed by a member of %s", t.Creator.MSPID)
	}
	if err := j.writes(t); err != nil {
		r.fail(EndorsedWrites, "%v", err)
	} else {
		r.pass(EndorsedWrites, "it writes batch %d of stream %s and no other anchor", r.Number, r.Stream)
	}
	organisations, faults := t.VerifyEndorsements(j.v.trust)
	for _, f := range faults {
		r.note("an endorsement does not count: %v", f)
	}
	r.EndorsedBy = append([]string{}, organisations...)
	if len(organisations) == 0 {
		r.fail(EndorsedSignatures, "no organisation's peer endorsed it")
	} else {
		r.pass(EndorsedSignatures, "endorsed by peers of %s", list(organisations))
	}
}

// writes checks that the transaction writes exactly the anchor of the statement.
func (j *judgement) writes(t *fabric.Transaction) error {
	key, anchors := record.AnchorKey(j.r.Stream, j.r.Number), 0
	var value []byte
	for _, w := range t.Namespace(t.Chaincode).Writes {
		if object, _ := record.SplitKey(w.Key); object != record.AnchorObject {
			continue
		}
		anchors++
		if w.Key == key && !w.Delete {
			value = w.Value
		}
	}
	if value == nil || anchors != 1 {
		return fmt.Errorf("it writes %d anchors; batch %d of stream %s alone is expected", anchors, j.r.Number, j.r.Stream)
	}
	var e record.AnchorEntry
	if err := record.Decode(value, &e); err != nil {
		return fmt.Errorf("the anchor that it writes cannot be read: %w", err)
	}
	if e.LedgerTime != t.Time {
		return fmt.Errorf("the anchor that it writes is dated %s, the transaction %s", clock(e.LedgerTime), clock(t.Time))
	}
	if e.Creator != t.Creator.MSPID {
		return fmt.Errorf("the anchor that it writes is said to be brought by %s, the transaction is of %s", e.Creator, t.Creator.MSPID)
	}
	return j.compareEntry(e)
}
