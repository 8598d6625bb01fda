// SPDX-License-Identifier: Apache-2.0

// Command anchorline is Anchorline's one binary. A file is a subcommand: it parses, builds and
// runs; what it runs lives in a room of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line. Every flag can also be set by an environment variable, ANCHORLINE_ and
// its name, and by the file that --config names; a flag wins over the environment, and that over
// the file.
type cli struct {
	Config kong.ConfigFlag `help:"YAML file with values for flags, by their names." placeholder:"FILE"`

	Up      upCmd      `cmd:"" help:"Run everything on this machine: broker, ledger, bridge and simulated devices."`
	Bridge  bridgeCmd  `cmd:"" help:"Run the bridge between an MQTT broker and a Fabric network, or look into it."`
	API     apiCmd     `cmd:"" name:"api" help:"Serve the ledger, read-only, over HTTP and JSON."`
	Device  deviceCmd  `cmd:"" help:"Make, register and publish as devices."`
	Role    roleCmd    `cmd:"" help:"Grant roles, and agree on the consortium's terms."`
	Policy  policyCmd  `cmd:"" help:"Write, test and ask access policies."`
	Anchor  anchorCmd  `cmd:"" help:"Look at streams and anchors on the ledger."`
	Network networkCmd `cmd:"" help:"Run the embedded network alone."`
	Audit   auditCmd   `cmd:"" help:"Verify statements and archives."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// errSilent ends a command with status 1 when it has said everything already.
var errSilent = errors.New("failed")

// run executes one command line and returns the exit status: 0 success, 1 the command failed, 2
// the command line is wrong.
func run(ctx context.Context, args []string, io streams) int {
	status := -1
	parser, err := kong.New(&cli{},
		kong.Name("anchorline"),
		kong.Description("Makes IoT readings provable: signed by devices, anchored on Hyperledger Fabric."),
		kong.Writers(io.out, io.err),
		kong.Exit(func(code int) { status = code }),
		kong.DefaultEnvars("ANCHORLINE"),
		kong.Configuration(loadConfig),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(io.err, "anchorline:", err)
		return 2
	}
	parsed, err := parser.Parse(args)
	if status >= 0 {
		return status // help was asked for
	}
	if err != nil {
		fmt.Fprintln(io.err, "anchorline:", err)
		fmt.Fprintln(io.err, "Try: anchorline --help")
		return 2
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(io)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSilent):
	default:
		fmt.Fprintln(io.err, "anchorline:", err)
	}
	return 1
}
