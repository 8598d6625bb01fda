// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"errors"
	"fmt"
	"regexp"
	"sync"
)

// ErrNotTrusted is wrapped by every refusal of a certificate.
var ErrNotTrusted = errors.New("trust: not vouched for")

// maxSeen bounds the certificates that a verifier remembers. A network has far fewer.
const maxSeen = 4096

// A Verifier answers who holds a certificate. It remembers what it has found, so that a certificate
// costs its chain once. It is safe for concurrent use.
type Verifier struct {
	trust      Trust
	peers      map[string]*authority
	orderers   map[string]*authority
	consenters map[uint32]*Identity

	mu   sync.RWMutex
	seen map[claim]*Identity
}

// claim is what a signature says about its maker.
type claim struct {
	role               role
	mspID, certificate string
}

type role int

const (
	asMember role = iota
	asPeer
	asOrderer
)

// NewVerifier makes a verifier of a trust, which it checks as [Parse] does.
func NewVerifier(t Trust) (*Verifier, error) {
	v, faults := build(t)
	if len(faults) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, errors.Join(faults...))
	}
	return v, nil
}

// Trust returns what the verifier was made of; its lists are not to be changed.
func (v *Verifier) Trust() Trust { return v.trust }

// Peer returns the identity of a peer of an application organisation: a member whose certificate
// carries the organisation's peer unit, if it has one. Errors wrap [ErrNotTrusted].
func (v *Verifier) Peer(mspID string, certificatePEM []byte) (*Identity, error) {
	return v.identity(asPeer, mspID, certificatePEM)
}

// Member returns the identity of any member of an application organisation. Errors wrap
// [ErrNotTrusted].
func (v *Verifier) Member(mspID string, certificatePEM []byte) (*Identity, error) {
	return v.identity(asMember, mspID, certificatePEM)
}

// Orderer returns the identity of an orderer of an ordering organisation: a member whose certificate
// carries the organisation's orderer unit, if it has one. Errors wrap [ErrNotTrusted].
func (v *Verifier) Orderer(mspID string, certificatePEM []byte) (*Identity, error) {
	return v.identity(asOrderer, mspID, certificatePEM)
}

// Consenter returns the identity of an orderer of a BFT channel. Errors wrap [ErrNotTrusted].
func (v *Verifier) Consenter(id uint32) (*Identity, error) {
	if found := v.consenters[id]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%w: there is no consenter %d", ErrNotTrusted, id)
}

func (v *Verifier) identity(r role, mspID string, certificatePEM []byte) (*Identity, error) {
	c := claim{role: r, mspID: mspID, certificate: string(certificatePEM)}
	v.mu.RLock()
	found := v.seen[c]
	v.mu.RUnlock()
	if found != nil {
		return found, nil
	}
	found, err := v.judge(c)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNotTrusted, mspID, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) >= maxSeen {
		clear(v.seen)
	}
	v.seen[c] = found
	return found, nil
}

// judge decides without the memory.
func (v *Verifier) judge(c claim) (*Identity, error) {
	authorities, kind := v.peers, "organisation"
	if c.role == asOrderer {
		authorities, kind = v.orderers, "ordering organisation"
	}
	a, ok := authorities[c.mspID]
	if !ok {
		return nil, fmt.Errorf("it is no %s of the channel", kind)
	}
	cert, err := parseCertificate(c.certificate)
	if err != nil {
		return nil, err
	}
	if err := a.member(cert); err != nil {
		return nil, err
	}
	if c.role != asMember {
		if err := a.node(cert); err != nil {
			return nil, err
		}
	}
	return &Identity{MSPID: c.mspID, Certificate: cert}, nil
}

// faults gathers what is wrong, each with its field.
type faults []error

func (f *faults) add(wrong bool, field, format string, args ...any) {
	if wrong {
		*f = append(*f, fmt.Errorf("%s: %w", field, fmt.Errorf(format, args...)))
	}
}

