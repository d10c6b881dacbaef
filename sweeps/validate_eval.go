package sweeps

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

func (c checker) eval() {
	e := c.s.Eval
	c.atLeast("eval.generate.max_new_tokens", e.Generate.MaxNewTokens, 1)
	c.atLeast("eval.batch_size", e.BatchSize, 1)
	c.names("eval.by", e.By)
	names := make([]string, len(e.Metrics))
	for i, m := range e.Metrics {
		path := fmt.Sprintf("eval.metrics[%d]", i)
		c.metric(path, m)
		names[i] = m.Name()
		if j := slices.Index(names[:i], names[i]); j >= 0 {
			c.fail(path, "", "%s is already metrics[%d]", names[i], j)
		}
	}
	if _, ok := e.resolve(e.Select); !ok {
		valid := slices.DeleteFunc(names, func(n string) bool { return n == "loss" || n == "" })
		c.fail("eval.select", oneOf(e.Select, append([]string{"loss"}, valid...)), "%q is not among eval.metrics", e.Select)
	}
	for i, b := range e.Baselines {
		path := fmt.Sprintf("eval.baselines[%d]", i)
		c.baseline(path, b, e.Baselines[:i])
		if slices.Contains(e.Baselines[:i], b) {
			c.fail(path, "", "is listed twice")
		}
	}
}

func (c checker) metric(path string, m Metric) {
	kind, ok := metricKinds[m.Kind]
	switch {
	case m.Kind == "":
		c.fail(path+".kind", oneOf("", metricOrder), "is missing")
		return
	case !ok:
		c.fail(path, oneOf(m.Kind, metricOrder), "unknown metric %q", m.Kind)
		return
	case kind.list && m.List == "":
		c.fail(path+".list", "write d."+m.Kind+"('medications') for a list under the key medications", "%s needs the key of a list", m.Kind)
	case !kind.list && c.given(path+".list"):
		c.fail(path+".list", "", "means nothing for %s", m.Kind)
	case !kind.match && c.given(path+".match"):
		c.fail(path+".match", "", "means nothing for %s", m.Kind)
	case kind.match && len(m.Match) == 0:
		c.fail(path+".match", "", "must name at least one key")
	case kind.schema && len(m.Schema) == 0:
		c.fail(path+".schema", "write d.schema_valid({ type: 'object', ... })", "%s needs a JSON Schema", m.Kind)
	case !kind.schema && c.given(path+".schema"):
		c.fail(path+".schema", "", "means nothing for %s", m.Kind)
	case kind.schema:
		if err := compileSchema(m.Schema); err != nil {
			c.fail(path+".schema", "", "is not a JSON Schema: %v", err)
		}
	}
	c.names(path+".match", m.Match)
}

// baselineFields lists, for each kind, the fields it takes.
var baselineFields = map[string][]string{
	"zero_shot":   {},
	"k_shot":      {"shots", "seed"},
	"unquantized": {},
	"adapter":     {"name", "adapter"},
}

func (c checker) baseline(path string, b Baseline, before []Baseline) {
	takes, ok := baselineFields[b.Kind]
	if !ok {
		c.choice(path+".kind", b.Kind, "zero_shot", "k_shot", "unquantized", "adapter")
		return
	}
	for _, field := range []string{"shots", "seed", "name", "adapter"} {
		if c.given(path+"."+field) && !slices.Contains(takes, field) {
			c.fail(path+"."+field, "", "means nothing for %s", b.Kind)
		}
	}
	switch b.Kind {
	case "k_shot":
		c.atLeast(path+".shots", b.Shots, 1)
	case "adapter":
		c.adapterBaseline(path, b, before)
	}
	if b.Kind == "unquantized" && c.s.Base.Quantization == "none" {
		c.fail(path, "leave it out", "the base is not quantized, so this is the zero-shot baseline again")
	}
}

// compileSchema reports whether a schema can be used. References to other
// documents are refused: they would be inputs that no digest covers.
func compileSchema(data []byte) error {
	const name = "schema:///" // any absolute URL; it appears in messages about references
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(closedLoader{})
	if err := compiler.AddResource(name, doc); err != nil {
		return err
	}
	_, err = compiler.Compile(name)
	var schemaErr *jsonschema.SchemaValidationError
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &schemaErr) || !errors.As(schemaErr.Err, &invalid) {
		return err
	}
	for len(invalid.Causes) > 0 { // the first of the innermost says most in one line
		invalid = invalid.Causes[0]
	}
	return fmt.Errorf("at /%s: %s", strings.Join(invalid.InstanceLocation, "/"), invalid.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
}

type closedLoader struct{}

func (closedLoader) Load(string) (any, error) {
	return nil, errors.New("references to other documents are not allowed")
}
