package cli_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"daybook/engine/device"
	"daybook/ledger/journal"
	"daybook/runner/cli"
	"daybook/runner/runnertest"
)

// patience bounds how long a script waits for something to happen.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"daybook": func() {
			if os.Getenv(callsVariable) != "" {
				if err := handOver(); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(9)
				}
			}
			if fault := os.Getenv(faultVariable); fault != "" && slices.Contains(os.Args, "worker") {
				go awaitFault(fault)
			}
			os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// configHome names the folder of the user's keys.
const configHome = "XDG_CONFIG_HOME"

// TestScript runs the real binary. Every script finds a base, notes and a spec
// of package runnertest in its folder.
func TestScript(t *testing.T) {
	config := t.TempDir()
	clinical, err := filepath.Abs("../../experiments/clinical/base")
	if err != nil {
		t.Fatal(err)
	}
	ledgers, err := filepath.Abs("../../ledger/testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			// Keys are outside of what a script has under git.
			e.Setenv(configHome, filepath.Join(config, filepath.Base(e.WorkDir)))
			e.Setenv("CLINICAL", clinical) // the worked experiment's base
			e.Setenv("LEDGERS", ledgers)   // of earlier releases
			return runnertest.Write(e.WorkDir)
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "superuser": // whom no permission stops
				return os.Geteuid() == 0, nil
			case "disk": // a small disk can be made, without being superuser
				return exec.Command("unshare", "-rm", "mount", "-t", "tmpfs", "none", os.TempDir()).Run() == nil, nil
			case "gpu": // an NVIDIA GPU, and a binary that can use it
				_, err := device.Resolve("cuda")
				return err == nil, nil
			}
			return false, fmt.Errorf("no condition %s", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"reach":       reach,
			"killworkers": killWorkers,
			"sameadapters": func(ts *testscript.TestScript, neg bool, args []string) {
				if len(args) != 2 {
					ts.Fatalf("usage: sameadapters ROOT ROOT")
				}
				a, b := adapters(ts, args[0]), adapters(ts, args[1])
				if same := maps.Equal(a, b); same == neg {
					ts.Fatalf("%s has %v\n%s has %v", args[0], a, args[1], b)
				}
			},
			"rewrite":     rewrite,
			"resize":      resize,
			"exitcode":    exitCode,
			"runkey":      runKey,
			"newerledger": newerLedger,
			"lacking":     lacking,
			"fromcommit":  fromCommit,
			"ctrlc":       ctrlC,
			"ledgercheck": check("ledgercheck"),
			"membercheck": check("membercheck"),
			"serving":     serving,
			"request":     request,
			"served":      served,
		},
	})
}

// reach waits until some attempt of a root has journaled an optimizer step.
func reach(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: reach ROOT STEP")
	}
	step, err := strconv.Atoi(args[1])
	ts.Check(err)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, events := range journals(ts, args[0]) {
			for _, e := range events {
				if s, ok := e.(journal.Step); ok && s.Step >= step {
					return
				}
			}
		}
	}
	ts.Fatalf("no attempt reached step %d", step)
}

// ctrlC starts a command, waits until some attempt of a root has journaled an
// optimizer step, and does what a terminal does on Ctrl-C: it signals the whole
// process group. It then compares the exit code, and leaves what was printed in
// the files ctrlc.out and ctrlc.err.
func ctrlC(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: ctrlc CODE ROOT STEP COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := command(ts, args[3:])
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its exit code is looked at below
		close(ended)
	}()
	defer func() {
		_ = cmd.Process.Kill() // if the script fails meanwhile
		<-ended
	}()
	reach(ts, false, args[1:3])
	ts.Check(syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
	select {
	case <-ended:
	case <-time.After(patience):
		ts.Fatalf("it goes on after the signal")
	}
	ts.Check(os.WriteFile(ts.MkAbs("ctrlc.out"), out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("ctrlc.err"), problems.Bytes(), 0o600))
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code is %d, want %d\n%s", got, want, problems.Bytes())
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// killWorkers kills, without a warning, the workers whose attempts have not ended.
func killWorkers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: killworkers ROOT")
	}
	killed := 0
	for _, events := range journals(ts, args[0]) {
		pid := 0
		for _, e := range events {
			switch e := e.(type) {
			case journal.Started:
				_, err := fmt.Sscanf(e.Worker, "pid %d", &pid)
				ts.Check(err)
			case journal.Finished, journal.Failed, journal.Interrupted:
				pid = 0
			}
		}
		if pid == 0 {
			continue
		}
		ts.Check(syscall.Kill(pid, syscall.SIGKILL))
		killed++
	}
	if killed == 0 {
		ts.Fatalf("no attempt was in progress")
	}
}

