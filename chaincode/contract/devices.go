// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// Devices is the contract "devices": who the devices are, and which keys speak for them.
type Devices struct {
	contractapi.Contract
}

func newDevices() *Devices {
	return &Devices{Contract: contractapi.Contract{Name: devicesName, Info: info(devicesName)}}
}

// GetEvaluateTransactions names the functions that only read.
func (*Devices) GetEvaluateTransactions() []string { return evaluated(devicesName) }

// Register puts a device on the ledger, owned by the caller's organisation.
func (*Devices) Register(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, register)
}

// RegisterMany registers several devices in one transaction, all or none.
func (*Devices) RegisterMany(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, registerMany)
}

// Enrol registers a device by the certificate of its manufacturer.
func (*Devices) Enrol(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, enrol)
}

// AddManufacturer lets the devices of a manufacturer register themselves.
func (*Devices) AddManufacturer(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, addManufacturer)
}

// RemoveManufacturer takes no more devices of a manufacturer.
func (*Devices) RemoveManufacturer(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, removeManufacturer)
}

// ListManufacturers returns a page of an organisation's manufacturers.
func (*Devices) ListManufacturers(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listManufacturers)
}

// SetAttributes replaces what is said about the device.
func (*Devices) SetAttributes(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, setAttributes)
}

// RotateKey replaces the device's key.
func (*Devices) RotateKey(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, rotateKey)
}

// Suspend stops an active device until it is resumed.
func (*Devices) Suspend(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, suspend)
}

// Resume makes a suspended device active again.
func (*Devices) Resume(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, resume)
}

// Revoke ends a device for good.
func (*Devices) Revoke(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, revoke)
}

// Offer offers a device to another organisation.
func (*Devices) Offer(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, offer)
}

// WithdrawOffer takes an offer back.
func (*Devices) WithdrawOffer(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, withdrawOffer)
}

// Accept takes an offered device over.
func (*Devices) Accept(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, accept)
}

// Get returns a device.
func (*Devices) Get(ctx contractapi.TransactionContextInterface, device string) (string, error) {
	return answer(ctx, func(tx *transaction) (record.Device, error) {
		n, err := parseName("device", device)
		if err != nil {
			return record.Device{}, err
		}
		return tx.device(n)
	})
}

// KeyAt returns the key and the status that a device had at a time in milliseconds.
func (*Devices) KeyAt(ctx contractapi.TransactionContextInterface, device, time string) (string, error) {
	return answer(ctx, func(tx *transaction) (call.DeviceKey, error) { return deviceKeyAt(tx, device, time) })
}

// List returns a page of devices.
func (*Devices) List(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listDevices)
}

// History returns a page of what a device was, newest first.
func (*Devices) History(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, deviceHistory)
}
