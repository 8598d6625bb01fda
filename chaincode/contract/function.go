// SPDX-License-Identifier: Apache-2.0

package contract

// Contract names.
const (
	devicesName = "devices"
	anchorsName = "anchors"
)

// Function describes one transaction: the metadata that Fabric's tooling shows, the check of
// the arguments' number and docs/chaincode.md all follow from it.
type Function struct {
	// Contract and Transaction are the two halves of the name.
	Contract, Transaction string
	// Parameters are the names of the arguments, all strings.
	Parameters []string
	// Reads is true for a query, which must not be submitted.
	Reads bool
	// Event is the event that a committed change emits, "" for a query.
	Event string
	// Description is one sentence.
	Description string
}

// Name is what a caller names: contract:Transaction.
func (f Function) Name() string { return f.Contract + ":" + f.Transaction }

// Functions returns every transaction, in the order of the documentation.
func Functions() []Function {
	return append(deviceFunctions(), anchorFunctions()...)
}

func deviceFunctions() []Function {
	return []Function{
		change(devicesName, "Register", DeviceRegistered, "Registers a device of the caller's organisation, which proves possession of its key."),
		change(devicesName, "RotateKey", DeviceKeyRotated, "Replaces a device's key, authorised by the old key or by a registrar with a reason."),
		change(devicesName, "Suspend", DeviceSuspended, "Suspends an active device."),
		change(devicesName, "Resume", DeviceResumed, "Makes a suspended device active again."),
		change(devicesName, "Revoke", DeviceRevoked, "Revokes a device for good, with the time since when it may be compromised."),
		query(devicesName, "Get", "Returns a device.", "id"),
		query(devicesName, "List", "Returns a page of devices, in the order of their ids.", "request"),
	}
}

func anchorFunctions() []Function {
	return []Function{
		change(anchorsName, "OpenStream", StreamOpened, "Opens a stream that only the caller may write, which proves possession of the stream's key."),
		{
			Contract: anchorsName, Transaction: "Anchor", Parameters: []string{"anchor"}, Event: Anchored,
			Description: "Stores the next anchor of a stream, given in canonical form; the same anchor again succeeds.",
		},
		query(anchorsName, "GetStream", "Returns a stream.", "id"),
		query(anchorsName, "Get", "Returns an anchor.", "stream", "number"),
		query(anchorsName, "Head", "Returns the number and the hash of a stream's last anchor.", "stream"),
		query(anchorsName, "List", "Returns a run of a stream's anchors, from a number on.", "request"),
	}
}

// change describes a transaction that writes and takes one JSON request.
func change(contract, transaction, event, description string) Function {
	return Function{
		Contract: contract, Transaction: transaction, Parameters: []string{"request"},
		Event: event, Description: description,
	}
}

// query describes a transaction that only reads.
func query(contract, transaction, description string, parameters ...string) Function {
	return Function{
		Contract: contract, Transaction: transaction, Parameters: parameters,
		Reads: true, Description: description,
	}
}

// evaluated names the transactions of a contract that only read.
func evaluated(contract string) []string {
	var names []string
	for _, f := range Functions() {
		if f.Contract == contract && f.Reads {
			names = append(names, f.Transaction)
		}
	}
	return names
}
