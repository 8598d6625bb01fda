// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// Contract names.
const (
	devicesName    = "devices"
	anchorsName    = "anchors"
	rolesName      = "roles"
	policiesName   = "policies"
	accessName     = "access"
	consortiumName = "consortium"
)

// Function describes one transaction: the metadata that Fabric's tooling shows, the check of
// the arguments' number and docs/chaincode.md all follow from it.
type Function struct {
	// Contract and Transaction are the two halves of the name.
	Contract, Transaction string
	// Parameters are the names of the arguments, all strings.
	Parameters []string
	// Reads is true for a query, which is evaluated and not submitted.
	Reads bool
	// Events are the events of which a committed change emits one; none for a query.
	Events []string
	// Roles are the roles of which the caller needs one in its own organisation; none when
	// every member of the channel may call. What else is needed is in the documentation.
	Roles []record.Role
	// Description is one sentence.
	Description string
}

// Name is what a caller names: contract:Transaction.
func (f Function) Name() string { return f.Contract + ":" + f.Transaction }

// Functions returns every transaction, in the order of the documentation.
func Functions() []Function {
	return slices.Concat(
		consortiumFunctions(), roleFunctions(), deviceFunctions(), anchorFunctions(),
		policyFunctions(), accessFunctions(),
	)
}

func consortiumFunctions() []Function {
	f := functions{contract: consortiumName}
	f.change("Approve", "Approves the terms on which the organisations sign each other's changes; in force when all approve the same.",
		roles(record.Admin), call.ConsortiumApproved, call.ConsortiumChanged)
	f.query("Get", "Returns the terms in force and what each organisation approves.")
	return f.list
}

func roleFunctions() []Function {
	f := functions{contract: rolesName}
	f.change("Grant", "Grants a role to identities of the caller's organisation.", roles(record.Admin), call.RoleGranted)
	f.change("Revoke", "Takes a role back.", roles(record.Admin), call.RoleRevoked)
	f.query("List", "Returns a page of the grants of an organisation.", "request")
	f.query("WhoAmI", "Returns the caller's organisation, identity, certificate hash, units, attributes and roles.")
	return f.list
}

func deviceFunctions() []Function {
	registrar := roles(record.Registrar, record.Admin)
	carrier := roles(record.Bridge, record.Registrar, record.Admin)
	f := functions{contract: devicesName}
	f.change("Register", "Registers a device of the caller's organisation, which proves possession of its key.", registrar, call.DeviceRegistered)
	f.change("RegisterMany", "Registers up to 200 devices, all or none.", registrar, call.DevicesRegistered)
	f.change("AddManufacturer", "Lets the devices that a manufacturer certified register themselves with the caller's organisation.", registrar, call.ManufacturerAdded)
	f.change("RemoveManufacturer", "Takes no more devices of a manufacturer.", registrar, call.ManufacturerRemoved)
	f.change("Enrol", "Registers a device by its manufacturer's certificate, carried by any bridge.", carrier, call.DeviceRegistered)
	f.change("SetAttributes", "Replaces a device's type, attributes, profile and reporting period.", registrar, call.DeviceChanged)
	f.change("RotateKey", "Replaces a device's key, authorised by the old key or by a registrar with a reason.", carrier, call.DeviceKeyRotated)
	f.change("Suspend", "Suspends an active device.", registrar, call.DeviceSuspended)
	f.change("Resume", "Makes a suspended device active again.", registrar, call.DeviceResumed)
	f.change("Revoke", "Revokes a device for good, with the time since when it may be compromised.", registrar, call.DeviceRevoked)
	f.change("Offer", "Offers a device to another organisation.", registrar, call.DeviceOffered)
	f.change("WithdrawOffer", "Takes an offer back.", registrar, call.DeviceOfferWithdrawn)
	f.change("Accept", "Takes over a device that is offered to the caller's organisation, under a name there.", registrar, call.DeviceTransferred)
	f.query("Get", "Returns a device.", "device")
	f.query("KeyAt", "Returns the key and the status that a device had at a time, and what the key was worth.", "device", "time")
	f.query("List", "Returns a page of devices, all or by owner, type, status and attribute.", "request")
	f.query("History", "Returns a page of what a device was, newest first.", "request")
	f.query("ListManufacturers", "Returns a page of manufacturers.", "request")
	return f.list
}

