// SPDX-License-Identifier: Apache-2.0

package up

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/anchorline/anchorline/internal/durable"
)

// names are the ids of a data folder's stream and devices. On a network of others they carry a random
// part, since an organisation may run several of us there.
type names struct {
	Stream string `json:"stream"`
	Prefix string `json:"prefix"`
}

// loadNames returns the folder's names, choosing them the first time.
func loadNames(path string, cfg Config) (names, error) {
	var n names
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(data, &n); err != nil {
			return n, fmt.Errorf("%s is damaged: %w", path, err)
		}
		if cfg.Stream != "" && cfg.Stream != n.Stream {
			return n, fmt.Errorf("--stream %s: this folder writes stream %s; leave the flag out, or use another --data folder", cfg.Stream, n.Stream)
		}
		return n, nil
	case !errors.Is(err, os.ErrNotExist):
		return n, err
	}
	n = names{Stream: "bridge-1", Prefix: "sim"}
	if cfg.Fabric != "" {
		random := make([]byte, 3)
		if _, err := rand.Read(random); err != nil {
			return n, err
		}
		suffix := hex.EncodeToString(random)
		n = names{Stream: "bridge-" + suffix, Prefix: "sim-" + suffix}
	}
	if cfg.Stream != "" {
		n.Stream = cfg.Stream
	}
	return n, writeJSON(path, n)
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(text, '\n'), 0o640)
}
