// SPDX-License-Identifier: Apache-2.0

package record

import "github.com/anchorline/anchorline/reading/name"

// AccessType is the type of an Access.
const AccessType = "access"

// DecisionType is the type of a Decision.
const DecisionType = "decision"

// Subject, action, resource and context of an access decision.
type (
	// AccessQuery asks whether someone may do something.
	AccessQuery struct {
		// Device is the device that asks; absent when the caller asks for itself.
		Device name.Name `json:"device,omitzero"`
		Action string    `json:"action"`
		// Resource says for which devices.
		Resource AccessResource `json:"resource"`
		Context  AccessContext  `json:"context,omitzero"`
	}

	// AccessResource is one device, or all devices of an owner that match.
	AccessResource struct {
		// Device is the name of one device; the other fields are then empty.
		Device name.Name `json:"device,omitzero"`
		// Owner is the MSP ID of the owner of the devices.
		Owner string `json:"owner,omitempty"`
		// Attributes are what each of the devices must have.
		Attributes map[string]string `json:"attributes,omitempty"`
	}

	// AccessContext is what the asker states; policies see it as it is.
	AccessContext struct {
		// Purpose says what for.
		Purpose string `json:"purpose,omitempty"`
		// From and Until bound the time of the data, in milliseconds.
		From  int64 `json:"from,omitempty"`
		Until int64 `json:"until,omitempty"`
	}
)

// Decision is the answer for one or more devices. It is a function of the state, the caller's
// certificate, the query and the transaction's timestamp: the same again gives the same bytes.
type Decision struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// Allowed is true when every device is allowed, and there is at least one.
	Allowed bool `json:"allowed"`
	// Subject is who asks: "MSP/identity" or a device's name.
	Subject string `json:"subject"`
	// AskedBy is the registrar, "MSP/identity", who asked on behalf of the device; empty when the subject
	// asked itself: a caller, or a device by a question that it signed.
	AskedBy string `json:"askedBy,omitempty"`
	// Query is what was asked.
	Query AccessQuery `json:"query"`
	// Time is the transaction's timestamp, in milliseconds, as the policies saw it.
	Time int64 `json:"time"`
	// Devices are the decisions device by device, in the order of their names.
	Devices []DeviceDecision `json:"devices"`
}

// DeviceDecision is the answer for one device.
type DeviceDecision struct {
	Device  name.Name `json:"device"`
	Allowed bool      `json:"allowed"`
	// Policies are those that decided, sorted by id; none when nothing permits.
	Policies []PolicyReference `json:"policies"`
	// Errors name the policies that could not be evaluated, and so did not count, sorted by id.
	// What the evaluator says of them is left out: it may differ between peers.
	Errors []PolicyReference `json:"errors,omitempty"`
}

// PolicyReference names a revision of a policy of the device's owner.
type PolicyReference struct {
	ID       string `json:"id"`
	Revision uint64 `json:"revision"`
}

// Access is a decision that was asked for on the record.
type Access struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// ID is the id of the transaction that recorded it.
	ID string `json:"id"`
	// MSP is the asker's organisation.
	MSP      string   `json:"msp"`
	Decision Decision `json:"decision"`
	// Expires is when the decision ends, in milliseconds.
	Expires int64 `json:"expires"`
}

// QuestionType is the type of a UsedQuestion.
const QuestionType = "question"

// UsedQuestion says that a question which a device signed was answered on the record, so that it is
// not answered there again.
type UsedQuestion struct {
	Type    string    `json:"type"`
	Version int       `json:"version"`
	Device  name.Name `json:"device"`
	// Nonce is the question's, in hexadecimal.
	Nonce string `json:"nonce"`
	// Access is the id of the transaction that recorded the decision.
	Access string `json:"access"`
}
