package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"daybook/ledger/journal"
)

// Other processes are this test binary, told by this variable what to do.
const childVariable = "LEDGER_TEST_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childVariable); job != "" {
		if err := child(context.Background(), job, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child does what another process is asked to, in the ledger args[0], and prints
// a line for each thing that is done for good.
func child(ctx context.Context, job string, args []string) error {
	l, err := Open(ctx, args[0], Options{Keys: ring(args[0])})
	if err != nil {
		return err
	}
	switch job {
	case "versions": // args: holder, number of adapters
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		for i := range n {
			a := Adapter{Sweep: "s", Digest: id("%s %d", args[1], i), Run: id("run"), Epoch: 1}
			if a.Version, err = l.ReserveVersion(ctx, a); err != nil {
				return err
			}
			if err := l.RecordAdapter(ctx, a); err != nil {
				return err
			}
			fmt.Println(a.Version)
		}
	case "leases": // args: holder, number of runs
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		for i := range n {
			var held *HeldError
			switch err := l.Lease(ctx, id("run %d", i), args[1], time.Minute); {
			case err == nil:
				fmt.Println(i)
			case !errors.As(err, &held):
				return err
			}
		}
	case "ingest": // args: run
		number, err := l.BeginAttempt(ctx, Attempt{Run: args[1], Kind: Train})
		if err != nil {
			return err
		}
		prev := ""
		for seq := 1; ; seq++ {
			e := journal.Event{
				Seq: seq, Prev: prev, Time: time.Unix(int64(seq), 0), Type: "step", Version: 1,
				Body: fmt.Appendf(nil, `{"step":%d,"epoch":1,"loss":1,"learning_rate":0,"grad_norm":0,"tokens":1,"targets":1,"seconds":0}`, seq),
			}
			if prev, err = e.Digest(); err != nil {
				return err
			}
			if err := l.Ingest(ctx, args[1], number, []journal.Event{e}); err != nil {
				return err
			}
			fmt.Println(seq)
		}
	}
	return l.Close()
}

func command(tb testing.TB, job string, args ...string) *exec.Cmd {
	tb.Helper()
	c := exec.CommandContext(tb.Context(), must(os.Executable())(tb), args...)
	c.Env = append(os.Environ(), childVariable+"="+job)
	c.Stderr = os.Stderr
	return c
}

// together starts processes at the same time and returns what each printed.
func together(tb testing.TB, commands ...*exec.Cmd) [][]string {
	tb.Helper()
	outputs := make([]strings.Builder, len(commands))
	for i, c := range commands {
		c.Stdout = &outputs[i]
		ok(tb, c.Start())
	}
	out := make([][]string, len(commands))
	for i, c := range commands {
		ok(tb, c.Wait())
		out[i] = strings.Fields(outputs[i].String())
	}
	return out
}

func TestVersionsOfTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	const each = 20
	var all []int
	for _, lines := range together(t, command(t, "versions", path, "a", "20"), command(t, "versions", path, "b", "20")) {
		for _, line := range lines {
			all = append(all, must(strconv.Atoi(line))(t))
		}
	}
	slices.Sort(all)
	for i := range 2 * each {
		if len(all) != 2*each || all[i] != i+1 {
			t.Fatalf("versions are %v, want 1 to %d once each", all, 2*each)
		}
	}
	intact(t, openAt(t, path, newClock()))
}

func TestLeasesOfTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	var all []string
	for _, lines := range together(t, command(t, "leases", path, "a", "40"), command(t, "leases", path, "b", "40")) {
		all = append(all, lines...)
	}
	slices.Sort(all)
	if n := len(slices.Compact(slices.Clone(all))); len(all) != 40 || n != 40 {
		t.Errorf("%d leases of %d runs: %v", len(all), n, all)
	}
}

func TestLease(t *testing.T) {
	l, c := open(t)
	ctx := t.Context()
	run := id("run")
	held := func(err error) bool {
		var h *HeldError
		return errors.As(err, &h) && h.Holder == "a" && h.Run == run && h.Until.Equal(newClock().now.Add(time.Minute))
	}
	ok(t, l.Lease(ctx, run, "a", time.Minute))
	if err := l.Lease(ctx, run, "b", time.Minute); !held(err) {
		t.Errorf("got %v", err)
	}
	if err := l.Renew(ctx, run, "b", time.Minute); !held(err) {
		t.Errorf("got %v", err)
	}
	ok(t, l.Release(ctx, run, "b")) // not b's to give back
	if err := l.Lease(ctx, run, "b", time.Minute); !held(err) {
		t.Errorf("got %v", err)
	}
	c.now = c.now.Add(59 * time.Second)
	ok(t, l.Renew(ctx, run, "a", time.Minute))
	c.now = c.now.Add(59 * time.Second)
	ok(t, l.Lease(ctx, run, "a", time.Minute))
	c.now = c.now.Add(61 * time.Second)
	ok(t, l.Renew(ctx, run, "a", time.Second)) // late, but nobody took it
	c.now = c.now.Add(2 * time.Second)
	ok(t, l.Lease(ctx, run, "b", time.Minute))
	var h *HeldError
	if err := l.Renew(ctx, run, "a", time.Minute); !errors.As(err, &h) || h.Holder != "b" {
		t.Errorf("got %v", err)
	}
	ok(t, l.TakeOver(ctx, run, "b", "c", time.Minute))
	if err := l.TakeOver(ctx, run, "b", "a", time.Minute); !errors.As(err, &h) || h.Holder != "c" {
		t.Errorf("got %v", err)
	}
	ok(t, l.TakeOver(ctx, run, "c", "b", time.Minute))
	ok(t, l.Release(ctx, run, "b"))
	if err := l.Renew(ctx, run, "b", time.Minute); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("got %v", err)
	}
	for _, bad := range []error{l.Lease(ctx, "x", "a", time.Minute), l.Lease(ctx, run, "", time.Minute), l.Lease(ctx, run, "a", 0)} {
		if !errors.Is(bad, ErrInvalid) {
			t.Errorf("got %v", bad)
		}
	}
	if n := count(t, l, "entries"); n != 0 {
		t.Errorf("%d entries: leases are no history", n)
	}
}

// TestKilled kills a process between and within commits. What it had said was
// done must be there, and nothing may be half there.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	ok(t, must(Open(t.Context(), path, Options{Keys: ring(path)}))(t).Close())
	for trial := range 12 {
		run := id("run %d", trial)
		c := command(t, "ingest", path, run)
		c.Cancel, c.Stderr = nil, nil
		out := must(c.StdoutPipe())(t)
		ok(t, c.Start())
		lines := bufio.NewScanner(out)
		done := 0
		for lines.Scan() {
			done = must(strconv.Atoi(lines.Text()))(t)
			if done == 1 { // from here on, at any moment
				time.AfterFunc(time.Duration(trial*trial)*300*time.Microsecond, func() { _ = c.Process.Kill() })
			}
		}
		if err := c.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
		l := must(Open(t.Context(), path, Options{Keys: ring(path)}))(t)
		steps := must(l.Steps(t.Context(), run))(t)
		if len(steps) != done && len(steps) != done+1 {
			t.Errorf("%d steps were acknowledged, %d are there", done, len(steps))
		}
		if done == 0 {
			t.Error("nothing happened before the kill")
		}
		intact(t, l)
		ok(t, l.Close())
	}
}
