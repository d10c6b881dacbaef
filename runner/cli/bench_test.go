package cli

import (
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// TestBenchProtocol holds every line of training to the protocol of published
// figures: 20 steps to warm up, then half a minute, with eight documents in a row
// and without dropout as much as for the case asked for.
func TestBenchProtocol(t *testing.T) {
	var o benchOptions
	o.register(&cobra.Command{})
	lines := o.trainings()
	if len(lines) != 3 || lines[0].Documents > 1 || lines[0].Dropout != 0.05 || lines[1].Documents != 8 || lines[1].Dropout != 0.05 || lines[2].Documents > 1 || lines[2].Dropout != 0 {
		t.Errorf("lines %+v, want the case, eight documents a row, and no dropout", lines)
	}
	for _, l := range lines {
		if l.Rows != o.rows || l.Length != o.length || l.Protocol.WarmUp != 20 || l.Protocol.AtLeast != 30*time.Second {
			t.Errorf("%dx%d after %d steps for %s, want %dx%d after 20 for 30s", l.Rows, l.Length, l.Protocol.WarmUp, l.Protocol.AtLeast, o.rows, o.length)
		}
	}
}
