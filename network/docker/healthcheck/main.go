// SPDX-License-Identifier: Apache-2.0

// Command healthcheck asks once whether a service of the same container is well: an image
// without a shell has nothing else to ask with. Its argument is tcp://HOST:PORT, which is well when
// it accepts a connection, or http://HOST:PORT/PATH, which is well when it answers 200. The exit
// status is 0 when the service is well and 1 when not; it keeps no state.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// patience is less than the timeout that the images give the check, so that the reason is printed.
const patience = 2 * time.Second

// maxReason is how much of an answer is printed, in bytes: what a container engine keeps.
const maxReason = 4096

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "healthcheck:", err)
		os.Exit(1)
	}
}

// run asks the service that the one argument names.
func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("give one argument, tcp://HOST:PORT or http://HOST:PORT/PATH")
	}
	target, err := url.Parse(args[0])
	if err != nil {
		return fmt.Errorf("address %q: %w", args[0], err)
	}
	switch target.Scheme {
	case "tcp":
		return dial(ctx, target.Host)
	case "http":
		return get(ctx, target.String())
	default:
		return fmt.Errorf("address %q: want tcp://HOST:PORT or http://HOST:PORT/PATH", args[0])
	}
}

func dial(ctx context.Context, address string) error {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}

func get(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	why, err := io.ReadAll(io.LimitReader(response.Body, maxReason))
	err = errors.Join(err, response.Body.Close())
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return errors.Join(fmt.Errorf("%s answered %s: %s", address, response.Status, why), err)
}
