package sweeps

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"slices"

	"github.com/google/go-jsonnet"
)

// Memory keeps what large sweep files evaluated to, so that one of thousands of runs,
// which Jsonnet takes seconds for, need not be evaluated again to see what is done of
// it. All of it can be lost at any time. Nothing in it is signed: what a ledger is to
// vouch for comes from evaluating the file, without a Memory.
type Memory interface {
	// Recall returns what was kept under a name, nil if there is nothing.
	Recall(name string) []byte
	// Keep keeps data under a name, in the place of what was there.
	Keep(name string, data []byte)
}

// worthKeeping is how many bytes an evaluation is kept from: those of some 700 runs.
var worthKeeping = 1 << 20

// kept begins what a Memory has of an evaluation; behind it, on a line of its own, the
// result follows, compressed.
type kept struct {
	Imports []answer `json:"imports"` // in their order
	Result  string   `json:"result"`  // its digest
}

// evaluated returns what a sweep file evaluates to, and what was read for that.
func (o Options) evaluated(path string, args []Arg) (string, *importer, error) {
	name := o.memoryName(path, args)
	if name != "" {
		if result, im := o.recall(name, path); im != nil {
			return result, im, nil
		}
	}
	im := o.importer(path)
	vm, trace := newVM(im, args), &traces{}
	vm.SetTraceOut(trace)
	result, err := evaluate(vm, im, path, args)
	if err == nil && name != "" && len(result) >= worthKeeping && !trace.any {
		o.keep(name, result, im)
	}
	return result, im, err
}

// traces passes on what std.trace prints. An evaluation that prints is never left out.
type traces struct{ any bool }

func (t *traces) Write(text []byte) (int, error) {
	t.any = true
	return os.Stderr.Write(text)
}

// memoryName names an evaluation by all that decides it but for the files, "" if it is
// not to be kept: with a secret from the environment even its digest would tell too much.
func (o Options) memoryName(path string, args []Arg) string {
	if o.Memory == nil {
		return ""
	}
	for _, a := range args {
		if a.Environment {
			return ""
		}
	}
	const version = 1 // of this file's format
	data, err := json.Marshal([]any{version, jsonnet.Version(), path, o.LibraryPaths, args})
	if err != nil {
		return ""
	}
	return digestOf(data)
}

// recall returns a kept result if every import still leads to the same bytes at the
// same place, and the importer that read them; else nil.
func (o Options) recall(name, path string) (string, *importer) {
	head, packed, ok := bytes.Cut(o.Memory.Recall(name), []byte("\n"))
	var k kept
	if !ok || json.Unmarshal(head, &k) != nil {
		return "", nil
	}
	im := o.importer(path)
	for _, a := range k.Imports {
		if im.again(a) != nil {
			return "", nil
		}
	}
	if !slices.Equal(im.answers, k.Imports) {
		return "", nil
	}
	result, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil || digestOf(result) != k.Result {
		return "", nil
	}
	return string(result), im
}

// keep keeps a result, unless that would keep the name of a folder of this machine as
// well. It is no error if it fails.
func (o Options) keep(name, result string, im *importer) {
	if slices.ContainsFunc(im.answers, im.outside) {
		return
	}
	head, err := json.Marshal(kept{Imports: im.answers, Result: digestOf([]byte(result))})
	if err != nil {
		return
	}
	out := bytes.NewBuffer(append(head, '\n'))
	packed, err := flate.NewWriter(out, flate.BestSpeed) // the text repeats itself, and shrinks to a fiftieth
	if err != nil {
		return
	}
	if _, err := packed.Write([]byte(result)); err != nil || packed.Close() != nil {
		return
	}
	o.Memory.Keep(name, out.Bytes())
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
