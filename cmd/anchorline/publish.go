// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// errNoInput is returned when a payload is expected on standard input and a person sits there.
var errNoInput = errors.New("no payload: give --value and --name, or pipe one to standard input")

type devicePublishCmd struct {
	Device nameArg `arg:"" help:"Device: Org1MSP/pump-1; with --ledger also pump-1 of the profile's organisation."`
	keyFlag
	Broker string `help:"MQTT broker." default:"tcp://127.0.0.1:1883" placeholder:"URL"`
	brokerFlags
	Outbox      string        `help:"The device's memory: sequence numbers and readings (default: ID.outbox)." placeholder:"FILE"`
	Value       *float64      `help:"A measured value; without it the payload is read from standard input."`
	Name        string        `help:"What was measured." default:"value"`
	Unit        string        `help:"Its SenML unit, for example Cel." placeholder:"UNIT"`
	ContentType string        `help:"Of a payload from standard input: CoAP content format number or media type." default:"110" placeholder:"TYPE"`
	Ledger      string        `help:"Connection profile: wait for the receipt, and verify it with the stream's keys on this ledger." placeholder:"FILE"`
	Timeout     time.Duration `help:"How long to wait for the broker, and for the receipt." default:"30s"`
	Raw         bool          `help:"Publish standard input as it is, unsigned: to see what becomes of garbage."`
}

// Run publishes one reading.
func (c *devicePublishCmd) Run(ctx context.Context, io streams) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	l, err := c.ledger()
	if err != nil {
		return err
	}
	if l != nil {
		defer l.Close()
	}
	device, err := c.name(l)
	if err != nil {
		return err
	}
	if c.Raw {
		return c.publishRaw(ctx, io, device)
	}
	payload, err := c.payload(io, device)
	if err != nil {
		return err
	}
	return c.publishSigned(ctx, io, l, device, payload)
}

// ledger connects to the ledger whose stream keys are taken, if one is named.
func (c *devicePublishCmd) ledger() (*ledger.Client, error) {
	if c.Ledger == "" {
		return nil, nil
	}
	return profileFlag{c.Ledger}.connect()
}

// name is the device's full name: without a ledger nothing says whose a bare id is.
func (c *devicePublishCmd) name(l *ledger.Client) (name.Name, error) {
	if l == nil {
		return name.Parse(string(c.Device))
	}
	return c.Device.of(l)
}

func (c *devicePublishCmd) publishSigned(ctx context.Context, io streams, l *ledger.Client, as name.Name, payload device.Payload) error {
	cfg := device.Config{Device: as, Broker: c.broker(c.Broker), Logger: slog.New(slog.NewTextHandler(io.err, nil))}
	if l != nil {
		cfg.Streams = streamsOf(ctx, l, cfg.Logger)
	}
	var err error
	if cfg.Signer, err = c.read(as.ID); err != nil {
		return err
	}
	if cfg.Outbox, err = device.OpenOutbox(c.outboxPath(as)); err != nil {
		return err
	}
	return errors.Join(c.publish(ctx, io, cfg, payload), cfg.Outbox.Close())
}

// streamsOf asks the ledger for the record of a stream that sends a receipt.
func streamsOf(ctx context.Context, l *ledger.Client, logger *slog.Logger) device.Streams {
	return func(stream name.Name) (record.Stream, bool) {
		s, err := l.Stream(ctx, stream)
		if err != nil {
			logger.Warn("the ledger has no record of a stream that sent a receipt", "stream", stream, "error", err)
		}
		return s, err == nil
	}
}

func (c *devicePublishCmd) outboxPath(device name.Name) string {
	if c.Outbox != "" {
		return c.Outbox
	}
	return device.ID + ".outbox"
}

func (c *devicePublishCmd) publish(ctx context.Context, io streams, cfg device.Config, payload device.Payload) error {
	receipts := make(chan device.Verified, 256)
	cfg.OnReceipt = func(v device.Verified) { receipts <- v }
	d, err := device.Connect(cfg)
	if err != nil {
		return err
	}
	defer d.Close()
	sent, err := d.Publish(ctx, payload)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("broker %s did not acknowledge within %s; the reading is kept in %s and is sent with the next publish",
			c.Broker, c.Timeout, c.outboxPath(cfg.Device))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "published reading %d of %s, %d bytes, acknowledged by %s\n",
		sent[0].Sequence, cfg.Device, len(sent[0].Reading), c.Broker)
	if cfg.Streams == nil {
		return nil
	}
	for {
		select {
		case v := <-receipts:
			if v.Sequence == sent[0].Sequence {
				_, err := fmt.Fprintf(io.out, "receipt verified: reading %d of %d in batch %d of stream %s, transaction %x\n",
					v.Receipt.Index+1, v.Receipt.Size, v.Receipt.Claims.Number, v.Receipt.Claims.Stream, v.Receipt.Claims.Transaction)
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("no receipt within %s: is device %s registered (anchorline device show %s), and the bridge running? Refused readings are in its quarantine",
				c.Timeout, cfg.Device, cfg.Device)
		}
	}
}

// payload makes the SenML pack that the flags describe, or reads standard input.
func (c *devicePublishCmd) payload(io streams, as name.Name) (device.Payload, error) {
	if c.Value != nil {
		return device.SenML(as.ID, device.Measurement{Name: c.Name, Unit: c.Unit, Value: *c.Value, Time: time.Now()})
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

func (c *devicePublishCmd) publishRaw(ctx context.Context, io streams, device name.Name) error {
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
	topic := mqtt.ReadingsTopic(device)
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
