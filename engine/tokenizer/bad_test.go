package tokenizer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/engine/fuzztest"
)

// tiny is a tokenizer.json with its parts open for replacement.
const tiny = `{
  "version": "1.0", "truncation": null, "padding": null,
  "added_tokens": [{"id": 3, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "post_processor": null,
  "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
  "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
    "fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}
}`

func TestTiny(t *testing.T) {
	for _, text := range []string{tiny, strings.Replace(tiny, `["a", "b"]`, `"a b"`, 1), strings.Replace(tiny, `"type": "BPE", `, "", 1)} {
		tok, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode("abba<|end|>"); len(got) != 4 || got[0] != 2 || got[3] != 3 {
			t.Errorf("Encode = %v", got)
		}
		if id, ok := tok.ID("<|end|>"); !ok || id != 3 || !tok.Special(3) || tok.Special(2) || tok.Token(3) != "<|end|>" || tok.Token(9) != "" {
			t.Errorf("the added token is %d, %t", id, ok)
		}
		if id, n, ok := tok.Added("<|end|>x"); !ok || id != 3 || n != 7 {
			t.Errorf("Added = %d, %d, %t", id, n, ok)
		}
		if got := tok.Decode([]int32{-1, 2, 99, 3}, true); got != "ab" {
			t.Errorf("Decode = %q", got)
		}
	}
}

func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"lfs", tiny, "version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"},
		{"not json", tiny, "not json", "invalid character"},
		{"unknown top key", `"padding"`, `"paddding"`, `unknown field "paddding"`},
		{"vocab of another kind", `"vocab": {`, `"vocab": 3, "x": {`, `model.vocab: number is not what belongs there`},
		{"wordpiece", `"type": "BPE"`, `"type": "WordPiece"`, `model.type: "WordPiece" is not supported`},
		{"unigram", `"type": "BPE"`, `"type": "Unigram", "byte_fallback": true`, `"Unigram" is not supported`},
		{"sentencepiece", `"byte_fallback": false`, `"byte_fallback": true`, "model.byte_fallback: true with ByteLevel is not supported"},
		{"dropout", `"dropout": null`, `"dropout": 0.1`, "model.dropout: 0.1 is not supported"},
		{"prefix", `"continuing_subword_prefix": null`, `"continuing_subword_prefix": "##"`, `continuing_subword_prefix: "##" is not supported`},
		{"suffix", `"end_of_word_suffix": null`, `"end_of_word_suffix": "</w>"`, `end_of_word_suffix: "</w>" is not supported`},
		{"unk", `"unk_token": null`, `"unk_token": "<unk>"`, `unk_token: "<unk>" is not in the vocabulary`},
		{"empty vocab", `{"a": 0, "b": 1, "ab": 2}`, `{}`, "model.vocab: empty"},
		{"merge without result", `, "ab": 2`, ``, `model.merges[0]: "a" + "b"`},
		{"merge of three", `["a", "b"]`, `["a", "b", "c"]`, "is not two tokens"},
		{"merge text of three", `["a", "b"]`, `"a b c"`, "is not two tokens"},
		{"model field", `"fuse_unk"`, `"fuse_unks"`, `unknown field "fuse_unks"`},
		{"no model", `"model"`, `"version": "1.0", "x"`, "unknown field"},
		{"null model", `"type": "BPE"`, `"type": null`, "BPE"},
		{"id twice", `"b": 1`, `"b": 0`, "both have id 0"},
		{"id beyond", `"b": 1`, `"b": 2000000000`, "id 2000000000 is out of range"},
		{"negative id", `"b": 1`, `"b": -1`, "id -1 is out of range"},
		{"id too large", `"b": 1`, `"b": 99999999999`, "model.vocab: number 99999999999 is not what belongs there"},
		{"added id differs", `"content": "<|end|>"`, `"content": "ab"`, "has id 3 here and 2 in the vocabulary"},
		{"added empty", `"content": "<|end|>"`, `"content": ""`, "empty or listed twice"},
		{"added field", `"single_word"`, `"single_words"`, "added_tokens[0]"},
		{"normalizer", `"normalizer": null`, `"normalizer": {"type": "BertNormalizer"}`, `normalizer: normalizer "BertNormalizer" is not supported`},
		{"normalizer inside", `"normalizer": null`, `"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Nmt"}]}`, `normalizer.normalizers[1]: normalizer "Nmt"`},
		{"normalizer without type", `"normalizer": null`, `"normalizer": {}`, `normalizer: no "type"`},
		{"pre-tokenizer", `"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}`, `"pre_tokenizer": {"type": "BertPreTokenizer"}`, `pre_tokenizer: pre-tokenizer "BertPreTokenizer" is not supported`},
		{"byte level field", `"pre_tokenizer": {"type": "ByteLevel",`, `"pre_tokenizer": {"type": "ByteLevel", "new": 1,`, `unknown field "new"`},
		{"unknown expression", `"pre_tokenizer": {`, `"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "(a)\\1"}, "behavior": "Isolated", "invert": false}]}, "post_processor": {`, `the expression "(a)\\1" is not supported`},
		{"string pattern", `"pre_tokenizer": {`, `"pre_tokenizer": {"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": false}, "post_processor": {`, "a pattern that is neither a Regex nor a String of some length"},
		{"behavior", `"pre_tokenizer": {`, `"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "` + strings.ReplaceAll(patternGPT2, `\`, `\\`) + `"}, "behavior": "Merged", "invert": false}, "post_processor": {`, `pre_tokenizer.behavior: "Merged" is not supported`},
		{"after ByteLevel", `"pre_tokenizer": {`, `"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel", "add_prefix_space": false}, {"type": "Digits", "individual_digits": true}]}, "post_processor": {`, "pre_tokenizer.pretokenizers[1]: Digits after ByteLevel is not supported"},
		{"metaspace mark", `"pre_tokenizer": {`, `"pre_tokenizer": {"type": "Metaspace", "replacement": "_"}, "post_processor": {`, `pre_tokenizer.replacement: "_" is not supported`},
		{"metaspace scheme", `"pre_tokenizer": {`, `"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "last"}, "post_processor": {`, `prepend_scheme: "last" is not supported`},
		{"post-processor", `"post_processor": null`, `"post_processor": {"type": "RobertaProcessing"}`, `post_processor: post-processor "RobertaProcessing" is not supported`},
		{"template without text", `"post_processor": null`, `"post_processor": {"type": "TemplateProcessing", "single": []}`, "the text occurs 0 times"},
		{"template with another id", `"post_processor": null`, `"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x", "type_id": 0}}], "special_tokens": {"x": {"id": "x", "ids": [9], "tokens": ["x"]}}}`, "which no token has"},
		{"template token", `"post_processor": null`, `"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x", "type_id": 0}}]}`, `"x" is not among the special_tokens`},
		{"sequence field", `"normalizer": null`, `"normalizer": {"type": "Sequence", "normalizers": [], "more": 1}`, `normalizer: unknown field "more"`},
		{"strip", `"decoder": {`, `"decoder": {"type": "Strip", "content": "", "start": 1, "stop": 0}, "post_processor": {`, `decoder: content ""`},
		{"decoder", `"decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}`, `"decoder": {"type": "WordPiece"}`, `decoder "WordPiece" is not supported`},
		{"no decoder", `"decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}`, `"decoder": null`, "having no decoder is not supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(tiny, c.old, c.new, 1)
			if text == tiny {
				t.Fatal("nothing replaced")
			}
			_, err := Parse([]byte(text))
			if c.name == "null model" { // no type is as good as BPE
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			var feature *FeatureError
			if strings.Contains(c.want, "is not supported") && !errors.As(err, &feature) {
				t.Errorf("%v is no FeatureError", err)
			}
		})
	}
}

