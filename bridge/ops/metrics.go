// SPDX-License-Identifier: Apache-2.0

package ops

import (
	"errors"
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/intake"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/bridge/verify"
)

const prefix = "anchorline_bridge_"

// A metric is one number of a status.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(bridge.Status) float64
}

// A collector reads the bridge's status once for each scrape, so that the books in it balance.
// Counters are the spool's: they go on over restarts.
type collector struct {
	bridge      Bridge
	watch       *watch
	info        prometheus.Metric
	metrics     []metric
	quarantined *prometheus.Desc
	withdrawn   *prometheus.Desc
	batches     *prometheus.Desc
	reachable   *prometheus.Desc
}

func newRegistry(cfg Config, b Bridge, w *watch) (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	return registry, errors.Join(
		registry.Register(newCollector(cfg, b, w)),
		registry.Register(collectors.NewGoCollector()),
		registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})),
	)
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

func newCollector(cfg Config, b Bridge, w *watch) *collector {
	info := prometheus.NewDesc(prefix+"info", "Which stream the bridge writes, on which ledger; always 1.", []string{"stream", "ledger"}, nil)
	return &collector{
		bridge: b, watch: w, metrics: metrics(time.Now),
		info:        prometheus.MustNewConstMetric(info, prometheus.GaugeValue, 1, cfg.Stream.String(), cfg.Name),
		quarantined: desc("messages_quarantined_total", "Messages refused and kept, by reason.", "reason"),
		withdrawn:   desc("readings_withdrawn_total", "Readings accepted and put into quarantine before they were anchored, by reason.", "reason"),
		batches:     desc("batches", "Batches by state; receipted is the last.", "state"),
		reachable:   desc("ledger_reachable", "1 if the ledger answered a query, 0 if not."),
	}
}

// metrics are those without labels.
func metrics(now func() time.Time) []metric {
	var list []metric
	counter := func(name, help string, value func(bridge.Status) uint64) {
		list = append(list, metric{desc(name, help), prometheus.CounterValue, func(s bridge.Status) float64 { return float64(value(s)) }})
	}
	gauge := func(name, help string, value func(bridge.Status) float64) {
		list = append(list, metric{desc(name, help), prometheus.GaugeValue, value})
	}
	counter("messages_received_total", "Messages taken from the broker: accepted, duplicate or quarantined.",
		func(s bridge.Status) uint64 { return s.Received })
	counter("readings_accepted_total", "Readings accepted: anchored, pending or withdrawn.",
		func(s bridge.Status) uint64 { return s.Accepted })
	counter("messages_duplicate_total", "Messages whose reading was accepted before.",
		func(s bridge.Status) uint64 { return s.Duplicates })
	counter("readings_anchored_total", "Readings in batches that the ledger committed.",
		func(s bridge.Status) uint64 { return s.Anchored })
	counter("readings_receipted_total", "Readings whose receipts were published.",
		func(s bridge.Status) uint64 { return s.Receipted })
	counter("batches_sealed_total", "Batches sealed.",
		func(s bridge.Status) uint64 { return s.Batches })
	gauge("readings_pending", "Readings accepted and not anchored yet.",
		func(s bridge.Status) float64 { return float64(s.Pending()) })
	gauge("readings_missing", "Gaps: sequence numbers below a device's highest that are in no batch; a jump over more than a million counts one.",
		func(s bridge.Status) float64 { return float64(s.Gaps) })
	gauge("oldest_pending_age_seconds", "Time since the oldest pending reading was received, 0 when none is pending.",
		func(s bridge.Status) float64 { return age(s, now()) })
	gauge("last_anchor_number", "Number of the last batch that the ledger committed, 0 before the first.",
		func(s bridge.Status) float64 { return float64(s.LastAnchor) })
	gauge("last_anchor_timestamp_seconds", "Timestamp of the transaction that anchored it, 0 before the first.",
		func(s bridge.Status) float64 { return seconds(s.LastAnchored) })
	gauge("connected", "1 if connected to the broker, 0 if not.",
		func(s bridge.Status) float64 { return truth(s.Connected) })
	gauge("halted", "1 if somebody must mend something before anchoring or receipts go on, 0 if not.",
		func(s bridge.Status) float64 { return truth(s.Halted != nil) })
	gauge("intake_stopped", "1 if nothing is accepted: the disk is nearly full, or the stream has two writers; 0 if not.",
		func(s bridge.Status) float64 { return truth(s.Intake != nil) })
	gauge("registry_away_seconds", "Time since the ledger stopped saying who a device is, 0 while it does.",
		func(s bridge.Status) float64 { return since(s.LedgerAway, now()) })
	gauge("quarantine_bytes", "Bytes of the messages in quarantine, as counted for the limit.",
		func(s bridge.Status) float64 { return float64(s.Quarantine.Bytes) })
	gauge("quarantine_messages", "Different messages in quarantine.",
		func(s bridge.Status) float64 { return float64(s.Quarantine.Messages) })
	counter("quarantine_dropped_total", "Refused messages that the limit of the quarantine pushed out.",
		func(s bridge.Status) uint64 { return s.Quarantine.Dropped.Messages })
	gauge("spool_bytes", "Size of the spool's file.",
		func(s bridge.Status) float64 { return float64(s.Bytes) })
	return list
}

