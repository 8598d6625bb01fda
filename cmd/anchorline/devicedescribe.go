// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

// descriptionFlags are what a registrar says of a device.
type descriptionFlags struct {
	Type            string            `help:"Type of the device." placeholder:"NAME"`
	Attribute       map[string]string `help:"Attribute; repeat for more." placeholder:"NAME=VALUE" mapsep:"none"`
	Digest          digest            `help:"SHA-256, in hexadecimal, of a document that describes the device." placeholder:"HEX"`
	ReportingPeriod span              `help:"The longest time that the device stays silent while it works, for example 10m." placeholder:"TIME"`
}

type deviceDescribeCmd struct {
	deviceArgs
	descriptionFlags
	Remove []string `help:"Remove type, digest, reporting-period or attribute.NAME; repeat for more." placeholder:"WHAT" sep:"none"`
}

// Help is the long description.
func (deviceDescribeCmd) Help() string {
	return "What is not named stays as it is. Of two that describe a device at the same time, the later one counts."
}

// Run changes what is named of a device's description.
func (c *deviceDescribeCmd) Run(ctx context.Context, s streams) error {
	if c.Type == "" && len(c.Attribute) == 0 && c.Digest == "" && c.ReportingPeriod == 0 && len(c.Remove) == 0 {
		return errors.New("nothing to change: give --type, --attribute, --digest, --reporting-period or --remove")
	}
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Device, error) {
		d, err := l.Device(ctx, name.New(l.Profile().MSPID, id))
		if err != nil {
			return d, err
		}
		described, err := c.described(d)
		if err != nil {
			return d, err
		}
		return l.DescribeDevice(ctx, described)
	})
}

// described is the device's description with the changes in it.
func (c *deviceDescribeCmd) described(d record.Device) (ledger.Description, error) {
	to := ledger.Description{
		ID: d.ID, Type: d.DeviceType, Attributes: map[string]string{}, Profile: d.Profile, ReportingPeriod: d.ReportingPeriod,
	}
	maps.Copy(to.Attributes, d.Attributes)
	for _, what := range c.Remove {
		attribute, isAttribute := strings.CutPrefix(what, attributeColumn)
		switch {
		case what == "type":
			to.Type = ""
		case what == "digest":
			to.Profile = ""
		case what == "reporting-period":
			to.ReportingPeriod = 0
		case isAttribute:
			delete(to.Attributes, attribute)
		default:
			return to, fmt.Errorf("--remove %.40q: want type, digest, reporting-period or %sNAME", what, attributeColumn)
		}
	}
	maps.Copy(to.Attributes, c.Attribute)
	if c.Type != "" {
		to.Type = c.Type
	}
	if c.Digest != "" {
		to.Profile = string(c.Digest)
	}
	if c.ReportingPeriod != 0 {
		to.ReportingPeriod = int64(c.ReportingPeriod)
	}
	return to, nil
}
