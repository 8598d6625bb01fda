// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"github.com/cedar-policy/cedar-go"

	"github.com/anchorline/anchorline/chaincode/record"
)

// MaxClaims is the number of organisational units, and of attributes, that a caller's certificate
// may state.
const MaxClaims = 64

// Principal is who asks.
type Principal struct {
	// entity is the principal as policies of its own organisation see it, foreign as those of
	// other organisations do.
	entity, foreign cedar.Entity
	msp             string
}

// User is a caller: its organisation, its identity, its roles, and the units and attributes of
// its certificate. The roles are what its own organisation granted, so only that organisation's
// policies see them. The error says what is beyond the limits: more than [MaxClaims] units or
// attributes, or a text of more than record.MaxText bytes.
func User(msp, identity string, roles []record.Role, units []string, attributes map[string]string) (Principal, error) {
	if err := checkClaims(msp, identity, roles, units, attributes); err != nil {
		return Principal{}, err
	}
	parents := []cedar.EntityUID{organisation(msp)}
	for _, unit := range units {
		parents = append(parents, cedar.NewEntityUID("Unit", cedar.String(msp+"/"+unit)))
	}
	known := cedar.RecordMap{"msp": cedar.String(msp)}
	foreign := cedar.Entity{
		UID:        cedar.NewEntityUID("User", cedar.String(msp+"/"+identity)),
		Parents:    cedar.NewEntityUIDSet(parents...),
		Attributes: cedar.NewRecord(known),
		Tags:       tags(attributes),
	}
	names := make([]cedar.Value, len(roles))
	for i, role := range roles {
		names[i] = cedar.String(role)
	}
	known["roles"] = cedar.NewSet(names...)
	entity := foreign
	entity.Attributes = cedar.NewRecord(known)
	return Principal{entity: entity, foreign: foreign, msp: msp}, nil
}

// checkClaims reports what is too much or too long for a policy to look at. Nothing is left out
// silently: a policy that forbids might miss it.
func checkClaims(msp, identity string, roles []record.Role, units []string, attributes map[string]string) error {
	if len(units) > MaxClaims || len(attributes) > MaxClaims {
		return fmt.Errorf("the caller has %d units and %d attributes; at most %d of each are allowed", len(units), len(attributes), MaxClaims)
	}
	if len(roles) > roleCount {
		return fmt.Errorf("the caller has %d roles; at most %d are allowed", len(roles), roleCount)
	}
	texts := append([]string{msp, identity}, units...)
	for _, role := range roles {
		texts = append(texts, string(role))
	}
	for name, value := range attributes {
		texts = append(texts, name, value)
	}
	for _, text := range texts {
		if len(text) > record.MaxText {
			return fmt.Errorf("the caller's certificate holds a text of more than %d bytes among its units and attributes; ask with another one", record.MaxText)
		}
	}
	return nil
}

// Device is a device that asks for itself.
func Device(d record.Device) Principal {
	entity := deviceEntity(d)
	return Principal{entity: entity, foreign: entity, msp: d.Owner}
}

// Name is "MSP/identity" of a user, "MSP/id" of a device.
func (p Principal) Name() string { return string(p.entity.UID.ID) }

// seenBy is the principal as the policies of an organisation see it.
func (p Principal) seenBy(owner string) cedar.Entity {
	if p.msp == owner {
		return p.entity
	}
	return p.foreign
}

// deviceEntity is a device as policies see it.
func deviceEntity(d record.Device) cedar.Entity {
	return cedar.Entity{
		UID:     cedar.NewEntityUID("Device", cedar.String(d.Name().String())),
		Parents: cedar.NewEntityUIDSet(organisation(d.Owner)),
		Attributes: cedar.NewRecord(cedar.RecordMap{
			"id": cedar.String(d.ID), "owner": cedar.String(d.Owner),
			"type": cedar.String(d.DeviceType), "status": cedar.String(d.Status),
			"registered": cedar.NewDatetimeFromMillis(d.Registered.Time),
		}),
		Tags: tags(d.Attributes),
	}
}

// organisation names an organisation.
func organisation(msp string) cedar.EntityUID {
	return cedar.NewEntityUID("Organisation", cedar.String(msp))
}

// tags makes tags of names and values.
func tags(attributes map[string]string) cedar.Record {
	record := cedar.RecordMap{}
	for name, value := range attributes {
		record[cedar.String(name)] = cedar.String(value)
	}
	return cedar.NewRecord(record)
}
