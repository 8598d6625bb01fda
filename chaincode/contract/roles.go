// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// require reports whether the caller has one of the roles in its own organisation. A NodeOU
// admin is an admin, and an admin is a registrar, without a grant; nobody is a bridge or an
// auditor without one.
func (tx *transaction) require(roles ...record.Role) error {
	if slices.Contains(roles, record.Registrar) {
		roles = append(slices.Clone(roles), record.Admin)
	}
	if slices.Contains(roles, record.Admin) && tx.caller.nodeAdmin() {
		return nil
	}
	for _, subject := range tx.caller.subjects() {
		for _, role := range roles {
			var g record.Grant
			found, err := tx.get(record.GrantKey(tx.caller.MSP, role, subject), &g)
			if err != nil {
				return err
			}
			if found && g.Active {
				return nil
			}
		}
	}
	return record.Errorf(record.Forbidden, "this needs the role %s in %s; an admin of it grants the role by roles:Grant", roles[0], tx.caller.MSP)
}

// grantRole handles Grant.
func grantRole(tx *transaction, req call.Role) (record.Grant, error) {
	return setGrant(tx, req, true)
}

// revokeRole handles roles:Revoke.
func revokeRole(tx *transaction, req call.Role) (record.Grant, error) {
	return setGrant(tx, req, false)
}

// setGrant makes a grant active or not. What is so already succeeds without a change.
func setGrant(tx *transaction, req call.Role, active bool) (record.Grant, error) {
	if err := tx.require(record.Admin); err != nil {
		return record.Grant{}, err
	}
	key := record.GrantKey(tx.caller.MSP, req.Role, req.Subject())
	var g record.Grant
	found, err := tx.get(key, &g)
	if err != nil {
		return record.Grant{}, err
	}
	if !found && !active {
		return record.Grant{}, record.Errorf(record.NotFound, "%s never granted the role %s to this subject", tx.caller.MSP, req.Role)
	}
	if found && g.Active == active {
		return g, nil
	}
	if !found {
		g = record.Grant{
			Type: record.GrantType, Version: record.Version,
			MSP: tx.caller.MSP, Role: req.Role, Subject: req.Subject(), Granted: tx.now,
		}
	}
	g.Active, g.Updated = active, tx.now
	if err := tx.put(key, g, g.MSP); err != nil {
		return record.Grant{}, err
	}
	name := call.RoleGranted
	if !active {
		name = call.RoleRevoked
	}
	return g, tx.emit(call.Event{Name: name, ID: string(g.Role), Owner: g.MSP, Grant: &g})
}

// listGrants handles roles:List: of the caller's organisation unless the request names another.
func listGrants(tx *transaction, req call.GrantList) (call.Grants, error) {
	msp := tx.caller.MSP
	if req.MSP != "" {
		msp = req.MSP
	}
	found, bookmark, err := collect[record.Grant](tx, req.Page, record.GrantObject, given(msp, string(req.Role))...)
	return call.Grants{Grants: found, Bookmark: bookmark}, err
}

// whoAmI handles roles:WhoAmI.
func whoAmI(tx *transaction, _ []string) (call.Self, error) {
	roles, err := tx.roles()
	return call.Self{
		MSP: tx.caller.MSP, Identity: tx.caller.Identity, Certificate: tx.caller.Certificate,
		Units: append([]string{}, tx.caller.Units...), Attributes: tx.caller.Attributes, Roles: roles,
	}, err
}

// roles returns the roles that the caller has, in alphabetical order.
func (tx *transaction) roles() ([]record.Role, error) {
	roles := []record.Role{}
	for _, role := range record.Roles() {
		err := tx.require(role)
		if record.CodeOf(err) == record.Forbidden {
			continue
		}
		if err != nil {
			return nil, err
		}
		roles = append(roles, role)
	}
	return roles, nil
}
