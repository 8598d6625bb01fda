// SPDX-License-Identifier: Apache-2.0

package fabric

import (
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/anchorline/anchorline/audit/trust"
)

// VerifySignatures checks that enough orderers signed the header: one for Raft, a quorum of the
// consenters for BFT, each counted once. It returns who signed, sorted. Signatures of others are
// passed over, as Fabric does; the error then says why they do not count.
//
// It says nothing of the transactions: see [Block.VerifyData]. The orderers must be those of the
// trusted configuration: Configuration says which was in force. Errors wrap [ErrSignatures],
// [ErrChannel] or [ErrFormat].
func (b *Block) VerifySignatures(v *trust.Verifier) (signers []string, err error) {
	if err := onChannel(b.Channel, v); err != nil {
		return nil, err
	}
	header, err := b.headerBytes()
	if err != nil {
		return nil, err
	}
	find := raftSigner
	if v.Trust().Orderers.Consensus == trust.BFT {
		find = consenter
	}
	found := map[string]string{} // name by certificate
	var faults []error
	for i, s := range b.metadata.GetSignatures() {
		id, said, name, err := find(v, s)
		if err == nil {
			err = id.Verify(slices.Concat(b.metadata.GetValue(), said, header), s.GetSignature())
		}
		if err != nil {
			faults = append(faults, Fault{Signer: fmt.Sprintf("signature %d", i), Err: err})
			continue
		}
		found[string(id.Certificate.Raw)] = name
	}
	for _, name := range found {
		signers = append(signers, name)
	}
	slices.Sort(signers)
	if need := v.Trust().Orderers.Signatures; len(signers) < need {
		return nil, fmt.Errorf("%w: %d of the %d needed vouch for block %d%w", ErrSignatures, len(signers), need, b.Number, joined(faults))
	}
	return signers, nil
}

// raftSigner is an orderer who says who it is.
func raftSigner(v *trust.Verifier, s *common.MetadataSignature) (id *trust.Identity, said []byte, name string, err error) {
	if len(s.GetIdentifierHeader()) > 0 {
		return nil, nil, "", formatError("a Raft orderer signs with its certificate, not with a number")
	}
	header := &common.SignatureHeader{}
	if err := decode("signature header", s.GetSignatureHeader(), header); err != nil {
		return nil, nil, "", err
	}
	signer, err := readSigner("orderer", header.GetCreator())
	if err != nil {
		return nil, nil, "", err
	}
	if id, err = v.Orderer(signer.MSPID, signer.Certificate); err != nil {
		return nil, nil, "", err
	}
	return id, s.GetSignatureHeader(), id.Name(), nil
}

// consenter is an orderer known by its number in the configuration.
func consenter(v *trust.Verifier, s *common.MetadataSignature) (id *trust.Identity, said []byte, name string, err error) {
	if len(s.GetSignatureHeader()) > 0 || len(s.GetIdentifierHeader()) == 0 {
		return nil, nil, "", formatError("a BFT orderer signs with its number, not with its certificate")
	}
	header := &common.IdentifierHeader{}
	if err := decode("identifier header", s.GetIdentifierHeader(), header); err != nil {
		return nil, nil, "", err
	}
	if id, err = v.Consenter(header.GetIdentifier()); err != nil {
		return nil, nil, "", err
	}
	return id, s.GetIdentifierHeader(), fmt.Sprintf("consenter %d: %s", header.GetIdentifier(), id.Name()), nil
}

// joined is the faults as the end of an error's text.
func joined(faults []error) error {
	out := &detail{}
	out.faults = faults
	return out
}

// detail prints faults after a colon, or nothing.
type detail struct{ faults []error }

// Error lists the faults.
func (d *detail) Error() string {
	text := ""
	for _, f := range d.faults {
		text += "; " + f.Error()
	}
	return text
}

// Unwrap gives each fault to errors.Is.
func (d *detail) Unwrap() []error { return d.faults }
