// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// fileConfig resolves flags from a YAML file of flag names and values. A key that is no flag of
// any command is an error, so that a typing mistake does not silently mean a default.
type fileConfig struct{ values map[string]any }

// loadConfig is a kong.ConfigurationLoader.
func loadConfig(r io.Reader) (kong.Resolver, error) {
	c := fileConfig{values: map[string]any{}}
	if err := yaml.NewDecoder(r).Decode(&c.values); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("config file: %w", err)
	}
	return c, nil
}

// Validate refuses keys that no command knows.
func (c fileConfig) Validate(app *kong.Application) error {
	known := map[string]bool{}
	_ = kong.Visit(app, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok {
			known[f.Name] = true
		}
		return next(nil)
	})
	var unknown []string
	for key, value := range c.values {
		if !known[key] || key == "config" || key == "help" {
			unknown = append(unknown, key)
		}
		switch value.(type) {
		case map[string]any, []any, nil:
			return fmt.Errorf("config file: %s: want a single value", key)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("config file: unknown key %s: keys are the names of flags, without the dashes", strings.Join(unknown, ", "))
	}
	return nil
}

// Resolve gives a flag its value from the file, unless the environment has one.
func (c fileConfig) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	v, ok := c.values[flag.Name]
	if !ok {
		return nil, nil
	}
	switch v := v.(type) {
	case string, bool:
		return v, nil
	default:
		return fmt.Sprint(v), nil
	}
}
