// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

// checkReceipt checks the stream's signature over the ledger's root. The newest batch may have none
// yet: its bridge signs after the ledger has the anchor.
func (w *worker) checkReceipt(ctx context.Context, o *outcome) error {
	n, f := o.entry.Anchor.Number, &o.faults
	signed, err := w.source.Archive.Receipt(n)
	switch {
	case errors.Is(err, archive.ErrNotFound) && n == w.head:
		o.unreceipted = true
		return nil
	case errors.Is(err, archive.ErrNotFound):
		f.add(ReceiptThere, "the archive has no receipt of the batch")
		return nil
	case errors.Is(err, archive.ErrDamaged):
		f.add(ReceiptThere, "%v", err)
		return nil
	case err != nil:
		return err
	}
	w.checkClaims(signed, o)
	id := signed.KeyID()
	key, known := w.keys[id]
	if !known {
		f.add(ReceiptKey, "the receipt names key %s, which is not a key of the stream", id)
		return nil
	}
	root, err := hex.DecodeString(o.entry.Anchor.Root)
	if err != nil || len(root) != merkle.Size || signed.Verify(key, merkle.Hash(root)) != nil {
		f.add(ReceiptSigned, "the receipt is not key %s's signature over the ledger's root", id)
		return nil
	}
	order, failed := w.order.at(ctx, o.entry)
	v := standing.Stream(w.stream, id.String(), moment(o.entry), order)
	if err := failed(); err != nil {
		return err
	}
	switch {
	case !v.Stood():
		f.add(ReceiptStands, "the receipt is by a key that did not stand: %s", keyNotStanding(w.stream.Keys, id.String(), v.Reason))
	case !v.Trusted():
		o.disowned = disowning(*v.Repudiated)
	}
	return nil
}

// checkClaims compares what the receipt says with the ledger.
func (w *worker) checkClaims(signed *receipt.Signed, o *outcome) {
	c, e, f := signed.Claims(), o.entry, &o.faults
	if c.Stream != w.source.Stream || c.Number != e.Anchor.Number || hex.EncodeToString(c.Anchor[:]) != e.Hash {
		f.add(ReceiptClaims, "the receipt is of another anchor: of batch %d of stream %s", c.Number, c.Stream)
		return
	}
	if hex.EncodeToString(c.Transaction[:]) != e.TxID {
		f.add(ReceiptClaims, "the receipt names another transaction than the one that brought the anchor")
	}
	if c.LedgerTime != e.LedgerTime {
		f.add(ReceiptClaims, "the receipt states ledger time %s; it is %s", clock(c.LedgerTime), clock(e.LedgerTime))
	}
	if c.Ledger != w.ledgerName {
		f.add(ReceiptClaims, "the receipt is of ledger %q; this is %s", c.Ledger, w.ledgerName)
	}
}

// clock writes a time in milliseconds as people read it.
func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
