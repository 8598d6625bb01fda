// SPDX-License-Identifier: Apache-2.0

// Package member decides who somebody is: it checks serialized identities against the
// certificate authorities of the organisations, with Fabric's rules for node roles.
//
// In: CA certificates, serialized identities, signatures. Out: members, or why not.
package member

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// Organisation is what is trusted about one organisation.
type Organisation struct {
	MSPID       string
	CA          *x509.Certificate
	Application bool // its clients use the channel; false for an ordering organisation
}

// Registry holds the organisations of a channel, and remembers the members it has seen.
type Registry struct {
	channel     string
	roots       map[string]*x509.CertPool
	application map[string]bool

	mu   sync.Mutex
	seen map[string]*Member // by serialized identity
}

// maxSeen bounds what a registry remembers.
const maxSeen = 1000

// NewRegistry makes a registry of a channel's organisations.
func NewRegistry(channel string, organisations ...Organisation) *Registry {
	r := &Registry{
		channel: channel,
		roots:   make(map[string]*x509.CertPool), application: make(map[string]bool), seen: make(map[string]*Member),
	}
	for _, o := range organisations {
		pool := x509.NewCertPool()
		pool.AddCert(o.CA)
		r.roots[o.MSPID] = pool
		r.application[o.MSPID] = o.Application
	}
	return r
}

// Member is an identity that a known organisation's CA issued. It may still be invalid: see
// Validate.
type Member struct {
	MSPID       string
	Certificate *x509.Certificate
}

// Parse reads a serialized identity. It fails when the organisation is unknown, or its CA did
// not issue the certificate. As in Fabric, expiry is not looked at: see Expired.
func (r *Registry) Parse(serialized []byte) (*Member, error) {
	r.mu.Lock()
	m := r.seen[string(serialized)]
	r.mu.Unlock()
	if m != nil {
		return m, nil
	}
	m, err := r.parse(serialized)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) >= maxSeen {
		clear(r.seen)
	}
	r.seen[string(serialized)] = m
	return m, nil
}

func (r *Registry) parse(serialized []byte) (*Member, error) {
	id := &msp.SerializedIdentity{}
	if err := proto.Unmarshal(serialized, id); err != nil {
		return nil, fmt.Errorf("could not deserialize a SerializedIdentity: %w", err)
	}
	roots, known := r.roots[id.GetMspid()]
	if !known {
		return nil, fmt.Errorf("MSP %s is unknown", id.GetMspid())
	}
	block, _ := pem.Decode(id.GetIdBytes())
	if block == nil {
		return nil, errors.New("could not decode the PEM structure")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parseCertificate failed: %w", err)
	}
	_, err = cert.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: cert.NotBefore.Add(time.Second), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, fmt.Errorf("could not obtain certification chain: %w", err)
	}
	return &Member{MSPID: id.GetMspid(), Certificate: cert}, nil
}

// Validate checks that the member is no CA and has one role.
func (m *Member) Validate() error {
	if m.Certificate.IsCA {
		return errors.New("a CA certificate cannot be used as an identity")
	}
	_, err := m.role()
	return err
}

// Expired tells whether the certificate's time is over.
func (m *Member) Expired(now time.Time) bool { return now.After(m.Certificate.NotAfter) }

// role is the one node role among the organisational units.
func (m *Member) role() (msp.MSPRole_MSPRoleType, error) {
	roles := map[string]msp.MSPRole_MSPRoleType{
		"client": msp.MSPRole_CLIENT, "peer": msp.MSPRole_PEER,
		"admin": msp.MSPRole_ADMIN, "orderer": msp.MSPRole_ORDERER,
	}
	found := make([]msp.MSPRole_MSPRoleType, 0, 1)
	for _, unit := range m.Certificate.Subject.OrganizationalUnit {
		if role, ok := roles[unit]; ok {
			found = append(found, role)
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("the identity must be a client, a peer, an orderer or an admin identity to be valid, not a combination of them. OUs: %v", m.Certificate.Subject.OrganizationalUnit)
	}
	return found[0], nil
}

// Verify checks the member's ECDSA signature over SHA-256 of message. A signature whose S is
// in the upper half of the order is refused, as Fabric does.
func (m *Member) Verify(message, signature []byte) error {
	key, ok := m.Certificate.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return fmt.Errorf("unsupported public key %T", m.Certificate.PublicKey)
	}
	var parsed struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &parsed); err != nil || len(rest) != 0 {
		return errors.New("failed unmashalling signature")
	}
	if parsed.S.Cmp(new(big.Int).Rsh(key.Params().N, 1)) > 0 {
		return fmt.Errorf("invalid S. Must be smaller than half the order [%s]", parsed.S)
	}
	digest := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(key, digest[:], signature) {
		return errors.New("the signature is invalid")
	}
	return nil
}

// HasRole tells whether the member has a role of an organisation; MEMBER is any valid one.
func (m *Member) HasRole(mspID string, role msp.MSPRole_MSPRoleType) bool {
	if m.MSPID != mspID || m.Validate() != nil {
		return false
	}
	if role == msp.MSPRole_MEMBER {
		return true
	}
	own, err := m.role()
	return err == nil && own == role
}

// Satisfies tells whether the member is who a policy's principal asks for. Roles and
// exact identities are supported.
func (m *Member) Satisfies(principal *msp.MSPPrincipal) bool {
	switch principal.GetPrincipalClassification() {
	case msp.MSPPrincipal_ROLE:
		role := &msp.MSPRole{}
		if err := proto.Unmarshal(principal.GetPrincipal(), role); err != nil {
			return false
		}
		return m.HasRole(role.GetMspIdentifier(), role.GetRole())
	case msp.MSPPrincipal_IDENTITY:
		id := &msp.SerializedIdentity{}
		if err := proto.Unmarshal(principal.GetPrincipal(), id); err != nil {
			return false
		}
		block, _ := pem.Decode(id.GetIdBytes())
		return block != nil && id.GetMspid() == m.MSPID && string(block.Bytes) == string(m.Certificate.Raw)
	default:
		return false
	}
}
