package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"daybook/engine"
	"daybook/engine/chat"
	"daybook/engine/checkpoint"
	"daybook/ledger"
)

// Description says what a base is, as far as can be said without running it.
type Description struct {
	Model        string                 `json:"model"`          // as it was asked for; of the Hub with the commit
	Name         string                 `json:"name,omitempty"` // as its configuration has it
	Architecture string                 `json:"architecture"`
	License      string                 `json:"license,omitempty"`
	Shape        engine.Shape           `json:"shape"`
	Parameters   DescribedParameters    `json:"parameters"`
	Types        []checkpoint.TypeCount `json:"types"`
	Quantization *DescribedQuantization `json:"quantization,omitempty"` // of the files; absent if they are not quantized
	Files        []DescribedFile        `json:"files"`
	Digest       ledger.Digest          `json:"digest"`
	Tokenizer    *DescribedTokenizer    `json:"tokenizer,omitempty"`
	Template     *DescribedTemplate     `json:"template,omitempty"`
	Merged       *MergeRecord           `json:"merged,omitempty"` // what the model was made from, as its folder says
	Problems     []string               `json:"problems"`         // what keeps it from being used, everywhere or somewhere
}

// DescribedParameters counts parameters by part.
type DescribedParameters struct {
	checkpoint.Parameters
	Total int64 `json:"total"`
}

// DescribedQuantization is how a base is quantized already.
type DescribedQuantization struct {
	Kind   string `json:"kind"`
	Double bool   `json:"double"`
}

// DescribedFile is a file that decides what a base is.
type DescribedFile struct {
	Path   string        `json:"path"` // relative to the folder
	Bytes  int64         `json:"bytes"`
	SHA256 ledger.Digest `json:"sha256"`
}

// DescribedTokenizer is a base's vocabulary.
type DescribedTokenizer struct {
	Digest ledger.Digest `json:"digest"`
	Tokens int           `json:"tokens"`
}

// DescribedTemplate is how a base is asked.
type DescribedTemplate struct {
	Digest ledger.Digest `json:"digest"`
	Origin string        `json:"origin"` // where it comes from
	Stops  []string      `json:"stops"`  // tokens that end an answer
	Text   string        `json:"stop_text,omitempty"`
}

// Describe describes the base in dir, which was asked for as model. A base that
// can't be opened is an error; a tokenizer or a template that can't be used is one
// of the Problems.
func Describe(model, dir string, cache *checkpoint.Cache) (*Description, error) {
	base, err := checkpoint.OpenCached(dir, cache)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, WithHint(err, "name a folder with config.json, model.safetensors, tokenizer.json and tokenizer_config.json, or a model of the Hub as hf:org/name")
	}
	if err != nil {
		return nil, WithHint(err, baseAdvice(err))
	}
	p := base.Parameters()
	d := &Description{
		Model: model, Name: base.Name(), Architecture: base.Architecture(), License: base.License(), Shape: base.Shape(),
		Parameters: DescribedParameters{p, p.Total()}, Types: base.Types(), Digest: hexDigest(base.Digest()), Problems: []string{},
	}
	if q := base.Quantized(); q != nil {
		d.Quantization = &DescribedQuantization{q.Kind, q.DoubleQuant}
	}
	if d.Merged, err = ReadMerge(dir, d.Digest); err != nil {
		d.Problems = append(d.Problems, err.Error())
	}
	for _, f := range base.Files() {
		d.Files = append(d.Files, DescribedFile{f.Path, f.Bytes, hexDigest(f.SHA256)})
	}
	if err := d.chat(dir); err != nil {
		d.Problems = append(d.Problems, err.Error())
	}
	return d, nil
}

// chat describes the tokenizer and the template, as far as they can be used.
func (d *Description) chat(dir string) error {
	tok, err := loadTokenizer(dir)
	if err != nil {
		return err
	}
	d.Tokenizer = &DescribedTokenizer{hexDigest(tok.Digest()), tok.Size()}
	if tok.Size() > d.Shape.Vocab {
		return fmt.Errorf("tokenizer: %d tokens, the model has vectors for %d", tok.Size(), d.Shape.Vocab)
	}
	template, err := chat.Load(dir, "")
	if err != nil {
		return err
	}
	d.Template = &DescribedTemplate{Digest: hexDigest(template.Digest()), Origin: strings.TrimPrefix(template.Origin(), dir+string(filepath.Separator)), Stops: []string{}}
	encoder, err := chat.New(tok, template)
	if err != nil {
		return err
	}
	for _, id := range encoder.Stop() {
		d.Template.Stops = append(d.Template.Stops, tok.Token(id))
	}
	d.Template.Text = encoder.StopText()
	return nil
}
