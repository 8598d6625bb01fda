// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// deviceHistory handles History: what the device's record was, with what its owner's stop was then. The
// peer must keep a history database.
func deviceHistory(tx *transaction, req call.History) (call.Changes, error) {
	if _, err := tx.device(req.Device); err != nil {
		return call.Changes{}, err
	}
	past, err := tx.past(req.Device)
	if err != nil {
		return call.Changes{}, err
	}
	defer past.close()
	page := call.Changes{Changes: []call.DeviceChange{}}
	skipping, size := req.After != "", 0
	for past.more() {
		change, bytes, err := past.next()
		if err != nil {
			return call.Changes{}, err
		}
		if skipping {
			skipping = change.TxID != req.After
			continue
		}
		full := len(page.Changes) == (call.Page{PageSize: req.PageSize}).Rows()
		if size += bytes; full || size > maxPageBytes && len(page.Changes) > 0 {
			page.After = page.Changes[len(page.Changes)-1].TxID
			return page, nil
		}
		page.Changes = append(page.Changes, change)
	}
	if skipping {
		return call.Changes{}, invalid("after", errors.New("is not a transaction that changed the device"))
	}
	return page, nil
}

// past is a device's past, newest first: its record and its stop, each of which changes on its own.
// What came first of the two is told by the times of the transactions.
type past struct {
	device        name.Name
	records, stop *versions
}

func (tx *transaction) past(device name.Name) (*past, error) {
	records, err := tx.versions(record.DeviceKey(device))
	if err != nil {
		return nil, err
	}
	stop, err := tx.versions(record.StopKey(device))
	if err != nil {
		records.close()
		return nil, err
	}
	return &past{device: device, records: records, stop: stop}, nil
}

// more reports whether there is an older state. There was no device before its record.
func (p *past) more() bool { return p.records.row != nil }

// next returns the newest state that was not returned yet, and its size in bytes on the ledger.
func (p *past) next() (call.DeviceChange, int, error) {
	r, s := p.records.row, p.stop.row
	newest := r
	if s != nil && s.GetTimestamp().AsTime().After(r.GetTimestamp().AsTime()) {
		newest = s
	}
	change := call.DeviceChange{TxID: newest.GetTxId(), Time: newest.GetTimestamp().AsTime().UnixMilli()}
	if err := decodeState(record.DeviceKey(p.device), r.GetValue(), &change.Device); err != nil {
		return call.DeviceChange{}, 0, err
	}
	size := len(r.GetValue())
	if s != nil {
		change.Device = change.Device.With(readStop(p.device, s.GetValue()))
		size += len(s.GetValue())
	}
	for _, v := range []*versions{p.records, p.stop} {
		if v.row != nil && v.row.GetTxId() == newest.GetTxId() {
			if err := v.advance(); err != nil {
				return call.DeviceChange{}, 0, err
			}
		}
	}
	return change, size, nil
}

func (p *past) close() {
	p.records.close()
	p.stop.close()
}

// versions are the values that a key had, newest first. row is the one at which it stands, nil after the
// oldest.
type versions struct {
	rows shim.HistoryQueryIteratorInterface
	row  *queryresult.KeyModification
}

// versions stands at the newest value of a key.
func (tx *transaction) versions(key string) (*versions, error) {
	rows, err := tx.stub.GetHistoryForKey(key)
	if err != nil {
		return nil, record.Errorf(record.Internal, "read the history of %q: %v", key, err)
	}
	v := &versions{rows: rows}
	if err := v.advance(); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

// advance goes to the value before.
func (v *versions) advance() error {
	v.row = nil
	if !v.rows.HasNext() {
		return nil
	}
	row, err := v.rows.Next()
	if err != nil {
		return record.Errorf(record.Internal, "read a history: %v", err)
	}
	v.row = row
	return nil
}

// close frees what the peer holds; it does so at the end of the transaction anyway.
func (v *versions) close() { _ = v.rows.Close() }
