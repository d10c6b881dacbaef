package chat

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/tokenizer"
)

// The worked experiment's base and records: a real tokenizer.json, template and
// checkpoint, all of which have to fit together.
const clinical = "../../experiments/clinical"

func loadClinical(tb testing.TB) (*Encoder, [][]engine.Turn) {
	tb.Helper()
	dir := filepath.Join(clinical, "base")
	tok, err := tokenizer.Load(filepath.Join(dir, "tokenizer.json"))
	if err != nil {
		tb.Fatal(err)
	}
	tmpl, err := Load(dir, "")
	if err != nil {
		tb.Fatal(err)
	}
	e, err := New(tok, tmpl)
	if err != nil {
		tb.Fatal(err)
	}
	f, err := os.Open(filepath.Join(clinical, "data/notes.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	var records [][]engine.Turn
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var r struct {
			Messages []engine.Turn `json:"messages"`
		}
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			tb.Fatal(err)
		}
		records = append(records, r.Messages)
	}
	return e, records
}

func TestClinicalBase(t *testing.T) {
	e, records := loadClinical(t)
	b, err := checkpoint.Open(filepath.Join(clinical, "base"))
	if err != nil {
		t.Fatal(err)
	}
	if b.Shape().Vocab < e.tok.Size() {
		t.Errorf("%d tokens for a vocabulary of %d", e.tok.Size(), b.Shape().Vocab)
	}
	if b.License() == "" {
		t.Error("the model card names no license")
	}
	var bytes int64
	for _, f := range b.Files() {
		bytes += f.Bytes
	}
	if bytes > 4<<20 {
		t.Errorf("the base takes %d bytes", bytes)
	}
	w, err := b.Load(t.Context(), checkpoint.Quantization{Kind: "nf4", DoubleQuant: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var packed int64
	for _, l := range w.Layers {
		for _, m := range l.Proj {
			packed += m.NF4.Bytes()
		}
	}
	if per := float64(packed) / float64(b.Parameters().Linear); per > 0.53 {
		t.Errorf("%.3f bytes a quantized parameter", per)
	}
	end, ok := e.tok.ID("<|im_end|>")
	if !ok || !slices.Contains(e.Stop(), end) || e.StopText() != "" {
		t.Errorf("generation stops at %v, %q, not at <|im_end|> %d", e.Stop(), e.StopText(), end)
	}
	if e.tmpl.Origin() == "the default, ChatML" {
		t.Error("the base has no template of its own")
	}
	for i, turns := range records {
		ex, err := e.Example(turns, Assistant, b.Shape().MaxPositions)
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if ex.Truncated > 0 {
			t.Errorf("record %d is %d tokens too long", i, ex.Truncated)
		}
		var answer []int32
		for _, target := range ex.Targets {
			if target != engine.Ignore {
				answer = append(answer, target)
			}
		}
		if got, want := e.Text(answer), turns[len(turns)-1].Content; got != want {
			t.Fatalf("record %d teaches %q, want %q", i, got, want)
		}
		prompt, err := e.Prompt(turns[:len(turns)-1])
		if err != nil || !slices.Equal(prompt, ex.Tokens[:len(prompt)]) {
			t.Fatalf("record %d: the prompt is not how the example begins, %v", i, err)
		}
	}
}

// TestClinicalTokens counts what the README says of the records' length: run it
// with -v to see the sentence.
func TestClinicalTokens(t *testing.T) {
	e, records := loadClinical(t)
	var whole, answers int
	var longest, longestAnswer int
	for _, turns := range records {
		ex, err := e.Example(turns, Assistant, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		answer := 0
		for _, target := range ex.Targets {
			if target != engine.Ignore && !slices.Contains(e.Stop(), target) { // the end of the turn is no part of it
				answer++
			}
		}
		whole, answers = whole+len(ex.Tokens), answers+answer
		longest, longestAnswer = max(longest, len(ex.Tokens)), max(longestAnswer, answer)
	}
	n := float64(len(records))
	said := fmt.Sprintf("a record has %.0f tokens on average and %d at most, the answer %.0f and %d", float64(whole)/n, longest, float64(answers)/n, longestAnswer)
	t.Log(said)
	readme, err := os.ReadFile(filepath.Join(clinical, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), said) {
		t.Error("the README says otherwise")
	}
}

func BenchmarkClinicalRecords(b *testing.B) {
	e, records := loadClinical(b)
	for b.Loop() {
		for _, turns := range records {
			if _, err := e.Example(turns, Assistant, 2048); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(len(records)), "records")
}
