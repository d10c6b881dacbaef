package attest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"daybook/ledger"
	"daybook/ledger/evidence"
)

const (
	predicateType = "https://slsa.dev/provenance/v1"
	buildType     = "urn:daybook:train:v1"
	builderID     = "urn:daybook"
	ours          = "daybook" // the internal parameter that holds the trace
)

// ErrStatement is wrapped by errors about a statement that is none of Daybook's.
var ErrStatement = errors.New("not a statement about an adapter")

// Statement returns the in-toto statement about a traced adapter, whose files have
// the digests that are given by name. It is canonical JSON: the same trace gives
// the same bytes.
func Statement(t *ledger.Trace, files map[string]ledger.Digest) ([]byte, error) {
	data, err := statement(t, files)
	if err != nil {
		return nil, fmt.Errorf("provenance of %s: %w", t.Adapter.Fact.Name(), err)
	}
	return data, nil
}

func statement(t *ledger.Trace, files map[string]ledger.Digest) ([]byte, error) {
	p, err := predicate(t)
	if err != nil {
		return nil, err
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	s := &intoto.Statement{Type: intoto.StatementTypeUri, PredicateType: predicateType, Subject: []*intoto.ResourceDescriptor{
		{Name: t.Adapter.Fact.Name(), Digest: sha256Of(t.Adapter.Fact.Digest)},
	}}
	for _, name := range names(files) {
		s.Subject = append(s.Subject, &intoto.ResourceDescriptor{Name: name, Digest: sha256Of(files[name])})
	}
	plain, err := protojson.Marshal(p)
	if err != nil {
		return nil, err
	}
	s.Predicate = &structpb.Struct{}
	if err := protojson.Unmarshal(plain, s.Predicate); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if plain, err = protojson.Marshal(s); err != nil { // whose white space is not stable
		return nil, err
	}
	return evidence.Canonicalize(plain)
}

func predicate(t *ledger.Trace) (*provenance.Provenance, error) {
	internal, err := object(map[string]any{ours: t})
	if err != nil {
		return nil, err
	}
	external, err := object(map[string]any{
		"sweep": t.Sweep.Fact.Name, "path": t.Sweep.Fact.Path, "axes": t.Run.Axes, "spec": t.Run.Spec,
	})
	if err != nil {
		return nil, err
	}
	dependencies, err := dependencies(t)
	if err != nil {
		return nil, err
	}
	p := &provenance.Provenance{
		BuildDefinition: &provenance.BuildDefinition{BuildType: buildType, ExternalParameters: external, InternalParameters: internal, ResolvedDependencies: dependencies},
		RunDetails:      &provenance.RunDetails{Builder: &provenance.Builder{Id: builderID}, Metadata: &provenance.BuildMetadata{InvocationId: t.Run.Key}},
	}
	if n := len(t.Attempts); n > 0 {
		first, last := t.Attempts[0].Fact, t.Attempts[n-1].Fact
		p.RunDetails.Builder.Version = last.Engine
		p.RunDetails.Metadata.InvocationId = fmt.Sprintf("%s/%d", t.Run.Key, last.Number)
		if !first.Started.IsZero() && !last.Ended.IsZero() {
			p.RunDetails.Metadata.StartedOn, p.RunDetails.Metadata.FinishedOn = timestamppb.New(first.Started), timestamppb.New(last.Ended)
		}
	}
	return p, nil
}

// dependencies lists what went into the adapter and has a digest.
func dependencies(t *ledger.Trace) ([]*intoto.ResourceDescriptor, error) {
	var out []*intoto.ResourceDescriptor
	add := func(name, uri string, digest map[string]string, annotations map[string]any) error {
		d := &intoto.ResourceDescriptor{Name: name, Uri: uri, Digest: digest}
		if len(annotations) > 0 {
			var err error
			if d.Annotations, err = object(annotations); err != nil {
				return err
			}
		}
		out = append(out, d)
		return nil
	}
	var errs []error
	for _, f := range t.Files() {
		errs = append(errs, add(f.Path, "", sha256Of(f.Digest), map[string]any{
			"kind": "dataset", "records": f.Records, "license": f.License, "consent": f.Consent, "origin": f.Origin,
		}))
	}
	base := map[string]any{"kind": "base"}
	if t.Base != nil {
		base["license"], base["repository"], base["revision"] = t.Base.Fact.License, t.Base.Fact.Repository, t.Base.Fact.Revision
	}
	errs = append(errs, add(t.Model(), "", sha256Of(t.Run.Base), base))
	if ref, digest := t.Initial(); digest != "" {
		errs = append(errs, add(ref, "", sha256Of(digest), map[string]any{"kind": "adapter"}))
	}
	for _, s := range t.Sweep.Fact.Sources {
		errs = append(errs, add(s.Path, "", sha256Of(s.Digest), map[string]any{"kind": "sweep"}))
	}
	seen := map[string]bool{}
	for _, a := range t.Attempts {
		g := a.Fact.Git
		if g.Commit == "" || seen[g.Commit] {
			continue
		}
		seen[g.Commit] = true
		errs = append(errs, add("repository", g.Remote, map[string]string{"gitCommit": g.Commit}, map[string]any{"kind": "code", "dirty": g.Dirty}))
		if g.Changes != nil && g.Changes.Patch != "" {
			errs = append(errs, add("diff against the repository", "", sha256Of(g.Changes.Patch), map[string]any{"kind": "code", "restorable": len(g.Changes.Lost()) == 0}))
		}
	}
	return out, errors.Join(errs...)
}

// Subjects returns the digests of an adapter's files by name, as the statement in an
// envelope says that the key, as MarshalKey writes it, has signed.
func Subjects(ctx context.Context, envelope, key []byte) (map[string]ledger.Digest, error) {
	public, err := ParseKey(key)
	if err != nil {
		return nil, err
	}
	payload, err := Open(ctx, envelope, public)
	if err != nil {
		return nil, err
	}
	s := &intoto.Statement{}
	if err := protojson.Unmarshal(payload, s); err != nil {
		return nil, fmt.Errorf("provenance: %w: %w", ErrStatement, err)
	}
	out := map[string]ledger.Digest{}
	for _, subject := range s.GetSubject() {
		out[subject.GetName()] = subject.GetDigest()["sha256"]
	}
	return out, nil
}

// Read returns the trace in a statement, whose subject is the adapter's identity.
func Read(payload []byte) (*ledger.Trace, error) {
	s, p := &intoto.Statement{}, &provenance.Provenance{}
	if err := protojson.Unmarshal(payload, s); err != nil {
		return nil, fmt.Errorf("provenance: %w: %w", ErrStatement, err)
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("provenance: %w: %w", ErrStatement, err)
	}
	if s.GetPredicateType() != predicateType {
		return nil, fmt.Errorf("provenance: %w: its predicate is %q", ErrStatement, s.GetPredicateType())
	}
	plain, err := protojson.Marshal(s.GetPredicate())
	if err == nil {
		err = errors.Join(protojson.Unmarshal(plain, p), p.Validate())
	}
	if err != nil {
		return nil, fmt.Errorf("provenance: %w: %w", ErrStatement, err)
	}
	value, ok := p.GetBuildDefinition().GetInternalParameters().GetFields()[ours]
	if p.GetBuildDefinition().GetBuildType() != buildType || !ok {
		return nil, fmt.Errorf("provenance: %w: build type %q", ErrStatement, p.GetBuildDefinition().GetBuildType())
	}
	var t ledger.Trace
	if plain, err = protojson.Marshal(value); err == nil {
		err = json.Unmarshal(plain, &t)
	}
	if err != nil {
		return nil, fmt.Errorf("provenance: %w: %w", ErrStatement, err)
	}
	subject := s.GetSubject()[0]
	if subject.GetName() != t.Adapter.Fact.Name() || !proto.Equal(subject, &intoto.ResourceDescriptor{Name: subject.GetName(), Digest: sha256Of(t.Adapter.Fact.Digest)}) {
		return nil, fmt.Errorf("provenance: %w: its subject is %s, its parameters speak of %s", ErrStatement, subject.GetName(), t.Adapter.Fact.Name())
	}
	return &t, nil
}

func sha256Of(digest ledger.Digest) map[string]string { return map[string]string{"sha256": digest} }

// object turns a value into what protocol buffers have for a JSON object.
func object(v map[string]any) (*structpb.Struct, error) {
	data, err := evidence.Canonical(v)
	if err != nil {
		return nil, err
	}
	s := &structpb.Struct{}
	return s, protojson.Unmarshal(data, s)
}
