// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/record"
)

// deviceListRequest is the request of devices:List.
type deviceListRequest struct {
	PageSize int    `json:"pageSize,omitempty"`
	Bookmark string `json:"bookmark,omitempty"`
}

func (r deviceListRequest) paging() paging { return paging{size: r.PageSize, bookmark: r.Bookmark} }

func (r deviceListRequest) validate() error { return r.paging().check() }

// deviceList is a page of devices.
type deviceList struct {
	Devices  []record.Device `json:"devices"`
	Bookmark string          `json:"bookmark"`
}

// listDevices handles devices:List.
func listDevices(tx *transaction, req deviceListRequest) (deviceList, error) {
	list := deviceList{Devices: []record.Device{}}
	bookmark, err := tx.page(req.paging(), record.DeviceObject, nil, func(value []byte) error {
		var d record.Device
		if err := record.Decode(value, &d); err != nil {
			return err
		}
		list.Devices = append(list.Devices, d)
		return nil
	})
	list.Bookmark = bookmark
	return list, err
}
