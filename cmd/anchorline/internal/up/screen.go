// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// show shows what happens until ctx ends: a live panel on a terminal, a line now and then
// elsewhere.
func (w *world) show(ctx context.Context, began time.Time) {
	if !w.cfg.Terminal {
		w.logProgress(ctx, began)
		return
	}
	p := tea.NewProgram(panel{w: w, ctx: ctx, began: began}, tea.WithOutput(w.cfg.Out), tea.WithInput(nil),
		tea.WithoutSignalHandler(), tea.WithContext(ctx))
	// The panel only shows; that it was ended by ctx is no error, and any other leaves the rest running.
	_, err := p.Run()
	if err != nil && ctx.Err() == nil {
		w.cfg.Logger.Warn("live panel ended", "error", err)
		w.logProgress(ctx, began)
	}
}

// A sample is what the panel and the log lines show.
type sample struct {
	Report
	connected bool
	halted    error
	height    uint64
	at        time.Time
	last      string // the last receipt, in words
}

func (w *world) sample(ctx context.Context, began time.Time) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := w.report(ctx, began)
	if err != nil {
		return sample{}, err
	}
	status, err := w.bridge.Status()
	s := sample{Report: r, connected: status.Connected, halted: status.Halted, at: time.Now(), last: w.lastReceipt()}
	if r.LedgerHeight != nil {
		s.height = *r.LedgerHeight
	}
	return s, err
}

func (w *world) lastReceipt() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.latest == nil {
		return "none yet"
	}
	c := w.latest.Receipt.Claims
	return fmt.Sprintf("%s/%s reading %d: %d of %d in batch %d, transaction %x…",
		w.profile.MSPID, w.latestID, w.latest.Sequence, w.latest.Receipt.Index+1, w.latest.Receipt.Size, c.Number, c.Transaction[:6])
}

// logEvery is how often a line is logged where no terminal is.
const logEvery = 5 * time.Second

func (w *world) logProgress(ctx context.Context, began time.Time) {
	tick := time.NewTicker(logEvery)
	defer tick.Stop()
	var before sample
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s, err := w.sample(ctx, began)
		if err != nil {
			continue
		}
		w.cfg.Logger.Info("progress", "published", s.Published, "accepted", s.Accepted, "per_second", rate(before, s),
			"anchored", s.Anchored, "pending", s.Pending, "batches", s.Batches, "quarantined", sum(s.Quarantined),
			"receipts_verified", s.ReceiptsVerified, "height", s.height)
		before = s
	}
}

// rate is the readings accepted per second between two samples.
func rate(before, now sample) float64 {
	if before.at.IsZero() || now.Accepted < before.Accepted {
		return 0
	}
	perSecond := float64(now.Accepted-before.Accepted) / now.at.Sub(before.at).Seconds()
	return float64(int(perSecond*10+0.5)) / 10
}

// panel is the live view. It takes no input: Ctrl-C reaches the process as a signal.
type panel struct {
	w     *world
	ctx   context.Context
	began time.Time
	now   sample
	rate  float64
	width int
}

// refresh is how often the panel is redrawn.
const refresh = 500 * time.Millisecond

// Init takes the first sample.
func (p panel) Init() tea.Cmd { return p.next(0) }

func (p panel) next(after time.Duration) tea.Cmd {
	return tea.Tick(after, func(time.Time) tea.Msg {
		s, err := p.w.sample(p.ctx, p.began)
		if err != nil {
			return err
		}
		return s
	})
}

// Update takes a sample or a window size.
func (p panel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case sample:
		if r := rate(p.now, msg); !p.now.at.IsZero() {
			p.rate = (p.rate*3 + r) / 4
		}
		p.now = msg
		return p, p.next(refresh)
	case error:
		return p, p.next(refresh)
	case tea.WindowSizeMsg:
		p.width = msg.Width
	}
	return p, nil
}

// View draws the panel.
func (p panel) View() tea.View {
	if p.now.at.IsZero() {
		return tea.NewView("starting…\n")
	}
	s := p.now
	var (
		label = lipgloss.NewStyle().Faint(true).Width(15)
		good  = lipgloss.NewStyle().Foreground(lipgloss.Green)
		bad   = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
		title = lipgloss.NewStyle().Bold(true)
	)
	row := func(name, format string, args ...any) string {
		return label.Render(name) + fmt.Sprintf(format, args...)
	}
	link := good.Render("connected")
	if !s.connected {
		link = bad.Render("connecting…")
	}
	rows := []string{
		title.Render("Anchorline") + fmt.Sprintf("  %s, Ctrl-C to stop", s.at.Sub(p.began).Truncate(time.Second)),
		"",
		row("stream", "%s", s.Stream),
		row("devices", "%d, broker %s", s.Devices, link),
		row("readings", "%d accepted, %.1f/s, %d pending", s.Accepted, p.rate, s.Pending),
		row("batches", "%d, %d readings anchored", s.Batches, s.Anchored),
		row("ledger", "%d blocks%s", s.height, size(s.LedgerBytes)),
		row("receipts", "%s verified by the devices", good.Render(fmt.Sprint(s.ReceiptsVerified))),
		row("quarantined", "%s", quarantine(s.Quarantined)),
		row("gaps", "%d sequence numbers missing", s.Gaps),
		row("last receipt", "%s", s.last),
	}
	if s.halted != nil {
		rows = append(rows, bad.Render("anchoring halted: "+s.halted.Error()))
	}
	box := lipgloss.NewStyle().Border(lipgloss.RoundedBorder()).Padding(0, 1)
	if p.width > 4 {
		box = box.Width(min(p.width, 110))
	}
	return tea.NewView(box.Render(strings.Join(rows, "\n")) + "\n")
}

func quarantine(counts map[string]uint64) string {
	if sum(counts) == 0 {
		return "0"
	}
	var parts []string
	for reason, n := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, reason))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%d: %s", sum(counts), strings.Join(parts, ", "))
}
