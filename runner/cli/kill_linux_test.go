package cli_test

import (
	"flag"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kills is how many processes TestKilledAnywhere kills. The whole of it:
//
//	go test ./runner/cli -run TestKilledAnywhere -kills 200 -v
//
// It prints how many kills fell into each phase. On two cores it takes four minutes,
// and 40 of 200 fall into each of the five.
var kills = flag.Int("kills", 6, "`number` of times that TestKilledAnywhere kills a process")

// enough kills of a phase can't all have come late.
const enough = 10

// longestStep bounds how long after a journal's line a worker is killed, so that
// the kill falls into the computing that follows.
const longestStep = 6 * time.Millisecond

// kill says where a process is killed.
type kill struct {
	point
	late time.Duration // after that call instead of before it
	both bool          // the runner and its worker, not the one that makes the call alone
}

// TestKilledAnywhere kills processes at points drawn uniformly from each phase's.
// Afterwards the ledger opens and is sound, what was acknowledged is there, and
// the sweep ends with the adapter of one that nobody disturbed.
func TestKilledAnywhere(t *testing.T) {
	s := newSandbox(t)
	phases := []string{step, checkpointWrite, commit, headKept, adapterRename}
	points := map[string]int{}
	whole := decided(t, s.daybook("whole", "run", "sweep.jsonnet"), func(c call) syscall.Errno {
		points[c.phase()]++
		return 0
	})
	if whole.code != 0 {
		t.Fatalf("exit code %d\n%s", whole.code, whole.err)
	}
	adapters := s.published("whole")
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's points are drawn alike every time
	hits := map[string]int{}
	for i := range *kills {
		k := kill{point: point{phase: phases[i%len(phases)]}, both: random.IntN(2) == 0}
		if points[k.phase] == 0 {
			t.Fatalf("a run has no %s: %v", k.phase, points)
		}
		k.n = 1 + random.IntN(points[k.phase])
		if k.phase == step && random.IntN(4) > 0 {
			k.late = time.Duration(1 + random.Int64N(int64(longestStep)))
		}
		if s.killed("trial", k) {
			hits[k.phase]++
		}
		s.finishes("trial", k.point, adapters)
		s.remove("trial")
	}
	for _, phase := range phases {
		t.Logf("%-16s %3d kills, at any of %d points", phase, hits[phase], points[phase])
		if *kills >= enough*len(phases) && hits[phase] == 0 {
			t.Errorf("nothing was killed in a %s", phase)
		}
	}
}

// killed runs the sweep up to a kill, and reports whether it came to that.
func (s *sandbox) killed(root string, k kill) bool {
	s.Helper()
	n, reached := 0, false
	cmd := s.daybook(root, "run", "sweep.jsonnet")
	end := decided(s, cmd, func(c call) syscall.Errno {
		if !k.is(c) {
			return 0
		}
		if n++; n != k.n {
			return 0
		}
		reached = true
		fd, err := unix.PidfdOpen(c.pid, 0) // its number may be another's by then
		if err != nil {
			s.Errorf("%+v: %v", k, err)
			return 0
		}
		strike := func() {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
			_ = unix.Close(fd)
			if k.both {
				_ = cmd.Process.Kill()
			}
		}
		if k.late == 0 {
			strike()
		} else {
			time.AfterFunc(k.late, strike)
		}
		return 0
	})
	// A runner doesn't mind that its worker dies after the last line of a journal. But
	// a kill that is late may have come when there was nobody to kill.
	return reached && (k.late == 0 || end.code != 0)
}
