// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"

	"github.com/anchorline/anchorline/chaincode/record"
)

// deviceListRequest is the request of devices:List. Every filter that is given must hold.
type deviceListRequest struct {
	Owner     string            `json:"owner,omitempty"`
	Type      string            `json:"type,omitempty"`
	Status    record.Status     `json:"status,omitempty"`
	Attribute *record.Attribute `json:"attribute,omitempty"`
	PageSize  int               `json:"pageSize,omitempty"`
	Bookmark  string            `json:"bookmark,omitempty"`
}

func (r deviceListRequest) paging() paging { return paging{size: r.PageSize, bookmark: r.Bookmark} }

func (r deviceListRequest) validate() error {
	switch r.Status {
	case "", record.Active, record.Suspended, record.Revoked:
	default:
		return errors.New("field \"status\": must be active, suspended or revoked")
	}
	if a := r.Attribute; a != nil {
		if err := record.CheckAttributes("attribute", map[string]string{a.Name: a.Value}); err != nil {
			return err
		}
	}
	return record.First(
		optional("owner", r.Owner, record.CheckMSP),
		optional("type", r.Type, record.CheckName),
		r.paging().check(),
	)
}

// index returns the index that narrows the list most, and the partial key in it; the devices
// themselves when there is no filter.
func (r deviceListRequest) index() (object string, attributes []string) {
	switch {
	case r.Attribute != nil:
		return record.DeviceAttributeIndex, given(r.Attribute.Name, r.Attribute.Value, r.Owner)
	case r.Type != "":
		return record.DeviceTypeIndex, []string{r.Type}
	case r.Owner != "":
		return record.DeviceOwnerIndex, []string{r.Owner}
	case r.Status != "":
		return record.DeviceStatusIndex, []string{string(r.Status)}
	default:
		return record.DeviceObject, nil
	}
}

// matches reports whether a device passes every filter.
func (r deviceListRequest) matches(d record.Device) bool {
	return (r.Owner == "" || d.Owner == r.Owner) &&
		(r.Type == "" || d.DeviceType == r.Type) &&
		(r.Status == "" || d.Status == r.Status) &&
		(r.Attribute == nil || hasAttribute(d, r.Attribute.Name, r.Attribute.Value))
}

// hasAttribute reports whether a device has this attribute with this value.
func hasAttribute(d record.Device, name, value string) bool {
	got, there := d.Attributes[name]
	return there && got == value
}

// deviceList is a page of devices. With more than one filter it may hold fewer than asked for;
// the list ends where the bookmark is empty.
type deviceList struct {
	Devices  []record.Device `json:"devices"`
	Bookmark string          `json:"bookmark"`
}

// listDevices handles devices:List.
func listDevices(tx *transaction, req deviceListRequest) (deviceList, error) {
	object, attributes := req.index()
	var keys []string
	var values [][]byte
	bookmark, err := tx.page(req.paging(), object, attributes, func(key string, value []byte) error {
		keys, values = append(keys, deviceKeyOf(key)), append(values, value)
		return nil
	})
	if err != nil {
		return deviceList{}, err
	}
	if object != record.DeviceObject && len(keys) > 0 {
		if values, err = tx.getMany(keys); err != nil {
			return deviceList{}, err
		}
	}
	list := deviceList{Devices: []record.Device{}, Bookmark: bookmark}
	size := 0
	for i, value := range values {
		if size += len(value); size > maxPageBytes {
			return deviceList{}, pageTooLarge(req.paging())
		}
		var d record.Device
		if err := decodeState(keys[i], value, &d); err != nil {
			return deviceList{}, err
		}
		if req.matches(d) {
			list.Devices = append(list.Devices, d)
		}
	}
	return list, nil
}

// deviceKeyOf returns the key of the device to which a device's own or index key belongs: the
// id is the last part of each.
func deviceKeyOf(key string) string {
	_, attributes := record.SplitKey(key)
	if len(attributes) == 0 {
		return ""
	}
	return record.DeviceKey(attributes[len(attributes)-1])
}

