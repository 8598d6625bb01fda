// SPDX-License-Identifier: Apache-2.0

package contract

// RequestOf returns the type of the JSON request that a function takes, as a zero value, or nil
// when it takes none. Tests compare the documentation with it.
func RequestOf(function string) any {
	return map[string]any{
		"consortium:Approve":         termsRequest{},
		"roles:Grant":                grantRequest{},
		"roles:Revoke":               grantRequest{},
		"roles:List":                 grantListRequest{},
		"devices:Register":           registerRequest{},
		"devices:RegisterMany":       registerManyRequest{},
		"devices:AddManufacturer":    manufacturerRequest{},
		"devices:RemoveManufacturer": nameRequest{},
		"devices:Enrol":              enrolRequest{},
		"devices:SetAttributes":      attributesRequest{},
		"devices:RotateKey":          rotateRequest{},
		"devices:Suspend":            statusRequest{},
		"devices:Resume":             statusRequest{},
		"devices:Revoke":             revokeRequest{},
		"devices:Offer":              offerRequest{},
		"devices:WithdrawOffer":      idRequest{},
		"devices:Accept":             idRequest{},
		"devices:List":               deviceListRequest{},
		"devices:History":            historyRequest{},
		"devices:ListManufacturers":  manufacturerListRequest{},
		"anchors:OpenStream":         streamRequest{},
		"anchors:RotateStreamKey":    rotateRequest{},
		"anchors:SetBridge":          bridgeRequest{},
		"anchors:ReportEquivocation": equivocationRequest{},
		"anchors:ListStreams":        streamListRequest{},
		"anchors:List":               anchorListRequest{},
		"anchors:ListByDay":          dayRequest{},
		"anchors:ListEquivocations":  equivocationListRequest{},
		"policies:Put":               policyRequest{},
		"policies:Revoke":            policyRevokeRequest{},
		"policies:List":              policyListRequest{},
		"access:Decide":              decideRequest{},
		"access:Request":             accessRequest{},
		"access:List":                accessListRequest{},
	}[function]
}
