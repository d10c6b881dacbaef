package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"daybook/ledger"
)

// otherLedger is where another machine's ledger is.
type otherLedger struct {
	name string // as it was given
	file string // the database
	root Root   // that adapters and artifacts are relative to
}

// findOther finds a ledger by its root, its state folder or its database.
func findOther(given string) (o otherLedger, err error) {
	abs, err := filepath.Abs(given)
	if err != nil {
		return o, fmt.Errorf("merge: %w", err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return o, WithHint(fmt.Errorf("merge: %w", err), "name the other root, its .daybook or its ledger.db, copied here or mounted")
	}
	o = otherLedger{name: given, file: abs}
	if info.IsDir() {
		o.root = Root{Dir: abs}
		if o.file = o.root.Ledger(); filepath.Base(abs) == filepath.Base(o.root.State()) {
			o.file = filepath.Join(abs, filepath.Base(o.file))
		}
	}
	if state := filepath.Dir(o.file); filepath.Base(state) == filepath.Base(Root{}.State()) {
		o.root = Root{Dir: filepath.Dir(state)}
	} else {
		o.root = Root{Dir: state}
	}
	if _, err := os.Stat(o.file); err != nil {
		return o, WithHint(fmt.Errorf("merge: %s: no ledger is there", given), "name a root that holds .daybook/ledger.db, its .daybook, or the database itself")
	}
	return o, nil
}

// usual makes the name of an origin from that of its folder, or of the bundle.
func (o otherLedger) usual() string {
	dir := filepath.Dir(o.file)
	switch {
	case filepath.Ext(o.file) != filepath.Ext(Root{}.Ledger()):
		dir = strings.TrimSuffix(o.file, filepath.Ext(o.file))
	case filepath.Base(dir) == filepath.Base(Root{}.State()):
		dir = filepath.Dir(dir)
	}
	const most = 40 // letters; an origin's may have 63
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, filepath.Base(dir))
	name = strings.Trim(name[:min(len(name), most)], "-")
	if !ledger.ValidOriginName(name) {
		return "other"
	}
	return name
}
