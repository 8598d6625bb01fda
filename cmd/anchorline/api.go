// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/anchorline/anchorline/api/rest"
	"github.com/anchorline/anchorline/ledger"
)

type apiCmd struct {
	Fabric    string        `help:"Connection profile of the Fabric network." required:"" placeholder:"FILE"`
	Listen    string        `help:"Address to serve." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	Trust     string        `help:"Whom to trust about statements, made by 'audit trust' (default: as the channel's configuration says)." placeholder:"FILE"`
	TokenFile []string      `help:"File of a bearer token to let in; may be given several times. Without one no token is asked for." placeholder:"FILE"`
	Open      bool          `help:"Serve other machines without a token."`
	TLSCert   string        `help:"PEM file of our TLS certificate; turns TLS on." name:"tls-cert" placeholder:"FILE"`
	TLSKey    string        `help:"PEM file of our TLS key." name:"tls-key" placeholder:"FILE"`
	Timeout   time.Duration `help:"How long the ledger may take to answer." default:"10s"`
}

// Run serves the ledger over HTTP until it is interrupted.
func (c *apiCmd) Run(ctx context.Context, io streams) error {
	profile, err := ledger.ReadProfile(c.Fabric)
	if err != nil {
		return err
	}
	l, err := ledger.Connect(profile)
	if err != nil {
		return err
	}
	defer l.Close()
	s, err := rest.Listen(ctx, rest.Config{
		Listen: c.Listen, Name: profile.Ledger(), Trust: c.Trust, Tokens: c.TokenFile, Open: c.Open,
		TLSCert: c.TLSCert, TLSKey: c.TLSKey, Timeout: c.Timeout,
	}, l, slog.New(slog.NewTextHandler(io.err, nil)))
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
