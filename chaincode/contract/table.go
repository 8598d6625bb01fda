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

// Functions returns every transaction, in the order of the documentation.
func Functions() []Function {
	return slices.Concat(
		consortiumFunctions(), roleFunctions(), deviceFunctions(), anchorFunctions(),
		policyFunctions(), accessFunctions(),
	)
}

func consortiumFunctions() []Function {
	l := list{contract: consortiumName}
	change(&l, "Approve", "Approves the terms on which the organisations sign each other's changes; in force when all approve the same.",
		roles(record.Admin), approve, call.ConsortiumApproved, call.ConsortiumChanged)
	read(&l, "Get", "Returns the terms in force and what each organisation approves.", getConsortium)
	return l.functions
}

func roleFunctions() []Function {
	l := list{contract: rolesName}
	change(&l, "Grant", "Grants a role to identities of the caller's organisation.",
		roles(record.Admin), grantRole, call.RoleGranted)
	change(&l, "Revoke", "Takes a role back.",
		roles(record.Admin), revokeRole, call.RoleRevoked)
	ask(&l, "List", "Returns a page of the grants of an organisation.", listGrants)
	read(&l, "WhoAmI", "Returns the caller's organisation, identity, certificate hash, units, attributes and roles.", whoAmI)
	return l.functions
}

func deviceFunctions() []Function {
	registrar := roles(record.Registrar, record.Admin)
	carrier := roles(record.Bridge, record.Registrar, record.Admin)
	l := list{contract: devicesName}
	change(&l, "Register", "Registers a device of the caller's organisation, which proves possession of its key.",
		registrar, register, call.DeviceRegistered)
	change(&l, "RegisterMany", "Registers up to 200 devices, all or none.",
		registrar, registerMany, call.DevicesRegistered)
	change(&l, "AddManufacturer", "Lets the devices that a manufacturer certified register themselves with the caller's organisation.",
		registrar, addManufacturer, call.ManufacturerAdded)
	change(&l, "RemoveManufacturer", "Takes no more devices of a manufacturer.",
		registrar, removeManufacturer, call.ManufacturerRemoved)
	change(&l, "Enrol", "Registers a device by its manufacturer's certificate, carried by any bridge.",
		carrier, enrol, call.DeviceRegistered)
	change(&l, "SetAttributes", "Replaces a device's type, attributes, profile and reporting period.",
		registrar, setAttributes, call.DeviceChanged)
	change(&l, "RotateKey", "Replaces a device's key, authorised by the old key or by a registrar with a reason.",
		carrier, rotateKey, call.DeviceKeyRotated)
	change(&l, "Suspend", "Suspends an active device.",
		registrar, suspend, call.DeviceSuspended)
	change(&l, "Resume", "Makes a suspended device active again.",
		registrar, resume, call.DeviceResumed)
	change(&l, "Revoke", "Revokes a device for good, with the time since when it may be compromised.",
		registrar, revoke, call.DeviceRevoked)
	change(&l, "Offer", "Offers a device to another organisation.",
		registrar, offer, call.DeviceOffered)
	change(&l, "WithdrawOffer", "Takes an offer back.",
		registrar, withdrawOffer, call.DeviceOfferWithdrawn)
	change(&l, "Accept", "Takes over a device that is offered to the caller's organisation, under a name there.",
		registrar, accept, call.DeviceTransferred)
	read(&l, "Get", "Returns a device.", getDevice, "device")
	read(&l, "KeyAt", "Returns the key and the status that a device had at a time, and what the key was worth.", deviceKeyAt, "device", "time")
	ask(&l, "List", "Returns a page of devices, all or by owner, type, status and attribute.", listDevices)
	ask(&l, "History", "Returns a page of what a device was, newest first.", deviceHistory)
	ask(&l, "ListManufacturers", "Returns a page of manufacturers.", listManufacturers)
	return l.functions
}

func anchorFunctions() []Function {
	bridge := roles(record.Bridge)
	l := list{contract: anchorsName}
	change(&l, "OpenStream", "Opens a stream that only the caller may write, which proves possession of the stream's key.",
		bridge, openStream, call.StreamOpened)
	change(&l, "RotateStreamKey", "Replaces the key that signs a stream's receipts, authorised by the old key or by an admin with a reason.",
		roles(record.Bridge, record.Admin), rotateStreamKey, call.StreamKeyRotated)
	change(&l, "StopStream", "Ends the key that signs a stream's receipts, with the time since when it may be compromised; needs the owner's peers only.",
		roles(record.Admin), stopStream, call.StreamStopped)
	change(&l, "SetBridge", "Lets another identity of the owner write a stream.",
		roles(record.Admin), setBridge, call.StreamBridgeChanged)
	anchor := taking(anchorsName, "Anchor", "Stores the next anchor of a stream, given in canonical form; the same anchor again succeeds.", anchorText, []string{"anchor"})
	anchor.Roles, anchor.Events = bridge, []string{call.Anchored}
	l.functions = append(l.functions, anchor)
	change(&l, "ReportEquivocation", "Records the evidence that a stream stands for something else than what it anchored.",
		roles(record.Auditor, record.Bridge, record.Admin), reportEquivocation, call.EquivocationReported)
	read(&l, "GetStream", "Returns a stream.", getStream, "stream")
	ask(&l, "ListStreams", "Returns a page of streams.", listStreams)
	read(&l, "Get", "Returns an anchor.", getAnchor, "stream", "number")
	read(&l, "Head", "Returns the number, the hash and the time of a stream's last anchor.", getHead, "stream")
	ask(&l, "List", "Returns a run of a stream's anchors, from a number on.", listAnchors)
	ask(&l, "ListByDay", "Returns a page of the anchors whose batches began on a day, of all streams or of one.", listByDay)
	read(&l, "VerifyInclusion", "Tells whether a reading is in an anchored batch, which registered key signed it and what that key was worth then.", verifyInclusion, "stream", "number", "reading", "proof")
	ask(&l, "Attest", "Returns what the ledger has of a stream, a run of its anchors and devices, all as of one state, for peers to sign.", attest)
	ask(&l, "ListEquivocations", "Returns a page of the evidence of equivocation.", listEquivocations)
	return l.functions
}

func policyFunctions() []Function {
	l := list{contract: policiesName}
	change(&l, "Put", "Puts a new revision of a Cedar policy over the devices of the caller's organisation.",
		roles(record.Admin), putPolicy, call.PolicyPut)
	change(&l, "Revoke", "Revokes a policy; its revisions are kept.",
		roles(record.Admin), revokePolicy, call.PolicyRevoked)
	read(&l, "Get", "Returns the latest revision of a policy.", getPolicy, "policy")
	read(&l, "GetRevision", "Returns a revision of a policy.", getRevision, "policy", "revision")
	ask(&l, "List", "Returns a page of the latest revisions of the policies.", listPolicies)
	read(&l, "Check", "Checks a policy as Put would, without putting it.", checkPolicy, "text")
	read(&l, "Schema", "Returns the Cedar schema that policies are checked against.", getSchema)
	return l.functions
}

func accessFunctions() []Function {
	l := list{contract: accessName}
	ask(&l, "Decide", "Decides whether the caller, or a device, may do something to a device or a set of devices.", decide)
	change(&l, "Request", "Decides and puts the decision on record, with an expiry.",
		nil, requestAccess, call.AccessRequested)
	read(&l, "Get", "Returns a recorded decision.", getAccess, "id")
	ask(&l, "List", "Returns a page of recorded decisions.", listAccess)
	return l.functions
}
