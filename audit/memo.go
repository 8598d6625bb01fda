// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/sha256"
	"sync"

	"github.com/anchorline/anchorline/audit/fabric"
)

// maxRemembered bounds what a verifier remembers of each kind: evidence repeats from one statement
// to the next of the same batch.
const maxRemembered = 256

// memo remembers what was made of some bytes. Whatever was remembered is never changed. It is safe for
// concurrent use.
type memo[T any] struct {
	mu   sync.Mutex
	made map[[32]byte]T
}

// get returns what make makes of data, made once.
func (m *memo[T]) get(data []byte, make func([]byte) T) T {
	sum := sha256.Sum256(data)
	m.mu.Lock()
	found, known := m.made[sum]
	m.mu.Unlock()
	if known {
		return found
	}
	found = make(data)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made == nil || len(m.made) >= maxRemembered {
		m.made = map[[32]byte]T{}
	}
	m.made[sum] = found
	return found
}

// signedAnswer is an attestation as it reads, who signed it, and what does not count.
type signedAnswer struct {
	answer
	faults []fabric.Fault
	failed ID // what is wrong with it, empty for nothing
	err    error
}

// signedBlock is a block as it reads, and who signed it.
type signedBlock struct {
	block   *fabric.Block
	signers []string
	failed  ID // what is wrong with it, empty for nothing
	err     error
}
