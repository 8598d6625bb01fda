// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// Schema is what policies may speak of, in Cedar's schema language. A policy that names
// anything else is refused when it is put.
const Schema = `// An organisation, by its MSP ID: Organisation::"Org1MSP".
entity Organisation;

// An organisational unit of certificates, by MSP ID and name: Unit::"Org1MSP/quality".
entity Unit in [Organisation];

// The caller of a transaction, by MSP ID and identity as roles:WhoAmI states it:
// User::"Org1MSP/0123…". Its tags are the attributes of its certificate. An organisation grants
// roles to its own members, and only its own policies see them: a caller of another organisation
// has no roles here. Test with: principal has roles && principal.roles.contains("auditor").
entity User in [Organisation, Unit] {
  msp: String,
  roles?: Set<String>,
} tags String;

// A device, by owner and id: Device::"Org1MSP/pump-1". Its tags are its attributes on the ledger.
entity Device in [Organisation] {
  id: String,
  owner: String,
  type: String,
  status: String,
  registered: datetime,
} tags String;

// What is known about a request. time is the transaction's timestamp; the rest is what the
// caller states: what for, and the time of the data that it asks for.
type Context = {
  time: datetime,
  purpose?: String,
  from?: datetime,
  until?: datetime,
};

// read: past readings. subscribe: readings as they come. command: make the device act.
// configure: change how it works.
action read, subscribe, command, configure appliesTo {
  principal: [User, Device],
  resource: Device,
  context: Context,
};
`

// Actions returns the actions of the schema, in alphabetical order.
func Actions() []string { return []string{"command", "configure", "read", "subscribe"} }

// newValidator returns a validator for the schema.
func newValidator() (*validate.Validator, error) {
	var s schema.Schema
	if err := s.UnmarshalCedar([]byte(Schema)); err != nil {
		return nil, fmt.Errorf("policy: schema: %w", err)
	}
	resolved, err := s.Resolve()
	if err != nil {
		return nil, fmt.Errorf("policy: schema: %w", err)
	}
	return validate.New(resolved), nil
}
