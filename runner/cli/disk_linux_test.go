package cli_test

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFails has writes fail, from some call of a phase on, as on a disk that is
// full or broken. The run ends with what is wrong and what to do; nothing is
// corrupted, and with a sound disk the next one completes.
func TestDiskFails(t *testing.T) {
	s := newSandbox(t)
	points := map[point]int{}
	whole := decided(t, s.daybook("whole", "run", "sweep.jsonnet"), func(c call) syscall.Errno {
		points[point{phase: c.phase(), call: c.name}]++
		return 0
	})
	if whole.code != 0 {
		t.Fatalf("exit code %d\n%s", whole.code, whole.err)
	}
	adapters := s.published("whole")
	for _, c := range []struct {
		phase, call string
		fault       syscall.Errno
		part        float64 // of the phase's calls of that name that succeed
		code        int
	}{
		{storeWrite, "write", syscall.ENOSPC, 0, 1},
		{storeWrite, "sync", syscall.EIO, .5, 1},
		{adapterRename, "write", syscall.ENOSPC, .5, 1},
		{adapterRename, "rename", syscall.EIO, .99, 1}, // of the folder
		{step, "write", syscall.ENOSPC, .5, 3},
		{step, "sync", syscall.EIO, .7, 3},
		{checkpointWrite, "write", syscall.ENOSPC, .5, 3},
		{commit, "write", syscall.ENOSPC, .3, 1},
		{commit, "write", syscall.ENOSPC, .6, 1},
		{commit, "sync", syscall.EIO, .5, 1},
		{headKept, "write", syscall.ENOSPC, .5, 1},
		{headKept, "sync", syscall.EIO, .5, 1},
	} {
		p := point{phase: c.phase, call: c.call}
		p.n = 1 + int(c.part*float64(points[p]))
		end := s.failing("trial", p, c.fault)
		said := regexp.MustCompile(`(?m)^daybook: .*(disk full|no space left on device|input/output error|disk I/O error)`)
		hint := regexp.MustCompile(`(?m)^daybook: hint: (free some space and run |check the disk)`)
		if end.code != c.code || !said.MatchString(end.err) || !hint.MatchString(end.err) || strings.Contains(end.err, "panic") {
			t.Errorf("%v: %v: exit code %d, want %d\n%s", p, c.fault, end.code, c.code, end.err)
		}
		s.finishes("trial", p, adapters)
		s.remove("trial")
	}
}

// failing runs the sweep with calls that fail from a point on.
func (s *sandbox) failing(root string, p point, fault syscall.Errno) ending {
	s.Helper()
	n := 0
	return decided(s, s.daybook(root, "run", "sweep.jsonnet"), func(c call) syscall.Errno {
		if p.is(c) {
			if n++; n >= p.n {
				return fault
			}
		}
		return 0
	})
}
