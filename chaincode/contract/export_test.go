// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// RequestOf returns the type of the JSON request that a function takes, as a zero value, or nil
// when it takes none. Tests compare the documentation with it.
func RequestOf(function string) any {
	return map[string]any{
		"consortium:Approve":         record.Terms{},
		"roles:Grant":                call.Role{},
		"roles:Revoke":               call.Role{},
		"roles:List":                 call.GrantList{},
		"devices:Register":           call.Registration{},
		"devices:RegisterMany":       call.Registrations{},
		"devices:AddManufacturer":    call.Manufacturer{},
		"devices:RemoveManufacturer": call.ManufacturerName{},
		"devices:Enrol":              call.Enrolment{},
		"devices:SetAttributes":      call.Description{},
		"devices:RotateKey":          call.Rotation{},
		"devices:Suspend":            call.StatusChange{},
		"devices:Resume":             call.StatusChange{},
		"devices:Revoke":             call.Revocation{},
		"devices:Offer":              call.Offer{},
		"devices:WithdrawOffer":      call.ID{},
		"devices:Accept":             call.Acceptance{},
		"devices:List":               call.DeviceList{},
		"devices:History":            call.History{},
		"devices:ListManufacturers":  call.OfOwner{},
		"anchors:OpenStream":         call.StreamRegistration{},
		"anchors:RotateStreamKey":    call.Rotation{},
		"anchors:SetBridge":          call.BridgeChange{},
		"anchors:ReportEquivocation": call.Equivocation{},
		"anchors:ListStreams":        call.Page{},
		"anchors:List":               call.AnchorRun{},
		"anchors:ListByDay":          call.AnchorDay{},
		"anchors:ListEquivocations":  call.OfStream{},
		"anchors:Attest":             call.AttestRequest{},
		"policies:Put":               call.PolicyText{},
		"policies:Revoke":            call.PolicyRevocation{},
		"policies:List":              call.OfOwner{},
		"access:Decide":              decideRequest{},
		"access:Request":             accessRequest{},
		"access:List":                call.Page{},
	}[function]
}
