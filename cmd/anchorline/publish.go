// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
)

// errNoInput is returned when a payload is expected on standard input and a person sits there.
var errNoInput = errors.New("no payload: give --value and --name, or pipe one to standard input")

type devicePublishCmd struct {
	ID string `arg:"" help:"Device id."`
	keyFlag
	Broker string `help:"MQTT broker." default:"tcp://127.0.0.1:1883" placeholder:"URL"`
	brokerFlags
	Outbox      string        `help:"The device's memory: sequence numbers and readings (default: ID.outbox)." placeholder:"FILE"`
	Value       *float64      `help:"A measured value; without it the payload is read from standard input."`
	Name        string        `help:"What was measured." default:"value"`
	Unit        string        `help:"Its SenML unit, for example Cel." placeholder:"UNIT"`
	ContentType string        `help:"Of a payload from standard input: CoAP content format number or media type." default:"110" placeholder:"TYPE"`
	Pins        string        `help:"Pinned keys: wait for the receipt and verify it." placeholder:"FILE"`
	Timeout     time.Duration `help:"How long to wait for the broker, and for the receipt." default:"30s"`
	Raw         bool          `help:"Publish standard input as it is, unsigned: to see what becomes of garbage."`
}

// Run publishes one reading.
func (c *devicePublishCmd) Run(ctx context.Context, io streams) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if c.Raw {
		return c.publishRaw(ctx, io)
	}
	payload, err := c.payload(io)
	if err != nil {
		return err
	}
	cfg, err := c.device(io)
	if err != nil {
		return err
	}
	if cfg.Outbox, err = device.OpenOutbox(c.outboxPath()); err != nil {
		return err
	}
	return errors.Join(c.publish(ctx, io, cfg, payload), cfg.Outbox.Close())
}

func (c *devicePublishCmd) outboxPath() string {
	if c.Outbox != "" {
		return c.Outbox
	}
	return c.ID + ".outbox"
}

func (c *devicePublishCmd) device(io streams) (device.Config, error) {
	cfg := device.Config{
		ID: c.ID, Broker: c.broker(c.Broker), Logger: slog.New(slog.NewTextHandler(io.err, nil)),
	}
	var err error
	if cfg.Signer, err = c.read(c.ID); err != nil {
		return cfg, err
	}
	if c.Pins == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(c.Pins)
	if err != nil {
		return cfg, err
	}
	pins, err := audit.ParsePins(text)
	cfg.StreamKeys = func(stream string) []cose.Key { return pins.StreamKeys(stream) }
	return cfg, err
}

func (c *devicePublishCmd) publish(ctx context.Context, io streams, cfg device.Config, payload device.Payload) error {
	receipts := make(chan device.Verified, 256)
	cfg.OnReceipt = func(v device.Verified) { receipts <- v }
	d, err := device.Connect(cfg)
	if err != nil {
		return err
	}
	defer d.Close()
	parcels, err := d.Publish(ctx, payload)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("broker %s did not acknowledge within %s; the reading is kept in %s and is sent with the next publish",
			c.Broker, c.Timeout, c.outboxPath())
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "published reading %d of %s, %d bytes, acknowledged by %s\n",
		parcels[0].Sequence, c.ID, len(parcels[0].Reading), c.Broker)
	if c.Pins == "" {
		return nil
	}
	for {
		select {
		case v := <-receipts:
			if v.Sequence == parcels[0].Sequence {
				_, err := fmt.Fprintf(io.out, "receipt verified: reading %d of %d in batch %d of stream %s, block %d\n",
					v.Receipt.Index+1, v.Receipt.Size, v.Receipt.Claims.Number, v.Receipt.Claims.Stream, v.Receipt.Claims.Block)
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("no receipt within %s: is device %s registered (anchorline device show %s), and the bridge running? Refused readings are in its quarantine",
				c.Timeout, c.ID, c.ID)
		}
	}
}

// payload makes the SenML pack that the flags describe, or reads standard input.
func (c *devicePublishCmd) payload(io streams) (device.Payload, error) {
	if c.Value != nil {
		return device.SenML(c.ID, device.Measurement{Name: c.Name, Unit: c.Unit, Value: *c.Value, Time: time.Now()})
	}
	if isTerminal(io.in) {
		return device.Payload{}, errNoInput
	}
	data, err := limited(io.in, "the payload", reading.MaxSize)
	if err != nil {
		return device.Payload{}, err
	}
	ct := reading.ContentType(c.ContentType)
	if n, err := strconv.ParseUint(c.ContentType, 10, 16); err == nil {
		ct = cose.ContentFormat(uint16(n))
	}
	return device.Payload{ContentType: ct, Data: data}, nil
}

func (c *devicePublishCmd) publishRaw(ctx context.Context, io streams) error {
	if isTerminal(io.in) {
		return errNoInput
	}
	data, err := limited(io.in, "the payload", 1<<20)
	if err != nil {
		return err
	}
	o, err := c.broker(c.Broker).Options("")
	if err != nil {
		return err
	}
	client := paho.NewClient(o.SetCleanSession(true).SetConnectRetry(false))
	defer client.Disconnect(100)
	topic := mqtt.ReadingsTopic(c.ID)
	for _, tok := range []func() paho.Token{client.Connect, func() paho.Token { return client.Publish(topic, 1, false, data) }} {
		t := tok()
		select {
		case <-t.Done():
			if t.Error() != nil {
				return fmt.Errorf("broker %s: %w", c.Broker, t.Error())
			}
		case <-ctx.Done():
			return fmt.Errorf("broker %s did not answer within %s", c.Broker, c.Timeout)
		}
	}
	_, err = fmt.Fprintf(io.out, "published %d bytes as they are to %s\n", len(data), topic)
	return err
}
