package attest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"daybook/ledger"
)

// BOM returns the ML-BOM of a traced adapter: the model, the base that it changes,
// the data that it was trained on, and what made it. The same trace gives the same
// bytes.
func BOM(t *ledger.Trace) ([]byte, error) {
	a := t.Adapter.Fact
	base := cdx.Component{
		Type: cdx.ComponentTypeMachineLearningModel, BOMRef: "base", Name: t.Model(), Hashes: hashes(t.Run.Base),
	}
	if t.Base != nil {
		base.Licenses = licenses(t.Base.Fact.License)
		base.Version = t.Base.Fact.Revision
	}
	components := []cdx.Component{base}
	var datasets []cdx.MLDatasetChoice
	uses := []string{"base"}
	for i, f := range t.Files() {
		ref := fmt.Sprintf("data-%d", i+1)
		data := cdx.Component{
			Type: cdx.ComponentTypeData, BOMRef: ref, Name: f.Path, Hashes: hashes(f.Digest),
			Data: &[]cdx.ComponentData{{Type: cdx.ComponentDataTypeDataset, Name: f.Path}},
		}
		properties := []cdx.Property{{Name: "daybook:records", Value: strconv.Itoa(f.Records)}}
		for _, declared := range []struct {
			name   string
			values map[string]int
		}{{"license", f.License}, {"consent", f.Consent}, {"origin", f.Origin}} {
			for _, value := range names(texts(declared.values)) {
				properties = append(properties, cdx.Property{Name: "daybook:" + declared.name + ":" + value, Value: strconv.Itoa(declared.values[value]) + " records"})
			}
		}
		if len(f.License) == 1 { // one for all records
			for license := range f.License {
				data.Licenses = licenses(license)
			}
		}
		data.Properties = &properties
		components = append(components, data)
		datasets = append(datasets, cdx.MLDatasetChoice{Ref: ref})
		uses = append(uses, ref)
	}
	ancestors := []cdx.Component{{Type: base.Type, Name: base.Name, Hashes: base.Hashes}}
	if ref, digest := t.Initial(); digest != "" {
		ancestors = append(ancestors, cdx.Component{Type: base.Type, Name: ref, Hashes: hashes(digest)})
	}
	adapter := cdx.Component{
		Type: cdx.ComponentTypeMachineLearningModel, BOMRef: "adapter", Name: a.Sweep, Version: fmt.Sprintf("v%d", a.Version),
		Description: "LoRA adapter; its hash is over the lines of sha256sum for adapter_config.json and adapter_model.safetensors",
		Hashes:      hashes(a.Digest), Pedigree: &cdx.Pedigree{Ancestors: &ancestors},
		ModelCard: &cdx.MLModelCard{
			ModelParameters:      &cdx.MLModelParameters{Approach: &cdx.MLModelParametersApproach{Type: cdx.MLModelParametersApproachTypeSupervised}, Task: "text-generation", Datasets: &datasets},
			QuantitativeAnalysis: &cdx.MLQuantitativeAnalysis{PerformanceMetrics: metrics(t)},
		},
		Properties: &[]cdx.Property{{Name: "daybook:train-key", Value: a.Run}, {Name: "daybook:numerics", Value: t.Run.Numerics}},
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &adapter, Tools: &cdx.ToolsChoice{Components: tools(t)}}
	if !a.Time.IsZero() {
		bom.Metadata.Timestamp = a.Time.UTC().Format(time.RFC3339)
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: "adapter", Dependencies: &uses}}
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(bom); err != nil {
		return nil, fmt.Errorf("ML-BOM of %s: %w", a.Name(), err)
	}
	return out.Bytes(), nil
}

func hashes(digest ledger.Digest) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: digest}}
}

// licenses holds a licence by the name that it was declared under, whatever that
// is: SPDX's identifiers have a place of their own, which others may not be in.
func licenses(name string) *cdx.Licenses {
	if name == "" {
		return nil
	}
	return &cdx.Licenses{{License: &cdx.License{Name: name, Acknowledgement: cdx.LicenseAcknowledgementDeclared}}}
}

// texts leaves out what nobody declared.
func texts(counts map[string]int) map[string]string {
	out := map[string]string{}
	for value := range counts {
		if value != "" {
			out[value] = ""
		}
	}
	return out
}

// metrics are what the adapter was measured as on the test set.
func metrics(t *ledger.Trace) *[]cdx.MLPerformanceMetric {
	out := []cdx.MLPerformanceMetric{}
	for _, m := range t.Measured {
		if m.Fact.Split != "test" || m.Fact.Epoch != t.Adapter.Fact.Epoch {
			continue
		}
		for _, v := range m.Fact.Metrics {
			if v.Value == nil {
				continue
			}
			slice := "test"
			if v.By != "" {
				slice = fmt.Sprintf("test, %s=%s", v.By, v.Tag)
			}
			value, _ := json.Marshal(*v.Value) // finite: the journal has no other
			out = append(out, cdx.MLPerformanceMetric{Type: v.Metric, Value: string(value), Slice: slice})
		}
	}
	return &out
}

func tools(t *ledger.Trace) *[]cdx.Component {
	tool := cdx.Component{Type: cdx.ComponentTypeApplication, Name: "daybook"}
	if n := len(t.Attempts); n > 0 {
		tool.Version = t.Attempts[n-1].Fact.Engine["daybook"]
	}
	return &[]cdx.Component{tool}
}