// check adds an error, if there is one, and reports whether all is well.
func (f *faults) check(err error, field string) bool {
	if err != nil {
		*f = append(*f, fmt.Errorf("%s: %w", field, err))
	}
	return err == nil
}

// build checks a trust and makes its verifier.
func build(t Trust) (*Verifier, []error) {
	var f faults
	v := &Verifier{trust: t, consenters: map[uint32]*Identity{}, seen: map[claim]*Identity{}}
	f.add(!validLedger(t.Ledger), "ledger", "%q is not channel/chaincode", t.Ledger)
	f.add(len(t.Organisations) == 0, "organisations", "there is none")
	f.add(t.Attestations < 1 || t.Attestations > len(t.Organisations), "attestations",
		"it is %d; 1 to %d organisations can attest", t.Attestations, len(t.Organisations))
	v.peers = f.authorities(t.Organisations, "organisations")
	f.add(len(t.Orderers.Organisations) == 0, "orderers.organisations", "there is none")
	v.orderers = f.authorities(t.Orderers.Organisations, "orderers.organisations")
	f.ordering(v, t.Orderers)
	return v, f
}

func (f *faults) authorities(list []Organisation, field string) map[string]*authority {
	found := map[string]*authority{}
	for i, o := range list {
		path := fmt.Sprintf("%s[%d]", field, i)
		_, twice := found[o.MSPID]
		f.add(twice, path+".mspId", "%s is there twice", o.MSPID)
		a, wrong := newAuthority(o, path)
		*f = append(*f, wrong...)
		found[o.MSPID] = a
	}
	return found
}

// ordering checks how many sign a block, and who.
func (f *faults) ordering(v *Verifier, o Orderers) {
	switch o.Consensus {
	case Raft:
		f.add(o.Signatures != 1, "orderers.signatures", "it is %d; a block of Raft orderers has 1", o.Signatures)
		f.add(len(o.Consenters) > 0, "orderers.consenters", "Raft orderers are known by their CAs, not by name")
	case BFT:
		f.add(len(o.Consenters) == 0, "orderers.consenters", "there is none; a block of BFT orderers is signed by consenters")
		quorum := Quorum(len(o.Consenters))
		f.add(o.Signatures != quorum, "orderers.signatures", "it is %d; a quorum of %d consenters is %d", o.Signatures, len(o.Consenters), quorum)
	default:
		f.add(true, "orderers.consensus", "it is %q; %q and %q are known", o.Consensus, Raft, BFT)
	}
	f.consenters(v, o.Consenters)
}

// consenters reads the orderers of a BFT channel. One whose certificate is revoked stays part of
// the number that the quorum is of, and cannot sign.
func (f *faults) consenters(v *Verifier, list []Consenter) {
	ids, seen := map[uint32]bool{}, map[string]bool{}
	for i, c := range list {
		field := fmt.Sprintf("orderers.consenters[%d]", i)
		f.add(ids[c.ID], field+".id", "%d is there twice", c.ID)
		ids[c.ID] = true
		a := v.orderers[c.MSPID]
		if a == nil {
			f.add(true, field+".mspId", "%q is no valid ordering organisation of this file", c.MSPID)
			continue
		}
		cert, err := parseCertificate(c.Certificate)
		if err == nil {
			err = a.member(cert)
		}
		if errors.Is(err, errRevoked) || !f.check(err, field+".certificate") {
			continue
		}
		f.add(seen[string(cert.Raw)], field+".certificate", "another consenter has the same: one signer must not count twice")
		seen[string(cert.Raw)] = true
		v.consenters[c.ID] = &Identity{MSPID: c.MSPID, Certificate: cert}
	}
}

func validMSPID(id string) bool {
	ok, err := regexp.MatchString(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`, id)
	return ok && err == nil
}

// validLedger checks the names of channel and chaincode as Fabric does.
func validLedger(name string) bool {
	ok, err := regexp.MatchString(`^[a-z][a-z0-9.-]{0,248}/[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$`, name)
	return ok && err == nil
}