// journals returns what the attempts of a root have reported so far.
func journals(ts *testscript.TestScript, root string) [][]journal.Body {
	paths, err := filepath.Glob(ts.MkAbs(filepath.Join(root, ".daybook", "runs", "*", "*", "journal.jsonl")))
	ts.Check(err)
	var out [][]journal.Body
	for _, path := range paths {
		r, err := journal.Open(path)
		ts.Check(err)
		var events []journal.Body
		for {
			e, err := r.Next()
			if err != nil { // the end, for now
				break
			}
			body, err := journal.Decode(e)
			ts.Check(err)
			events = append(events, body)
		}
		ts.Check(r.Close())
		out = append(out, events)
	}
	return out
}

// adapters returns the SHA-256 of every published file of weights, by run.
func adapters(ts *testscript.TestScript, root string) map[string]string {
	folders, err := filepath.Glob(ts.MkAbs(filepath.Join(root, "adapters", "*", "v*")))
	ts.Check(err)
	out := map[string]string{}
	for _, dir := range folders {
		weights := sha256.Sum256([]byte(ts.ReadFile(filepath.Join(dir, "adapter_model.safetensors"))))
		for line := range strings.Lines(ts.ReadFile(filepath.Join(dir, "metadata.json"))) {
			if key, ok := strings.CutPrefix(strings.TrimSpace(line), `"run": `); ok {
				out[key] = fmt.Sprintf("%x", weights)
			}
		}
	}
	if len(out) == 0 {
		ts.Fatalf("%s has no adapters", root)
	}
	return out
}

// rewrite replaces what matches a regular expression in a file, line by line.
func rewrite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: rewrite FILE REGEXP REPLACEMENT")
	}
	old, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	text := ts.ReadFile(args[0])
	if !old.MatchString(text) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(old.ReplaceAllString(text, args[2])), 0o600))
}

// newerLedger makes a ledger say that a newer build wrote it: the user_version in
// the header of its database, a big-endian number at offset 60 (SQLite file
// format, section 1.3).
func newerLedger(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: newerledger FILE")
	}
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = file.WriteAt([]byte{0, 0, 3, 0xe7}, 60)
	ts.Check(errors.Join(err, file.Close()))
}

// check runs a verifier that is no part of Daybook's binary, and keeps what it says in
// NAME.out.
func check(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if len(args) == 0 {
			ts.Fatalf("usage: %s BUNDLE [KEYFILE] [FLAG FILE]...", name)
		}
		command, bundle, args := []string{"run", "daybook/ledger/cmd/" + name}, args[0], args[1:]
		if len(args)%2 == 1 {
			command, args = append(command, "-key", strings.TrimSpace(ts.ReadFile(args[0]))), args[1:]
		}
		for flag := range slices.Chunk(args, 2) {
			command = append(command, flag[0], ts.MkAbs(flag[1]))
		}
		out, err := exec.Command("go", append(command, ts.MkAbs(bundle))...).CombinedOutput()
		if (err != nil) != neg {
			ts.Fatalf("%v\n%s", err, out)
		}
		ts.Check(os.WriteFile(ts.MkAbs(name+".out"), out, 0o600))
	}
}

// exitCode runs a command and compares its exit code.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code is %d, want %d", got, want)
	}
}

// runKey sets a variable to the key of the run with the given choices.
func runKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: runkey CHOICES VARIABLE")
	}
	ts.Check(ts.Exec("daybook", "runs"))
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if fields := strings.Fields(line); strings.Contains(line, "  "+args[0]+"  ") {
			ts.Setenv(args[1], fields[0])
			return
		}
	}
	ts.Fatalf("no run %s", args[0])
}

// lacking sets a variable to a --memory, in MiB, that is two less than a run needs. What
// it needs is in the message on stderr that it was refused with under a given --memory.
func lacking(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lacking MIB VARIABLE")
	}
	given, err := strconv.ParseFloat(args[0], 64)
	ts.Check(err)
	refused := regexp.MustCompile(`run [0-9a-f]+: memory: ([0-9.]+) MiB needed .*: ([0-9.]+) MiB left`)
	m := refused.FindStringSubmatch(ts.ReadFile("stderr"))
	if m == nil {
		ts.Fatalf("no run was refused for its memory")
	}
	need, err := strconv.ParseFloat(m[1], 64)
	ts.Check(err)
	left, err := strconv.ParseFloat(m[2], 64)
	ts.Check(err)
	ts.Setenv(args[1], fmt.Sprintf("%.1f", given-left+need-2))
}

// fromCommit checks that a file, or stdout, names some commits and none of the others.
// The commits are those listed in the file commits, newest first, counted from 1.
func fromCommit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fromcommit N,... FILE")
	}
	named := strings.Split(args[0], ",")
	text := ts.ReadFile(args[1])
	for i, commit := range strings.Fields(ts.ReadFile("commits")) {
		if want := slices.Contains(named, strconv.Itoa(i+1)); strings.Contains(text, commit[:12]) != want {
			ts.Fatalf("%s names commit %d (%.12s): %t, want %t", args[1], i+1, commit, !want, want)
		}
	}
}

// resize cuts a file, or lengthens it by zeros.
func resize(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: resize FILE BYTES")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}
