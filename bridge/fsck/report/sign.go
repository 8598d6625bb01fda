// SPDX-License-Identifier: Apache-2.0

package report

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/reading/cose"
)

// What the protected header of FILE.json.cose says.
const (
	contentType = "application/json"
	typ         = "application/anchorline-archive-report+cose"
)

// maxChain is how many certificates a chain may have, maxSignature the length in bytes of the longest
// file with a signature.
const (
	maxChain     = 8
	maxSignature = 1 << 16
)

// header is the protected header. Label 33 is x5chain of RFC 9360: the signer's certificate, then its
// issuers.
type header struct {
	Algorithm   int64           `cbor:"1,keyasint"`
	ContentType string          `cbor:"3,keyasint"`
	Type        string          `cbor:"16,keyasint"`
	X5Chain     cbor.RawMessage `cbor:"33,keyasint"`
}

// Sign signs the bytes of FILE.json with a member's key and returns FILE.json.cose: a COSE_Sign1 (RFC
// 9052) whose payload is detached. chain has the certificate of the key first, and then what leads to
// the organisation's root, if anything.
func Sign(document []byte, key crypto.Signer, chain []*x509.Certificate) ([]byte, error) {
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, fmt.Errorf("report: sign: a chain of %d certificates; 1 to %d are possible", len(chain), maxChain)
	}
	signer, err := cose.NewSigner(key)
	if err != nil {
		return nil, fmt.Errorf("report: sign: %w", err)
	}
	if of, err := cose.NewKey(chain[0].PublicKey); err != nil || of.ID() != signer.Key().ID() {
		return nil, fmt.Errorf("report: sign: the certificate is not of this key (%s)", chain[0].Subject)
	}
	protected, err := encodeHeader(signer.Key().Algorithm(), chain)
	if err != nil {
		return nil, fmt.Errorf("report: sign: %w", err)
	}
	signature, err := signer.Sign(cose.SigStructure(protected, nil, document))
	if err != nil {
		return nil, fmt.Errorf("report: sign: %w", err)
	}
	return cose.Message{Protected: protected, Signature: signature}.Encode(), nil
}

func encodeHeader(algorithm cose.Algorithm, chain []*x509.Certificate) ([]byte, error) {
	var list any = chain[0].Raw
	if len(chain) > 1 { // RFC 9360: one certificate stands by itself
		all := make([][]byte, len(chain))
		for i, c := range chain {
			all[i] = c.Raw
		}
		list = all
	}
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	x5chain, err := mode.Marshal(list)
	if err != nil {
		return nil, err
	}
	return mode.Marshal(header{Algorithm: int64(algorithm), ContentType: contentType, Type: typ, X5Chain: x5chain})
}

// A Signed is a report of which it is known who signed it.
type Signed struct {
	Document
	// Member is the member of an organisation that signed.
	Member *trust.Identity
}

// Verify checks that a member of the organisation that the report names, of those that are trusted,
// signed it. Whether its findings are right is not verified. Errors wrap [ErrReport].
func Verify(document, signature []byte, trusted *trust.Verifier) (Signed, error) {
	d, err := Parse(document)
	if err != nil {
		return Signed{}, err
	}
	if trusted.Trust().Ledger != d.Findings.Ledger {
		return Signed{}, fmt.Errorf("%w: it is of ledger %.100q; the trust is for %s", ErrReport, d.Findings.Ledger, trusted.Trust().Ledger)
	}
	m, h, leaf, err := open(signature)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrReport, err)
	}
	member, err := trusted.Member(d.By.MSPID, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}))
	if err != nil {
		return Signed{}, fmt.Errorf("%w: its signer: %w", ErrReport, err)
	}
	if cn := member.Certificate.Subject.CommonName; cn != d.By.Name {
		return Signed{}, fmt.Errorf("%w: %.100q signed it, it says %.100q", ErrReport, cn, d.By.Name)
	}
	key, err := cose.NewKey(member.Certificate.PublicKey)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrReport, err)
	}
	if int64(key.Algorithm()) != h.Algorithm {
		return Signed{}, fmt.Errorf("%w: algorithm %d is not of the certificate's key", ErrReport, h.Algorithm)
	}
	if key.Algorithm() == cose.AlgorithmES256 && !cose.LowS(m.Signature) {
		return Signed{}, fmt.Errorf("%w: its signature is in the encoding that Fabric refuses, too", ErrReport)
	}
	if err := m.VerifyDetached(key, nil, document); err != nil {
		return Signed{}, fmt.Errorf("%w: %w: the report was changed, or it is the signature of another one", ErrReport, err)
	}
	return Signed{Document: d, Member: member}, nil
}

// open reads FILE.json.cose and returns the certificate of the signer.
func open(signature []byte) (cose.Message, header, []byte, error) {
	var h header
	if len(signature) > maxSignature {
		return cose.Message{}, h, nil, fmt.Errorf("a signature of %d bytes; at most %d are read", len(signature), maxSignature)
	}
	m, err := cose.Parse(signature)
	if err != nil {
		return m, h, nil, err
	}
	if m.HasUnprotected() || m.Payload != nil {
		return m, h, nil, fmt.Errorf("%w: want no unprotected header, and the payload beside", cose.ErrMalformed)
	}
	mode, err := cbor.DecOptions{ExtraReturnErrors: cbor.ExtraDecErrorUnknownField}.DecMode()
	if err != nil {
		return m, h, nil, err
	}
	if err := mode.Unmarshal(m.Protected, &h); err != nil {
		return m, h, nil, fmt.Errorf("protected header: %w", err)
	}
	if h.ContentType != contentType || h.Type != typ {
		return m, h, nil, fmt.Errorf("%w: %.80q of %.80q", cose.ErrWrongType, h.Type, h.ContentType)
	}
	var leaf []byte
	if err := mode.Unmarshal(h.X5Chain, &leaf); err == nil {
		return m, h, leaf, nil
	}
	var chain [][]byte
	if err := mode.Unmarshal(h.X5Chain, &chain); err != nil || len(chain) < 2 || len(chain) > maxChain {
		return m, h, nil, fmt.Errorf("%w: x5chain", cose.ErrMalformed)
	}
	return m, h, chain[0], nil
}