// keyAt is the result of KeyAt.
type keyAt struct {
	Device string `json:"device"`
	Owner  string `json:"owner"`
	Time   int64  `json:"time"`
	// Status is the device's status at that time.
	Status record.Status `json:"status"`
	// Key is the key that was valid then; absent when none was.
	Key *record.Key `json:"key,omitempty"`
	// Trusted is true when the device was active, had a key, and is not known to have been
	// compromised by then.
	Trusted bool `json:"trusted"`
	// CompromisedSince is the time from which the device is not to be trusted, if there is one.
	CompromisedSince int64 `json:"compromisedSince,omitempty"`
}

// deviceKeyAt handles KeyAt.
func deviceKeyAt(tx *transaction, id, text string) (keyAt, error) {
	n, err := parseNumber("time", text)
	if err != nil {
		return keyAt{}, err
	}
	d, err := tx.device(id)
	if err != nil {
		return keyAt{}, err
	}
	at := int64(n)
	status, registered := d.StatusAt(at)
	if !registered {
		return keyAt{}, record.Errorf(record.NotFound, "device %q was not registered at %d; it was at %d", id, at, d.Registered)
	}
	answer := keyAt{Device: d.ID, Owner: d.Owner, Time: at, Status: status, CompromisedSince: d.CompromisedSince}
	if key, valid := record.KeyAt(d.Keys, at); valid {
		answer.Key = &key
		answer.Trusted = status == record.Active && (d.CompromisedSince == 0 || at < d.CompromisedSince)
	}
	return answer, nil
}

// historyRequest is the request of History. After is the transaction id on which the page
// before ended.
type historyRequest struct {
	ID       string `json:"id"`
	PageSize int    `json:"pageSize,omitempty"`
	After    string `json:"after,omitempty"`
}

func (r historyRequest) validate() error {
	return record.First(
		record.CheckName("id", r.ID),
		optional("after", r.After, record.CheckHash),
		paging{size: r.PageSize}.check(),
	)
}

// deviceChange is one change of a device.
type deviceChange struct {
	TxID string `json:"txId"`
	// Time is the timestamp of the transaction.
	Time   int64         `json:"time"`
	Device record.Device `json:"device"`
}

// history is a page of changes, newest first. After is what the next page's request names,
// empty at the end.
type history struct {
	Changes []deviceChange `json:"changes"`
	After   string         `json:"after"`
}

// deviceHistory handles History. The peer must keep a history database.
func deviceHistory(tx *transaction, req historyRequest) (history, error) {
	if _, err := tx.device(req.ID); err != nil {
		return history{}, err
	}
	key := record.DeviceKey(req.ID)
	rows, err := tx.stub.GetHistoryForKey(key)
	if err != nil {
		return history{}, record.Errorf(record.Internal, "read the history of device %q: %v", req.ID, err)
	}
	defer rows.Close() //nolint:errcheck // nothing was written; the peer frees it at the end anyway
	page := history{Changes: []deviceChange{}}
	skipping, size := req.After != "", 0
	for rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return history{}, record.Errorf(record.Internal, "read the history of device %q: %v", req.ID, err)
		}
		if skipping {
			skipping = row.GetTxId() != req.After
			continue
		}
		full := len(page.Changes) == (paging{size: req.PageSize}).rows()
		if size += len(row.GetValue()); full || size > maxPageBytes && len(page.Changes) > 0 {
			page.After = page.Changes[len(page.Changes)-1].TxID
			return page, nil
		}
		change := deviceChange{TxID: row.GetTxId(), Time: row.GetTimestamp().AsTime().UnixMilli()}
		if err := decodeState(key, row.GetValue(), &change.Device); err != nil {
			return history{}, err
		}
		page.Changes = append(page.Changes, change)
	}
	if skipping {
		return history{}, invalid("after", errors.New("is not a transaction that changed the device"))
	}
	return page, nil
}
