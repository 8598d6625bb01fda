// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// deviceIndex returns the index that narrows a list most, and the partial key in it; the devices
// themselves, of all owners or of one, when no index helps.
func deviceIndex(f call.DeviceFilter) (object string, attributes []string) {
	switch {
	case f.Attribute != nil:
		return record.DeviceAttributeIndex, given(f.Attribute.Name, f.Attribute.Value, f.Owner)
	case f.Type != "":
		return record.DeviceTypeIndex, given(f.Type, f.Owner)
	case f.Status != "":
		return record.DeviceStatusIndex, given(string(f.Status), f.Owner)
	default:
		return record.DeviceObject, given(f.Owner)
	}
}

// deviceMatches reports whether a device passes every filter.
func deviceMatches(f call.DeviceFilter, d record.Device) bool {
	return (f.Owner == "" || d.Owner == f.Owner) &&
		(f.Type == "" || d.DeviceType == f.Type) &&
		(f.Status == "" || d.Status == f.Status) &&
		(f.Attribute == nil || hasAttribute(d, f.Attribute.Name, f.Attribute.Value))
}

// hasAttribute reports whether a device has this attribute with this value.
func hasAttribute(d record.Device, name, value string) bool {
	got, there := d.Attributes[name]
	return there && got == value
}

// listDevices handles devices:List.
func listDevices(tx *transaction, req call.DeviceList) (call.Devices, error) {
	object, attributes := deviceIndex(req.DeviceFilter)
	var keys []string
	var values [][]byte
	bookmark, err := tx.page(req.Page, object, attributes, func(key string, value []byte) error {
		keys, values = append(keys, deviceKeyOf(key)), append(values, value)
		return nil
	})
	if err != nil {
		return call.Devices{}, err
	}
	if object != record.DeviceObject && len(keys) > 0 {
		if values, err = tx.getMany(keys); err != nil {
			return call.Devices{}, err
		}
	}
	list := call.Devices{Devices: []record.Device{}, Bookmark: bookmark}
	size := 0
	for i, value := range values {
		if size += len(value); size > maxPageBytes {
			return call.Devices{}, pageTooLarge(req.Page)
		}
		var d record.Device
		if err := decodeState(keys[i], value, &d); err != nil {
			return call.Devices{}, err
		}
		if deviceMatches(req.DeviceFilter, d) && record.DeviceKey(d.Name()) == keys[i] {
			list.Devices = append(list.Devices, d)
		}
	}
	return list, nil
}

// deviceKeyOf returns the key of the device to which a device's own or index key belongs: owner and id
// are the last parts of each.
func deviceKeyOf(key string) string {
	_, attributes := record.SplitKey(key)
	n := len(attributes)
	if n < 2 {
		return ""
	}
	return record.DeviceKey(name.New(attributes[n-2], attributes[n-1]))
}

// deviceHistory handles History. The peer must keep a history database.
func deviceHistory(tx *transaction, req call.History) (call.Changes, error) {
	if _, err := tx.device(req.Device); err != nil {
		return call.Changes{}, err
	}
	key := record.DeviceKey(req.Device)
	rows, err := tx.stub.GetHistoryForKey(key)
	if err != nil {
		return call.Changes{}, record.Errorf(record.Internal, "read the history of device %s: %v", req.Device, err)
	}
	defer rows.Close() //nolint:errcheck // nothing was written; the peer frees it at the end anyway
	page := call.Changes{Changes: []call.DeviceChange{}}
	skipping, size := req.After != "", 0
	for rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return call.Changes{}, record.Errorf(record.Internal, "read the history of device %s: %v", req.Device, err)
		}
		if skipping {
			skipping = row.GetTxId() != req.After
			continue
		}
		full := len(page.Changes) == (call.Page{PageSize: req.PageSize}).Rows()
		if size += len(row.GetValue()); full || size > maxPageBytes && len(page.Changes) > 0 {
			page.After = page.Changes[len(page.Changes)-1].TxID
			return page, nil
		}
		change := call.DeviceChange{TxID: row.GetTxId(), Time: row.GetTimestamp().AsTime().UnixMilli()}
		if err := decodeState(key, row.GetValue(), &change.Device); err != nil {
			return call.Changes{}, err
		}
		page.Changes = append(page.Changes, change)
	}
	if skipping {
		return call.Changes{}, invalid("after", errors.New("is not a transaction that changed the device"))
	}
	return page, nil
}
