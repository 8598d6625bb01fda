// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/receipt"
)

// PutEvidence stores what Fabric signed when it took the batch's anchor: the envelope or the block.
// Attestations come later and are stored by [Archive.PutAttestation].
func (a *Archive) PutEvidence(number uint64, e receipt.Evidence) error {
	if len(e.Attestations) > 0 || e.IsZero() {
		return fmt.Errorf("archive: evidence of batch %d: want an envelope or blocks, and no attestations", number)
	}
	encoded, err := e.Encode()
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	sum := sha256.Sum256(encoded)
	return a.put(a.path(number, "evidence"), append(append(encoded, 0x58, sha256.Size), sum[:]...))
}

// HasEvidence reports whether PutEvidence was called for the batch.
func (a *Archive) HasEvidence(number uint64) (bool, error) { return exists(a.path(number, "evidence")) }

// PutAttestation stores an attestation of the batches from…to, once for all of them. Each is a file
// whose name has the run and the SHA-256 of its content, so several of one run have room.
func (a *Archive) PutAttestation(from, to uint64, envelope []byte) error {
	if from == 0 || to < from || to-from >= record.MaxAttestedAnchors || len(envelope) == 0 {
		return fmt.Errorf("archive: attestation of batches %d to %d, %d bytes: want 1 to %d batches and a content",
			from, to, len(envelope), record.MaxAttestedAnchors)
	}
	sum := sha256.Sum256(envelope)
	return a.put(a.path(from, fmt.Sprintf("%010d.%x.%s", to, sum, attestation)), envelope)
}

// Evidence returns all evidence of a batch that the archive holds, which may be none.
func (a *Archive) Evidence(number uint64) (receipt.Evidence, error) {
	e, err := a.committed(number)
	if err != nil {
		return receipt.Evidence{}, err
	}
	e.Attestations, err = a.attestations(number)
	return e, err
}

// committed reads what PutEvidence wrote.
func (a *Archive) committed(number uint64) (receipt.Evidence, error) {
	data, err := a.read(a.path(number, "evidence"))
	if errors.Is(err, ErrNotFound) {
		return receipt.Evidence{}, nil
	}
	if err != nil {
		return receipt.Evidence{}, err
	}
	damaged := func(err error) error { return fmt.Errorf("%w: evidence of batch %d: %w", ErrDamaged, number, err) }
	if len(data) < trailer {
		return receipt.Evidence{}, damaged(errors.New("too short"))
	}
	body := data[:len(data)-trailer]
	sum := sha256.Sum256(body)
	if !bytes.Equal(data[len(body):], append([]byte{0x58, sha256.Size}, sum[:]...)) {
		return receipt.Evidence{}, damaged(errors.New("checksum does not match: restore the file from a backup"))
	}
	e, err := receipt.ParseEvidence(body)
	if err != nil {
		return receipt.Evidence{}, damaged(err)
	}
	return e, nil
}

// attestation is the ending of an attestation's file.
const attestation = "attestation"

// A run is an attestation's file.
type run struct {
	from, to uint64
	sum      string // SHA-256 of the content, hexadecimal
	path     string
}

// attestations reads the attestations that a batch is in. Their files are in the folder of the first
// batch of their run.
func (a *Archive) attestations(number uint64) ([][]byte, error) {
	var found [][]byte
	first := number - min(number-1, record.MaxAttestedAnchors-1)
	for folder := first / filesPerFolder; folder <= number/filesPerFolder; folder++ {
		runs, err := a.runs(folder)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			if r.from > number || r.to < number || len(found) == receipt.MaxEvidenceItems {
				continue
			}
			data, err := a.read(r.path)
			if err != nil {
				return nil, err
			}
			if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != r.sum {
				return nil, fmt.Errorf("%w: %s: its content is not what its name says: restore it from a backup", ErrDamaged, r.path)
			}
			found = append(found, data)
		}
	}
	return found, nil
}

// runs lists the attestations of a folder, by their first batch.
func (a *Archive) runs(folder uint64) ([]run, error) {
	dir := filepath.Dir(a.path(folder*filesPerFolder, attestation))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	var runs []run
	for _, e := range entries {
		parts := strings.Split(e.Name(), ".")
		if len(parts) != 4 || parts[3] != attestation {
			continue
		}
		from, err1 := strconv.ParseUint(parts[0], 10, 64)
		to, err2 := strconv.ParseUint(parts[1], 10, 64)
		if err1 != nil || err2 != nil {
			continue // not ours: a temporary file, or somebody's
		}
		runs = append(runs, run{from: from, to: to, sum: parts[2], path: filepath.Join(dir, e.Name())})
	}
	return runs, nil
}

// Attested returns the number of the newest batch up to last of which the archive holds an
// attestation, 0 for none. The batches before it may lack some.
func (a *Archive) Attested(last uint64) (uint64, error) {
	for folder := last / filesPerFolder; ; folder-- {
		runs, err := a.runs(folder)
		if err != nil {
			return 0, err
		}
		var newest uint64
		for _, r := range runs {
			if r.from <= last {
				newest = max(newest, min(r.to, last))
			}
		}
		if newest > 0 || folder == 0 {
			return newest, nil
		}
	}
}
