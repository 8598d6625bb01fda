// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/anchorline/anchorline/chaincode/record"
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

// pageSize is how many records are asked for at once.
const pageSize = 200

func allDevices(ctx context.Context, l *ledger.Client) ([]record.Device, error) {
	devices, bookmark := []record.Device{}, ""
	for {
		page, err := l.Devices(ctx, pageSize, bookmark)
		if err != nil {
			return nil, err
		}
		devices = append(devices, page.Devices...)
		if bookmark = page.Bookmark; bookmark == "" {
			return devices, nil
		}
	}
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
