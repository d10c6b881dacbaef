package sweeps

import (
	"encoding/json"
	"fmt"
)

// DataSources are the files of a dataset. In a sweep file a single one may be written
// as its path, and so may each of several.
type DataSources []DataSource

// DataSource is a file, or a pattern for several, and what is declared of its records.
type DataSource struct {
	Path    string `json:"path"`             // JSON Lines, JSON, CSV or Parquet, relative to the sweep file; a pattern has *, ? and [a-z]
	Fields  Fields `json:"fields,omitzero"`  // the keys that hold what is learnt, where they are not the usual ones
	License Term   `json:"license,omitzero"` // under which the records may be used
	Consent Term   `json:"consent,omitzero"` // the basis on which personal ones may be
	Origin  Term   `json:"origin,omitzero"`  // where they come from
}

// Fields names keys of records: messages (with role and content inside them), or
// prompt and completion (with input and system), or text.
type Fields struct {
	Messages   string `json:"messages,omitempty"`
	Role       string `json:"role,omitempty"`
	Content    string `json:"content,omitempty"`
	Prompt     string `json:"prompt,omitempty"`
	Input      string `json:"input,omitempty"`
	Completion string `json:"completion,omitempty"`
	System     string `json:"system,omitempty"`
	Text       string `json:"text,omitempty"`
}

// Term is a statement about records: a text for all of them, or the field that
// has each one's. In a sweep file it is the text, or { field: 'license' }.
type Term struct {
	Text  string `json:"text,omitempty"`
	Field string `json:"field,omitempty"`
}

// String names the sources in a message or a key.
func (s DataSources) String() string {
	data, err := json.Marshal(s)
	if err != nil {
		return err.Error() // strings always marshal
	}
	return string(data)
}

// plain reports whether a source is nothing but a path.
func (s DataSource) plain() bool { return s == DataSource{Path: s.Path} }

func (s *DataSources) decode(d *decoder, path string, in any) {
	items, ok := in.([]any)
	if !ok {
		*s = make(DataSources, 1)
		(*s)[0].decode(d, path, in)
		return
	}
	*s = make(DataSources, len(items))
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.seen[at] = true
		(*s)[i].decode(d, at, item)
	}
}

func (s *DataSource) decode(d *decoder, path string, in any) {
	switch v := in.(type) {
	case string:
		s.Path = v
	case map[string]any:
		d.into(path, in, s)
	default:
		d.wrongType(path, "a path, an object with one, or a list of them", in)
	}
}

func (t *Term) decode(d *decoder, path string, in any) {
	if text, ok := in.(string); ok {
		t.Text = text
		return
	}
	d.into(path, in, t)
}

// MarshalJSON writes a single plain path as in sweep files, so that the canonical
// form of a spec with one file is what it was before there could be several.
func (s DataSources) MarshalJSON() ([]byte, error) {
	switch {
	case len(s) == 0:
		return json.Marshal("")
	case len(s) == 1 && s[0].plain():
		return json.Marshal(s[0].Path)
	}
	return json.Marshal([]DataSource(s))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *DataSources) UnmarshalJSON(data []byte) error {
	var path string
	if json.Unmarshal(data, &path) == nil {
		*s = nil
		if path != "" {
			*s = DataSources{{Path: path}}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]DataSource)(s))
}

func (c checker) sources() {
	s := c.s.Data.Source
	const hint = "name a JSON Lines, JSON, CSV or Parquet file, relative to the sweep file"
	if len(s) == 0 || len(s) == 1 && s[0] == (DataSource{}) {
		c.fail("data.source", hint, "is missing")
		return
	}
	for i, one := range s {
		at := fmt.Sprintf("data.source[%d]", i)
		if len(s) == 1 && !c.given(at) {
			at = "data.source"
		}
		if one.Path == "" {
			c.fail(at+".path", hint, "is missing")
		}
		for name, term := range map[string]Term{"license": one.License, "consent": one.Consent, "origin": one.Origin} {
			if term.Text != "" && term.Field != "" {
				c.fail(join(at, name), "", "text and field exclude each other")
			}
		}
	}
}

func (c checker) splitKind() {
	d := c.s.Data
	switch d.Split {
	case "":
		return
	case "huggingface":
	default:
		c.fail("data.split", `leave it out, or write "huggingface"`, "unknown value %q", d.Split)
		return
	}
	const hint = "split 'huggingface' draws from all records alike, as train_test_split does"
	if d.GroupBy != "" {
		c.fail("data.group_by", hint, "excludes data.split")
	}
	for _, side := range []struct {
		path string
		rule Split
	}{{"data.validation", d.Validation}, {"data.test", d.Test}} {
		if len(side.rule.Where) > 0 {
			c.fail(side.path+".where", hint, "excludes data.split")
		}
	}
}
