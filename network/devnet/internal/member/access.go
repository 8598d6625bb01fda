// SPDX-License-Identifier: Apache-2.0

package member

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
)

// Access is a policy of the channel by its last name.
type Access string

// The policies that clients meet. As in Fabric's test network, Readers are an organisation's
// clients, admins and peers; Writers are its clients and admins.
const (
	Readers Access = "Readers"
	Writers Access = "Writers"
)

// Signed is data with who signed it.
type Signed struct{ Identity, Data, Signature []byte }

// Application checks that one of the application's organisations allows the signer access to
// a channel.
func (r *Registry) Application(channel string, access Access, signed Signed) error {
	if channel != r.channel {
		return fmt.Errorf("Failed to get policy manager for channel [%s]", channel) //nolint:staticcheck // Fabric's words
	}
	if m := r.signer(signed); m == nil || !r.allows(access, m) {
		//nolint:staticcheck // Fabric's words
		return fmt.Errorf("Failed evaluating policy on signed data during check policy on channel [%s] with policy [/Channel/Application/%s]: [%w]",
			channel, access, denied(access))
	}
	return nil
}

// Ordering checks the same for the ordering service, which members of its own organisations
// may use too.
func (r *Registry) Ordering(access Access, signed Signed) error {
	m := r.signer(signed)
	if m == nil || (r.application[m.MSPID] && !r.allows(access, m)) {
		return denied(access)
	}
	return nil
}

// Admin checks that the signer is an administrator of a peer's own organisation.
func (r *Registry) Admin(mspID string, signed Signed) error {
	m := r.signer(signed)
	if m == nil {
		return errors.New("the proposal's signature is invalid") // was checked before
	}
	if m.MSPID != mspID {
		//nolint:staticcheck // Fabric's words
		return fmt.Errorf("Failed deserializing proposal creator during channelless check policy with policy [Admins]: [expected MSP ID %s, received %s]", mspID, m.MSPID)
	}
	if !m.HasRole(mspID, msp.MSPRole_ADMIN) {
		//nolint:staticcheck // Fabric's words
		return fmt.Errorf("Failed verifying that proposal's creator satisfies local MSP principal during channelless check policy with policy [Admins]: "+
			"[The identity is not an admin under this MSP [%[1]s]: The identity does not contain OU [ADMIN], MSP: [%[1]s]]", mspID)
	}
	return nil
}

// signer is the member that signed, nil when there is none or the signature is wrong.
func (r *Registry) signer(signed Signed) *Member {
	m, err := r.Parse(signed.Identity)
	if err != nil || m.Validate() != nil || m.Verify(signed.Data, signed.Signature) != nil {
		return nil
	}
	return m
}

func (r *Registry) allows(access Access, m *Member) bool {
	roles := []msp.MSPRole_MSPRoleType{msp.MSPRole_CLIENT, msp.MSPRole_ADMIN}
	if access == Readers {
		roles = append(roles, msp.MSPRole_PEER)
	}
	role, err := m.role()
	return err == nil && r.application[m.MSPID] && slices.Contains(roles, role)
}

func denied(access Access) error {
	return fmt.Errorf("implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the '%s' sub-policies to be satisfied", access)
}
