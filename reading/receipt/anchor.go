// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
)

// anchorFacts are the fields of an anchor (docs/formats.md, "Anchor") that a receipt states
// as well. The rest of the anchor is covered by its hash.
type anchorFacts struct {
	Stream name.Name `json:"stream"`
	Number uint64    `json:"number"`
	Size   uint64    `json:"size"`
	Root   string    `json:"root"`
}

// VerifyAnchor is the third step: the anchor in the statement is the one whose hash the
// receipt names (else ErrAnchorMismatch) and describes the receipt's batch: same stream,
// number, size and root (else ErrAnchorContradicts). The size is in nobody's signature but
// the anchor's, which is why it is compared here. This step uses no key: it means
// something only together with VerifyReceipt.
func (s *Statement) VerifyAnchor() error {
	claims := s.Receipt.Claims
	if sum := sha256.Sum256(s.Anchor); sum != claims.Anchor {
		return fmt.Errorf("%w: its hash is %x, the receipt of %s/%d names %x",
			ErrAnchorMismatch, sum, claims.Stream, claims.Number, claims.Anchor)
	}
	var facts anchorFacts
	// This decoder refuses duplicate names and takes names in their exact case only.
	if err := json.Unmarshal(s.Anchor, &facts); err != nil {
		return fmt.Errorf("%w: not the JSON of an anchor: %w", ErrAnchorContradicts, err)
	}
	root, err := s.Root()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAnchorContradicts, err)
	}
	return facts.match(claims, s.Receipt.Size, root)
}

func (f anchorFacts) match(claims Claims, size uint64, root merkle.Hash) error {
	switch {
	case f.Stream != claims.Stream:
		return fmt.Errorf("%w: stream %s in the anchor, %s in the receipt", ErrAnchorContradicts, f.Stream, claims.Stream)
	case f.Number != claims.Number:
		return fmt.Errorf("%w: batch %d in the anchor, %d in the receipt", ErrAnchorContradicts, f.Number, claims.Number)
	case f.Size != size:
		return fmt.Errorf("%w: %d readings in the anchor, %d in the receipt", ErrAnchorContradicts, f.Size, size)
	case f.Root != hex.EncodeToString(root[:]):
		return fmt.Errorf("%w: root %.64s in the anchor, the reading leads to %s", ErrAnchorContradicts, f.Root, root)
	}
	return nil
}
