// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gowebpki/jcs"
)

// Encode returns v in the canonical form of RFC 8785: keys sorted, no white space, one way to
// write each value. Equal values encode to equal bytes.
func Encode(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("record: encode %T: %w", v, err)
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		return nil, fmt.Errorf("record: encode %T: %w", v, err)
	}
	return canonical, nil
}

// sortedKeys returns the keys of m in ascending order: map order must never reach the ledger.
func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
