package runner_test

import (
	"encoding/json"
	"os"
	"os/user"
	"strings"
	"testing"
)

// TestEnvironmentIsImpersonal looks for names of host and user in what the
// ledger has on a run.
func TestEnvironmentIsImpersonal(t *testing.T) {
	p := newPlace(t)
	plan := p.plan(t, one)
	p.mustRun(t, plan)
	run, err := p.ledger.Run(t.Context(), trained(plan)[0])
	check(t, err)
	sweep, err := p.ledger.Sweep(t.Context(), "tiny")
	check(t, err)
	text, err := json.Marshal([]any{run.Attempts, sweep.Environment})
	check(t, err)
	for _, want := range []string{`"cpus"`, `"go"`, `"daybook"`, `"platform"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	var names []string
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if u, err := user.Current(); err == nil {
		names = append(names, u.Username, u.HomeDir)
	}
	for _, name := range append(names, p.dir) {
		if strings.Contains(string(text), `"`+name+`"`) || len(name) > 6 && strings.Contains(string(text), name) {
			t.Errorf("%q is in %s", name, text)
		}
	}
}
