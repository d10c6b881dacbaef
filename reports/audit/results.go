package audit

import (
	"cmp"
	"fmt"
	"strings"

	"daybook/ledger"
	"daybook/ledger/journal"
)

// measurement is what one subject was measured as on one split.
type measurement struct {
	baseline string // "" for the adapter
	epoch    int
	split    string
	entry    int64 // the last of those that the values are from
	values   []journal.MetricValue
}

// measurements joins evaluations of one subject: metrics may have been added
// later, and of each the newest value counts.
func (b *builder) measurements() []measurement {
	var out []measurement
	for _, cited := range b.Trace.Measured {
		e := cited.Fact
		m := (*measurement)(nil)
		for i := range out {
			if out[i].baseline == e.Baseline && out[i].epoch == e.Epoch && out[i].split == e.Split {
				m = &out[i]
			}
		}
		if m == nil {
			out = append(out, measurement{baseline: e.Baseline, epoch: e.Epoch, split: e.Split})
			m = &out[len(out)-1]
		}
		m.entry = cited.Entry
		for _, v := range e.Metrics {
			m.set(v)
		}
	}
	return out
}

func (m *measurement) set(v journal.MetricValue) {
	for i, old := range m.values {
		if old.Metric == v.Metric && old.By == v.By && old.Tag == v.Tag {
			m.values[i] = v
			return
		}
	}
	m.values = append(m.values, v)
}

// text lists the values on the whole set.
func (m *measurement) text() string {
	var parts []string
	for _, v := range m.values {
		switch {
		case v.By != "":
		case v.Value == nil:
			parts = append(parts, v.Metric+" undefined")
		default:
			parts = append(parts, fmt.Sprintf("%s %.4f", v.Metric, *v.Value))
		}
	}
	return strings.Join(parts, ", ")
}

func (b *builder) results() {
	b.begin("results", "What was measured")
	all := b.measurements()
	for _, m := range all {
		if m.epoch == 0 {
			b.recorded(m.entry, "baseline."+m.split, fmt.Sprintf("base, %s, %s", strings.ReplaceAll(m.baseline, "_", "-"), m.split), m.text())
		}
	}
	chosen := b.Trace.Adapter.Fact.Epoch
	for _, e := range b.Trace.Epochs {
		value, entry := "", int64(0)
		for _, m := range all {
			if m.epoch == e.Epoch && m.split == "validation" {
				value, entry = m.text(), m.entry
			}
		}
		name := fmt.Sprintf("epoch %d, validation", e.Epoch)
		if e.Epoch == chosen {
			name += ", chosen"
		}
		b.recorded(entry, fmt.Sprintf("epoch%d", e.Epoch), name, fmt.Sprintf("training loss %.4f; %s", e.TrainLoss, cmp.Or(value, "not evaluated")))
	}
	for _, m := range all {
		if m.epoch == chosen && m.split == "test" {
			b.recorded(m.entry, "test", "this adapter, test", m.text())
		}
	}
}

// later tells what people and machines said of the adapter afterwards.
func (b *builder) later() {
	b.begin("later", "What came of it later")
	if !b.Later {
		b.add(Statement{"later", "sign-offs, reproductions", "the ledger is not at hand", Unknown, "nothing"})
		return
	}
	for _, r := range b.Reproductions {
		b.recorded(r.Entry, fmt.Sprintf("reproduction%d", r.Entry), "trained again", reproduced(r))
	}
	for _, s := range b.Forgotten {
		b.recorded(s.Entry, "forgotten."+s.Fact.Role, "forgotten since", "a record of the "+s.Fact.Role+" set: the run can't be repeated")
	}
	if len(b.Reproductions) == 0 {
		b.add(Statement{"reproductions", "trained again", "never, as far as this ledger knows", Unknown, "nothing"})
	}
	for _, s := range b.SignOffs {
		f := s.Fact
		b.claimed(s.Entry, byPerson, fmt.Sprintf("signoff%d", s.Entry), f.Decision, fmt.Sprintf("by %s, %s: %s", f.Person, moment(f.Time), f.Reason))
	}
	if len(b.SignOffs) == 0 {
		b.add(Statement{"signoffs", "sign-off", "nobody's", Unknown, "nothing"})
	}
}

func reproduced(r ledger.Reproduction) string {
	text := fmt.Sprintf("%s: adapter %s, %s", r.Outcome, r.Adapter, r.Numerics)
	if r.Step != nil {
		text += fmt.Sprintf("; the first step that differs is %d", r.Step.Step)
	}
	if r.Tensor != nil && r.Tensor.Name != "" {
		text += fmt.Sprintf("; the first tensor that differs is %s", r.Tensor.Name)
	}
	return text
}