func anchorFunctions() []Function {
	bridge := roles(record.Bridge)
	f := functions{contract: anchorsName}
	f.change("OpenStream", "Opens a stream that only the caller may write, which proves possession of the stream's key.", bridge, call.StreamOpened)
	f.change("RotateStreamKey", "Replaces the key that signs a stream's receipts, authorised by the old key or by an admin with a reason.",
		roles(record.Bridge, record.Admin), call.StreamKeyRotated)
	f.change("SetBridge", "Lets another identity of the owner write a stream.", roles(record.Admin), call.StreamBridgeChanged)
	f.change("Anchor", "Stores the next anchor of a stream, given in canonical form; the same anchor again succeeds.", bridge, call.Anchored)
	f.list[len(f.list)-1].Parameters = []string{"anchor"}
	f.change("ReportEquivocation", "Records the evidence that a stream stands for something else than what it anchored.",
		roles(record.Auditor, record.Bridge, record.Admin), call.EquivocationReported)
	f.query("GetStream", "Returns a stream.", "stream")
	f.query("ListStreams", "Returns a page of streams.", "request")
	f.query("Get", "Returns an anchor.", "stream", "number")
	f.query("Head", "Returns the number, the hash and the time of a stream's last anchor.", "stream")
	f.query("List", "Returns a run of a stream's anchors, from a number on.", "request")
	f.query("ListByDay", "Returns a page of the anchors whose batches began on a day, of all streams or of one.", "request")
	f.query("VerifyInclusion", "Tells whether a reading is in an anchored batch, which registered key signed it and what that key was worth then.", "stream", "number", "reading", "proof")
	f.query("Attest", "Returns what the ledger has of a stream, a run of its anchors and devices, all as of one state, for peers to sign.", "request")
	f.query("ListEquivocations", "Returns a page of the evidence of equivocation.", "request")
	return f.list
}

func policyFunctions() []Function {
	f := functions{contract: policiesName}
	f.change("Put", "Puts a new revision of a Cedar policy over the devices of the caller's organisation.", roles(record.Admin), call.PolicyPut)
	f.change("Revoke", "Revokes a policy; its revisions are kept.", roles(record.Admin), call.PolicyRevoked)
	f.query("Get", "Returns the latest revision of a policy.", "policy")
	f.query("GetRevision", "Returns a revision of a policy.", "policy", "revision")
	f.query("List", "Returns a page of the latest revisions of the policies.", "request")
	f.query("Check", "Checks a policy as Put would, without putting it.", "text")
	f.query("Schema", "Returns the Cedar schema that policies are checked against.")
	return f.list
}

func accessFunctions() []Function {
	f := functions{contract: accessName}
	f.query("Decide", "Decides whether the caller, or a device, may do something to a device or a set of devices.", "request")
	f.change("Request", "Decides and puts the decision on record, with an expiry.", nil, call.AccessRequested)
	f.query("Get", "Returns a recorded decision.", "id")
	f.query("List", "Returns a page of recorded decisions.", "request")
	return f.list
}

// functions collects the functions of one contract.
type functions struct {
	contract string
	list     []Function
}

// change adds a transaction that writes and takes one JSON request.
func (f *functions) change(transaction, description string, roles []record.Role, events ...string) {
	f.list = append(f.list, Function{
		Contract: f.contract, Transaction: transaction, Parameters: []string{"request"},
		Events: events, Roles: roles, Description: description,
	})
}

// query adds a transaction that only reads.
func (f *functions) query(transaction, description string, parameters ...string) {
	f.list = append(f.list, Function{
		Contract: f.contract, Transaction: transaction, Parameters: parameters,
		Reads: true, Description: description,
	})
}

// roles lists roles.
func roles(list ...record.Role) []record.Role { return list }

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