func TestLoadNamesThePath(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tokenizer.json")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v does not name %s", err, path)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(tiny), "ab <|end|>")
	f.Add([]byte(`{"model": {"vocab": {"a": 1}, "merges": []}}`), "a")
	f.Add([]byte("version https://git-lfs.github.com/spec/v1"), "")
	for _, name := range families {
		f.Add(readFamily(f, name), "it's 12 <|im_end|> [INST]\n\n e\u0301  \xff")
	}
	for _, name := range arrangements {
		data, err := os.ReadFile(filepath.Join("testdata", name+".tokenizer.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "it's 12 <|im_end|>\n\n e\u0301 <mask>  \xff")
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		var tok *Tokenizer
		var err error
		fuzztest.Bounded(t, 4<<20+1024*len(data), func() { tok, err = Parse(data) })
		if err != nil {
			return
		}
		var ids []int32
		var spans []Span
		fuzztest.Bounded(t, 4<<20+1024*(len(data)+len(text)), func() { ids, spans = tok.EncodeSpans(text) })
		for i, id := range ids {
			if id < 0 || int(id) >= tok.Size() {
				t.Fatalf("id %d of %d", id, tok.Size())
			}
			if s := spans[i]; s.Start < 0 || s.End < s.Start || s.End > len(text) {
				t.Fatalf("span %v of %d bytes", s, len(text))
			}
		}
		fuzztest.Bounded(t, 4<<20+1024*(len(data)+len(text)), func() { tok.Decode(tok.Frame(ids), true) })
		if !slices.Equal(ids, tok.Encode(text)) {
			t.Fatal("Encode and EncodeSpans differ")
		}
	})
}
