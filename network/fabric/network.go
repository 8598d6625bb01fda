// SPDX-License-Identifier: Apache-2.0

// Package fabric drives a real Hyperledger Fabric network on this machine for tests.
//
// In goes a folder and, from FABRIC_BIN or the PATH, Fabric's own programs; out comes a channel
// of two or three organisations with our chaincode on it, and a connection profile for each identity. The
// work is done by the scripts in test-network-scripts, so that tests use what operators use. The
// network is made of processes that outlive this one: after a crash of the caller it still runs,
// Start finds it again, and Stop ends it.
package fabric

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// ErrNoPrograms means that Fabric's programs are neither in FABRIC_BIN nor on the PATH.
var ErrNoPrograms = errors.New("no Fabric programs: set FABRIC_BIN to the bin folder of an official release")

// Ordering is how a network orders its blocks.
type Ordering string

// The orderings that configtx.yaml has a profile for.
const (
	OneRaft   Ordering = "1"
	ThreeRaft Ordering = "3"
	SmartBFT  Ordering = "bft"
)

// Config says which network to start.
type Config struct {
	// Dir holds everything of the network; it is made when it is not there.
	Dir string
	// Ordering is OneRaft when empty.
	Ordering Ordering
	// Organisations is 2 or 3: Org1MSP, Org2MSP, Org3MSP, with a peer each; 0 is 2.
	Organisations int
	// BasePort is the first of forty ports on 127.0.0.1; 0 takes the scripts' default, or that
	// of the network which Dir holds already.
	BasePort int
	// Output receives what the scripts say; nil drops it, errors carry it anyway.
	Output io.Writer
}

// Network is a network that runs, or ran, in a folder.
type Network struct {
	config  Config
	scripts string
}

// Available reports whether Fabric's programs are there; the error wraps ErrNoPrograms and names
// the one that is missing.
func Available() error {
	for _, program := range []string{"peer", "orderer", "cryptogen", "configtxgen", "osnadmin"} {
		if folder := os.Getenv("FABRIC_BIN"); folder != "" {
			if _, err := exec.LookPath(filepath.Join(folder, program)); err == nil {
				continue
			}
		}
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w (%s is missing)", ErrNoPrograms, program)
		}
	}
	return nil
}

// Start starts the network, or what of it does not run, and returns when it orders blocks and its
// peers know each other. It takes about ten seconds the first time. The current directory must lie
// in Anchorline's source tree, where the scripts are.
func Start(ctx context.Context, config Config) (*Network, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	scripts, err := scriptsFolder()
	if err != nil {
		return nil, err
	}
	if config.Dir, err = filepath.Abs(config.Dir); err != nil {
		return nil, fmt.Errorf("folder of the network: %w", err)
	}
	network := &Network{config: config, scripts: scripts}
	var arguments []string
	if config.Ordering != "" {
		arguments = append(arguments, "--orderers", string(config.Ordering))
	}
	if config.Organisations != 0 {
		arguments = append(arguments, "--orgs", strconv.Itoa(config.Organisations))
	}
	if config.BasePort != 0 {
		arguments = append(arguments, "--base-port", strconv.Itoa(config.BasePort))
	}
	return network, network.run(ctx, "up.sh", arguments...)
}

// Dir is the absolute path of the network's folder.
func (n *Network) Dir() string { return n.config.Dir }

// Status returns an error when a node of the network does not run or does not answer.
func (n *Network) Status(ctx context.Context) error { return n.run(ctx, "status.sh") }

// Stop ends every process of the network, its chaincode too, and keeps the ledgers.
func (n *Network) Stop(ctx context.Context) error { return n.run(ctx, "down.sh") }

// Purge ends every process of the network and removes its folder.
func (n *Network) Purge(ctx context.Context) error { return n.run(ctx, "down.sh", "--purge") }

// run runs a script on the network's folder. Its output goes to the log and, when it fails, into
// the error.
func (n *Network) run(ctx context.Context, script string, arguments ...string) error {
	command := exec.CommandContext(ctx, filepath.Join(n.scripts, script),
		append(arguments, "--dir", n.config.Dir)...)
	var said bytes.Buffer
	var output io.Writer = &said
	if n.config.Output != nil {
		output = io.MultiWriter(&said, n.config.Output)
	}
	command.Stdout, command.Stderr = output, output
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s on %s: %w\n%s", script, n.config.Dir, err, said.Bytes())
	}
	return nil
}

// scriptsFolder finds test-network-scripts in the source tree around the current directory.
func scriptsFolder() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("current directory: %w", err)
	}
	for {
		scripts := filepath.Join(folder, "test-network-scripts")
		if _, err := os.Stat(filepath.Join(scripts, "up.sh")); err == nil {
			return scripts, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no test-network-scripts above the current directory: run in Anchorline's source tree")
		}
		folder = parent
	}
}
