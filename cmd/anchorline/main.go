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
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

// cli is the command line. Every flag can also be set by an environment variable, ANCHORLINE_ and
// its name, and by the file that --config names; a flag wins over the environment, and that over
// the file.
type cli struct {
	Config kong.ConfigFlag `help:"YAML file with values for flags, by their names." placeholder:"FILE"`

	Up      upCmd      `cmd:"" group:"Run:" help:"Run everything on this machine: broker, ledger, bridge and simulated devices."`
	Bridge  bridgeCmd  `cmd:"" group:"Run:" help:"Run the bridge between an MQTT broker and a Fabric network, or look into it."`
	API     apiCmd     `cmd:"" group:"Run:" name:"api" help:"Serve the ledger, read-only, over HTTP and JSON."`
	Network networkCmd `cmd:"" group:"Run:" help:"Run the embedded network alone."`

	Device       deviceCmd       `cmd:"" group:"Speak to the ledger:" help:"Make, register, govern and publish as devices."`
	Manufacturer manufacturerCmd `cmd:"" group:"Speak to the ledger:" help:"Say whose certified devices join without being registered."`
	Role         roleCmd         `cmd:"" group:"Speak to the ledger:" help:"Grant roles, and see who we are."`
	Consortium   consortiumCmd   `cmd:"" group:"Speak to the ledger:" help:"Agree on the terms on which organisations sign each other's changes."`
	Policy       policyCmd       `cmd:"" group:"Speak to the ledger:" help:"Write and test access policies."`
	Access       accessCmd       `cmd:"" group:"Speak to the ledger:" help:"Ask what the policies allow, and put decisions on record."`
	Stream       streamCmd       `cmd:"" group:"Speak to the ledger:" help:"Look at streams, open them, replace their keys and bridges."`
	Anchor       anchorCmd       `cmd:"" group:"Speak to the ledger:" help:"Look at anchors, and have a statement verified by the chaincode."`
	Equivocation equivocationCmd `cmd:"" group:"Speak to the ledger:" help:"Report, and list, what contradicts an anchor."`

	Audit   auditCmd   `cmd:"" group:"Prove:" help:"Verify statements and archives, offline or with the ledger."`
	Version versionCmd `cmd:"" group:"Prove:" help:"Print the version."`
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
// the command line is wrong, and more where a command says so of itself.
func run(ctx context.Context, args []string, io streams) int {
	status := -1
	parser, err := kong.New(&cli{},
		kong.Name("anchorline"),
		kong.Description("Makes IoT readings provable: signed by devices, anchored on Hyperledger Fabric."),
		kong.Writers(io.out, io.err),
		kong.Exit(func(code int) { status = code }),
		kong.DefaultEnvars("ANCHORLINE"),
		kong.Configuration(loadConfig),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.ValueFormatter(flagHelp),
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(io.err, "anchorline:", err)
		return 2
	}
	ungroup(parser.Model)
	parsed, err := parser.Parse(args)
	if status >= 0 {
		return status // help was asked for
	}
	if err != nil {
		fmt.Fprintln(io.err, "anchorline:", err)
		fmt.Fprintln(io.err, "Try:", misused(err), "--help")
		return 2
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(io)
	var ends verdict
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ends):
		return int(ends)
	case errors.Is(err, errSilent):
	default:
		fmt.Fprintln(io.err, "anchorline:", printableLines(explain(err)))
	}
	return 1
}

// explain leaves out of a refusal by the contracts what says nothing to people: that it was one, in
// which step, and the transaction that was never submitted.
func explain(err error) string {
	var failed *ledger.Error
	var refusal *record.Error
	if errors.As(err, &failed) && errors.As(failed.Err, &refusal) && refusal.Code != record.Internal {
		return strings.Replace(err.Error(), failed.Error(), refusal.Error(), 1)
	}
	return err.Error()
}

// misused is the command whose flags or arguments are wrong, as far as it was named.
func misused(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) {
		for i := len(wrong.Context.Path) - 1; i >= 0; i-- {
			if node := wrong.Context.Path[i].Node(); node != nil {
				return node.FullPath()
			}
		}
	}
	return "anchorline"
}

// ungroup takes subcommands out of the group of their command, which is about commands.
func ungroup(app *kong.Application) {
	for _, command := range app.Children {
		for _, sub := range command.Children {
			if sub.Group == nil || sub.Group == command.Group {
				sub.Group = &kong.Group{Key: "commands", Title: "Commands:"}
			}
		}
	}
}

// flagHelp is the help of a flag with its default, which kong leaves out where there is a
// placeholder.
func flagHelp(v *kong.Value) string {
	shown := *v
	if f := v.Flag; f != nil && v.HasDefault && v.Default != "" && f.PlaceHolder != "" {
		shown.Help = strings.TrimSuffix(v.Help, ".") + " (default: " + v.Default + ")."
	}
	return kong.DefaultHelpValueFormatter(&shown)
}
