// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/internal/dcbor"
	"github.com/anchorline/anchorline/reading/merkle"
)

// setProof reads the unprotected header of a receipt: one inclusion proof, nothing else.
func (r *Receipt) setProof(unprotected []byte) error {
	proofs, err := inclusionProofs(unprotected)
	if err != nil {
		return err
	}
	if len(proofs) != 1 {
		return fmt.Errorf("%w: %d inclusion proofs, not 1", reading.ErrMalformed, len(proofs))
	}
	encoded, err := proofs[0].Bytes()
	if err != nil {
		return fmt.Errorf("inclusion proof: %w", err)
	}
	if err := r.parseProof(encoded); err != nil {
		return fmt.Errorf("inclusion proof: %w", err)
	}
	return nil
}

func inclusionProofs(unprotected []byte) ([]dcbor.Item, error) {
	header, err := parseFields(unprotected)
	if err != nil {
		return nil, err
	}
	kinds := dcbor.NewFields(header.Map(labelProofs))
	if err := header.Done(); err != nil {
		return nil, err
	}
	proofs := kinds.Array(proofInclusion)
	return proofs, kinds.Done()
}

func parseFields(encoded []byte) (*dcbor.Fields, error) {
	item, err := dcbor.Parse(encoded)
	if err != nil {
		return nil, err
	}
	m, err := item.Map()
	if err != nil {
		return nil, err
	}
	return dcbor.NewFields(m), nil
}

// parseProof reads [tree-size, leaf-index, [* path]].
func (r *Receipt) parseProof(encoded []byte) error {
	item, err := dcbor.Parse(encoded)
	if err != nil {
		return err
	}
	parts, err := item.Array()
	if err != nil {
		return err
	}
	if len(parts) != 3 {
		return fmt.Errorf("%w: %d elements, not 3", reading.ErrMalformed, len(parts))
	}
	if r.Size, err = parts[0].Uint(); err != nil {
		return fmt.Errorf("tree size: %w", err)
	}
	if r.Index, err = parts[1].Uint(); err != nil {
		return fmt.Errorf("leaf index: %w", err)
	}
	path, err := parts[2].Array()
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	return r.setPath(path)
}

func (r *Receipt) setPath(path []dcbor.Item) error {
	if r.Size == 0 || r.Size > reading.MaxNumber {
		return fmt.Errorf("%w: tree size %d", reading.ErrMalformed, r.Size)
	}
	if err := merkle.CheckPathLength(r.Size, r.Index, len(path)); err != nil {
		return fmt.Errorf("%w: %w", reading.ErrMalformed, err)
	}
	r.Path = make([]merkle.Hash, len(path))
	for i, element := range path {
		hash, err := element.Bytes()
		if err != nil {
			return fmt.Errorf("path: %w", err)
		}
		if len(hash) != merkle.Size {
			return fmt.Errorf("%w: path hash of %d bytes, not %d", reading.ErrMalformed, len(hash), merkle.Size)
		}
		r.Path[i] = merkle.Hash(hash)
	}
	return nil
}

// encodeProof returns the unprotected header that setProof reads.
func encodeProof(size, index uint64, path []merkle.Hash) []byte {
	const perHash = merkle.Size + 2
	proof := dcbor.AppendArray(make([]byte, 0, 32+perHash*len(path)), 3)
	proof = dcbor.AppendUint(dcbor.AppendUint(proof, size), index)
	proof = dcbor.AppendArray(proof, len(path))
	for _, hash := range path {
		proof = dcbor.AppendBytes(proof, hash[:])
	}
	b := dcbor.AppendInt(dcbor.AppendMap(make([]byte, 0, len(proof)+16), 1), labelProofs)
	b = dcbor.AppendInt(dcbor.AppendMap(b, 1), proofInclusion)
	return dcbor.AppendBytes(dcbor.AppendArray(b, 1), proof)
}
