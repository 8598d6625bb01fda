// SPDX-License-Identifier: Apache-2.0

package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/quarantine"
)

// Client talks to a running bridge over the control socket in its data folder.
type Client struct {
	ctx  context.Context // of one command: so it has the methods of a store
	http *http.Client
}

// ErrNotRunning is returned when no bridge listens in the folder.
var ErrNotRunning = errors.New("ops: no bridge runs on this data folder")

// Control returns a client of the bridge that runs on the data folder, or ErrNotRunning.
func Control(ctx context.Context, dir string) (*Client, error) {
	path := filepath.Join(dir, socketName)
	dial := func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", path) }
	probe, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	return &Client{ctx: ctx, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}}, probe.Close()
}

// Close ends the connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// List lists messages as [quarantine.Store.List] does.
func (c *Client) List(f quarantine.Filter) ([]quarantine.Message, error) {
	var all []quarantine.Message
	return all, c.call(http.MethodGet, "/quarantine?"+query(f), nil, &all)
}

// Get returns a message as [quarantine.Store.Get] does.
func (c *Client) Get(id uint64) (quarantine.Message, error) {
	var m quarantine.Message
	return m, c.call(http.MethodGet, "/quarantine/"+strconv.FormatUint(id, 10), nil, &m)
}

// Purge removes messages as [quarantine.Store.Purge] does.
func (c *Client) Purge(f quarantine.Filter) (int, error) {
	var n int
	return n, c.call(http.MethodDelete, "/quarantine?"+query(f), nil, &n)
}

// Remove removes a message as [quarantine.Store.Remove] does.
func (c *Client) Remove(id uint64) error {
	return c.call(http.MethodDelete, "/quarantine/"+strconv.FormatUint(id, 10), nil, nil)
}

// Totals returns the counts.
func (c *Client) Totals() (quarantine.Totals, error) {
	var t quarantine.Totals
	return t, c.call(http.MethodGet, "/quarantine/totals", nil, &t)
}

// Retry has a message judged again, as [bridge.Bridge.Retry] does.
func (c *Client) Retry(id uint64) (bridge.Retry, error) {
	var r bridge.Retry
	return r, c.call(http.MethodPost, "/quarantine/"+strconv.FormatUint(id, 10)+"/retry", nil, &r)
}

// TakeIn hands over readings that another bridge exported, as [bridge.Bridge.TakeIn] does.
func (c *Client) TakeIn(readings []bridge.Exported) ([]string, error) {
	var outcomes []string
	return outcomes, c.call(http.MethodPost, "/readings", readings, &outcomes)
}

func query(f quarantine.Filter) string {
	data, err := json.Marshal(f)
	if err != nil {
		return "" // of plain fields, which cannot fail
	}
	return url.Values{"filter": {string(data)}}.Encode()
}

func (c *Client) call(method, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	request, err := http.NewRequestWithContext(c.ctx, method, "http://bridge"+path, bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // read only
	if response.StatusCode != http.StatusOK {
		var f fault
		if err := json.NewDecoder(response.Body).Decode(&f); err != nil {
			return fmt.Errorf("ops: the bridge answered %s", response.Status)
		}
		if response.StatusCode == http.StatusNotFound {
			return fmt.Errorf("%w: %s", quarantine.ErrNotFound, f.Error)
		}
		return fmt.Errorf("ops: the bridge says: %s", f.Error)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("ops: the bridge's answer: %w", err)
	}
	return nil
}
