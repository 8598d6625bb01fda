// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"

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
		if record.DeviceKey(d.Name()) == keys[i] {
			list.Devices = append(list.Devices, d)
		}
	}
	if list.Devices, err = tx.stopped(list.Devices); err != nil {
		return call.Devices{}, err
	}
	list.Devices = slices.DeleteFunc(list.Devices, func(d record.Device) bool { return !deviceMatches(req.DeviceFilter, d) })
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
