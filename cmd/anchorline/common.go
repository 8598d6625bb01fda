// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/anchorline/anchorline/ledger"
)

// profileFlag names the network and identity of commands that speak to the ledger.
type profileFlag struct {
	Profile string `help:"Connection profile: network and identity." default:"anchorline-data/profile.json" placeholder:"FILE"`
}

func (f profileFlag) connect() (*ledger.Client, error) {
	p, err := ledger.ReadProfile(f.Profile)
	if err != nil {
		return nil, err
	}
	return ledger.Connect(p)
}

// withLedger connects, calls f and gives the connection back.
func withLedger(p profileFlag, f func(*ledger.Client) error) error {
	l, err := p.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	return f(l)
}

// table prints rows under a heading, both with tabs between columns.
func table[T any](out io.Writer, heading string, rows []T, row func(*tabwriter.Writer, T)) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, heading)
	for _, r := range rows {
		row(w, r)
	}
	return w.Flush()
}

// printRaw prints JSON text, indented.
func printRaw(w io.Writer, text []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, b.String())
	return err
}

func printJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// readLimited reads a file of at most limit bytes; "-" is standard input.
func readLimited(path string, limit int64) ([]byte, error) {
	f := os.Stdin
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil {
			return nil, err
		}
		defer f.Close()
	}
	return limited(f, path, limit)
}

func limited(r io.Reader, name string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes, the limit", name, limit)
	}
	return data, nil
}
