package runner

import (
	"fmt"
	"strconv"
	"strings"

	"daybook/ledger/journal"
)

// Measured is a metric's aggregate over a set, and the two sums whose ratio it was
// made from.
type Measured struct {
	Value *float64 `json:"value"` // null where Den is zero
	Num   float64  `json:"num"`
	Den   float64  `json:"den"`
}

// MeasuredOf takes the aggregate out of a journal's report.
func MeasuredOf(v journal.MetricValue) Measured { return Measured{v.Value, v.Num, v.Den} }

// Text writes the aggregate of a metric for people, with so many decimals.
// Invented values are a count over a count, 3/41, never a bare ratio: a model that
// extracts nothing invents nothing, and only the second count tells.
func (m Measured) Text(metric string, decimals int) string {
	switch {
	case strings.HasPrefix(metric, "invented"):
		return strconv.FormatFloat(m.Num, 'f', -1, 64) + "/" + strconv.FormatFloat(m.Den, 'f', -1, 64)
	case m.Value == nil:
		return "–"
	}
	return fmt.Sprintf("%.*f", decimals, *m.Value)
}
