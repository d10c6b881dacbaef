package runner

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"daybook/engine"
	"daybook/engine/chat"
	"daybook/engine/checkpoint"
	"daybook/ledger/folder"
)

// Weights of a base that an adapter can be merged into.
const (
	IntoDequantized = "dequantized" // as training had them, in 16 or 32 bits
	IntoOriginal    = "original"    // the base's own
)

// MergeOptions say how to merge an adapter.
type MergeOptions struct {
	Base AdapterBase // as NamedAdapter.Base found it; Spec.Base is how training held it
	Out  string      // folder to make
	Into string      // IntoDequantized or IntoOriginal; "" is the first if training quantized the base, else the second
	// DType of the weights written; "" leaves them as the base has them.
	DType    checkpoint.DType
	MaxShard int64                   // bytes of a file of weights
	Loading  func(done, total int64) // hears of the parameters written; may be nil
}

//go:embed merge.md.tmpl
var mergeText string

var mergeCard = template.Must(template.New("merge").Parse(mergeText))

// Merge writes the base of an adapter with the adapter folded into it, as a folder in
// Hugging Face layout with tokenizer, chat template and a record of the merge. The
// folder is complete or absent, and none that exists is written over.
func Merge(ctx context.Context, a *NamedAdapter, o MergeOptions) (_ *MergeRecord, err error) {
	if _, err := os.Lstat(o.Out); err == nil {
		return nil, WithHint(fmt.Errorf("%s: it exists, and is not written over", o.Out), "name a folder that isn't there yet")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	base, err := OpenBase(o.Base.Dir, o.Base.Template, nil)
	if err != nil {
		return nil, WithHint(fmt.Errorf("base: %w", err), baseAdvice(err))
	}
	if o.Base.Trained != (Inputs{}) {
		if err := Foreign(o.Base.Trained, base.Inputs()); err != nil {
			return nil, fmt.Errorf("base: %w", err)
		}
	}
	if err := a.usable(base); err != nil {
		return nil, err
	}
	adapter, err := ReadAdapter(a.Dir, base)
	if err != nil {
		return nil, err
	}
	into, q, err := o.into(a, base)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(filepath.Clean(o.Out))
	temp, err := os.MkdirTemp(parent, unfinished)
	if err != nil {
		return nil, WithHint(err, "the merged model is written beside where it will be")
	}
	defer func() { _ = os.RemoveAll(temp) }() // gone already after the rename
	m, err := base.Merge(ctx, temp, adapter, checkpoint.MergeOptions{
		Quantization: q, Dequantized: into == IntoDequantized, DType: o.DType, MaxShard: o.MaxShard, Name: filepath.Base(filepath.Clean(o.Out)), Progress: o.Loading,
	})
	if err != nil {
		return nil, err
	}
	if err := base.copyCompanions(o.Base, temp); err != nil {
		return nil, err
	}
	r := &MergeRecord{
		Format: 1, Into: into, DType: strings.ToLower(string(m.DType)), Adapter: MergedAdapter{Name: a.Name, Digest: a.Digest},
		Base: o.baseRecord(a, base, q), Difference: m.All, ByModule: map[string]checkpoint.Difference{}, Engine: Build(), Files: m.Files, Bytes: m.Bytes,
	}
	if a.Version == nil {
		r.Adapter.Name = filepath.Base(a.Dir) // not where somebody has it
	}
	if a.About != nil {
		r.Adapter.Run = a.About.Run
	}
	for p, d := range m.Projections {
		r.ByModule[engine.Projection(p).String()] = d
	}
	if err := r.write(temp); err != nil {
		return nil, err
	}
	if err := errors.Join(os.Chmod(temp, 0o755), folder.Sync(temp)); err != nil {
		return nil, err
	}
	if err := os.Rename(temp, o.Out); err != nil {
		return nil, err
	}
	return r, folder.Sync(parent)
}

// into decides what is merged into, and returns how training held the base.
func (o *MergeOptions) into(a *NamedAdapter, base *Base) (string, checkpoint.Quantization, error) {
	b := o.Base.Spec.Base
	q := checkpoint.Quantization{Kind: b.Quantization, DoubleQuant: b.DoubleQuant}
	into := o.Into
	switch {
	case base.Quantized() != nil && q.Kind == "":
		q = *base.Quantized()
	case q.Kind == "" && into != IntoOriginal:
		return "", q, WithHint(fmt.Errorf("adapter %s: how its training held the base is not recorded", a.Name),
			"say it with --quantization "+strings.Join(Quantizations, ", ")+", or merge into the base's own weights with --into original")
	case q.Kind == "":
		q.Kind = "none"
	}
	switch {
	case into == "" && q.Kind == "none":
		into = IntoOriginal
	case into == "":
		into = IntoDequantized
	case into == IntoDequantized && q.Kind == "none":
		return "", q, WithHint(fmt.Errorf("--into %s: %w", into, checkpoint.ErrNotQuantized), "--into original is what the adapter was trained against")
	case into == IntoOriginal && base.Quantized() != nil:
		return "", q, WithHint(fmt.Errorf("--into %s: the base's own weights are in NF4, and nothing is merged into 4 bits", into),
			"leave it out to merge into what they are dequantized to, or name the base that they were made from with --base")
	}
	return into, q, nil
}

func (o *MergeOptions) baseRecord(a *NamedAdapter, base *Base, q checkpoint.Quantization) MetadataBase {
	if a.About != nil {
		return a.About.Base
	}
	in := base.Inputs()
	held := q.Kind
	if q.DoubleQuant {
		held += "-double"
	}
	if o.Base.Spec.Base.Quantization == "" && base.Quantized() == nil {
		held = ""
	}
	return MetadataBase{
		Model: cmp.Or(base.Name(), filepath.Base(o.Base.Dir)), Digest: in.Base, Tokenizer: in.Tokenizer, Template: in.Template, Quantization: held, License: base.License(),
	}
}

// companions are the files beside a base's weights that a model is used with.
var companions = []string{
	"generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
	"tokenizer.model", "vocab.json", "merges.txt", chatTemplateFile, "LICENSE*", "NOTICE*", "USE_POLICY*",
}

const chatTemplateFile = "chat_template.jinja"

// copyCompanions copies what belongs to the base besides weights and configuration, with
// the chat template that training used.
func (b *Base) copyCompanions(from AdapterBase, dir string) error {
	for _, pattern := range companions {
		found, err := filepath.Glob(filepath.Join(globEscape(from.Dir), pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				continue
			}
			if _, err := copyFile(filepath.Join(dir, filepath.Base(path)), path); err != nil {
				return err
			}
		}
	}
	if from.Template == "" && b.Template.Source() != chat.DefaultTemplate {
		return nil // it is in what was copied
	}
	return folder.WriteFile(filepath.Join(dir, chatTemplateFile), []byte(b.Template.Source()), 0o644)
}

// globEscape makes a path a pattern that nothing else matches.
func globEscape(path string) string {
	var out strings.Builder
	for _, r := range path {
		if slices.Contains([]rune(`*?[\`), r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// write writes the record and a card into the folder of the merged model, which it
// opens as whoever uses it will.
func (m *MergeRecord) write(dir string) error {
	merged, err := OpenBase(dir, "", nil)
	if err != nil {
		return fmt.Errorf("merged model: %w", err)
	}
	m.Digest = merged.Inputs().Base
	if got := merged.Inputs(); got.Tokenizer != m.Base.Tokenizer || got.Template != m.Base.Template {
		return fmt.Errorf("merged model: its tokenizer or chat template is not the base's")
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", mergeFile, err)
	}
	var text bytes.Buffer
	if err := mergeCard.Execute(&text, m); err != nil {
		return fmt.Errorf("model card: %w", err)
	}
	return errors.Join(
		folder.WriteFile(filepath.Join(dir, mergeFile), append(data, '\n'), 0o644),
		folder.WriteFile(filepath.Join(dir, cardFile), text.Bytes(), 0o644),
	)
}