// Describe sends the metrics' descriptions.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	out <- c.info.Desc()
	for _, m := range c.metrics {
		out <- m.desc
	}
	out <- c.quarantined
	out <- c.withdrawn
	out <- c.batches
	out <- c.reachable
}

// Collect sends the metrics of now. Without a status the scrape fails: no numbers are better than
// wrong ones.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s, err := c.bridge.Status()
	if err != nil {
		out <- prometheus.NewInvalidMetric(c.info.Desc(), err)
		return
	}
	out <- c.info
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, m := range c.metrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s))
	}
	for reason, n := range byReason(s.Quarantined) {
		out <- prometheus.MustNewConstMetric(c.quarantined, prometheus.CounterValue, float64(n), reason)
	}
	for reason, n := range withdrawnByReason(s.Withdrawn) {
		out <- prometheus.MustNewConstMetric(c.withdrawn, prometheus.CounterValue, float64(n), reason)
	}
	receipted := s.Batches
	for _, state := range []spool.State{spool.Sealed, spool.Prepared, spool.Committed} {
		gauge(c.batches, float64(s.InFlight[state]), string(state))
		receipted -= s.InFlight[state]
	}
	gauge(c.batches, float64(receipted), string(spool.Receipted))
	gauge(c.reachable, truth(c.watch.ledger.Err() == nil))
}

// byReason adds the reasons that nothing was refused for yet. A counter that first shows as 1 did
// not increase, says Prometheus, and no alert comes of the first message.
func byReason(quarantined map[string]uint64) map[string]uint64 {
	all := map[string]uint64{
		verify.ReasonOversized: 0, verify.ReasonMalformed: 0, verify.ReasonUnsupported: 0, verify.ReasonTopic: 0,
		verify.ReasonUnknownDevice: 0, verify.ReasonUnknownKey: 0, verify.ReasonKeyEnded: 0, verify.ReasonSignature: 0,
		verify.ReasonDeviceSuspended: 0, verify.ReasonDeviceRevoked: 0, verify.ReasonDeviceTransferred: 0, verify.ReasonKeyReplaced: 0, spool.ReasonReplay: 0,
		verify.ReasonUndecided: 0, intake.ReasonRetained: 0,
	}
	maps.Copy(all, quarantined)
	return all
}

// withdrawnByReason does the same for what was accepted.
func withdrawnByReason(withdrawn map[string]uint64) map[string]uint64 {
	all := map[string]uint64{
		verify.ReasonUnknownDevice: 0, verify.ReasonUnknownKey: 0, verify.ReasonKeyEnded: 0, verify.ReasonKeyReplaced: 0,
		verify.ReasonDeviceSuspended: 0, verify.ReasonDeviceRevoked: 0, verify.ReasonDeviceTransferred: 0, spool.ReasonDamaged: 0,
	}
	maps.Copy(all, withdrawn)
	return all
}

// since is the time since a moment, 0 for none.
func since(t, now time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, now.Sub(t).Seconds())
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

// age is how long the oldest pending reading has waited, never below 0: the clock may be set back.
func age(s bridge.Status, now time.Time) float64 {
	if s.OldestPending == 0 {
		return 0
	}
	return max(0, now.Sub(time.UnixMilli(s.OldestPending)).Seconds())
}
