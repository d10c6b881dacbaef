package backendtest

import (
	"reflect"
	"sync"

	"daybook/engine"
)

// recorder notes which methods of a backend the checks have called. A method that
// engine.Backend gains is passed on unnoticed by the embedded interface, and so
// found to lack a check.
type recorder struct {
	engine.Backend
	called *calls
}

// calls is a set of methods by name, for the recorders of all shapes.
type calls struct {
	mu    sync.Mutex
	names map[string]bool
}

func (c *calls) note(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names[name] = true
}

// missing returns the methods of engine.Backend that were not called, sorted.
func (c *calls) missing() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	backend := reflect.TypeFor[engine.Backend]()
	for i := range backend.NumMethod() { // in the order of their names
		if name := backend.Method(i).Name; !c.names[name] {
			all = append(all, name)
		}
	}
	return all
}

func (r recorder) Numerics() engine.Numerics {
	r.called.note("Numerics")
	return r.Backend.Numerics()
}

func (r recorder) Describe() map[string]string {
	r.called.note("Describe")
	return r.Backend.Describe()
}

func (r recorder) NewWeight(m engine.Matrix) (engine.Weight, error) {
	r.called.note("NewWeight")
	return r.Backend.NewWeight(m)
}

func (r recorder) Allocate(specs []engine.BufferSpec) ([]engine.Buffer, error) {
	r.called.note("Allocate")
	return r.Backend.Allocate(specs)
}

func (r recorder) Size(specs []engine.BufferSpec) int64 {
	r.called.note("Size")
	return r.Backend.Size(specs)
}

func (r recorder) WeightBytes(m engine.Matrix) int64 {
	r.called.note("WeightBytes")
	return r.Backend.WeightBytes(m)
}

func (r recorder) Upload(dst engine.Buffer, src []float32) error {
	r.called.note("Upload")
	return r.Backend.Upload(dst, src)
}

func (r recorder) Download(dst []float32, src engine.Buffer) error {
	r.called.note("Download")
	return r.Backend.Download(dst, src)
}

func (r recorder) Copy(dst, src engine.Buffer) error {
	r.called.note("Copy")
	return r.Backend.Copy(dst, src)
}

func (r recorder) Join() error {
	r.called.note("Join")
	return r.Backend.Join()
}

func (r recorder) Scratch(w engine.Work) int64 {
	r.called.note("Scratch")
	return r.Backend.Scratch(w)
}

func (r recorder) Reserve(w engine.Work) error {
	r.called.note("Reserve")
	return r.Backend.Reserve(w)
}

func (r recorder) Available() (int64, error) {
	r.called.note("Available")
	return r.Backend.Available()
}

func (r recorder) NewBatch(maxTokens, maxDocuments int) (engine.DeviceBatch, error) {
	r.called.note("NewBatch")
	return r.Backend.NewBatch(maxTokens, maxDocuments)
}

func (r recorder) NewCache(slots, maxPositions int) (engine.Cache, error) {
	r.called.note("NewCache")
	return r.Backend.NewCache(slots, maxPositions)
}

func (r recorder) Embed(in engine.DeviceBatch, table engine.Weight, x engine.Buffer) error {
	r.called.note("Embed")
	return r.Backend.Embed(in, table, x)
}

func (r recorder) QKV(in engine.DeviceBatch, b *engine.Block, x engine.Buffer, act *engine.Activations) error {
	r.called.note("QKV")
	return r.Backend.QKV(in, b, x, act)
}

func (r recorder) Attention(in engine.DeviceBatch, act *engine.Activations) error {
	r.called.note("Attention")
	return r.Backend.Attention(in, act)
}

func (r recorder) Output(in engine.DeviceBatch, b *engine.Block, x engine.Buffer, act *engine.Activations) error {
	r.called.note("Output")
	return r.Backend.Output(in, b, x, act)
}

func (r recorder) MLP(in engine.DeviceBatch, b *engine.Block, act *engine.Activations, y engine.Buffer) error {
	r.called.note("MLP")
	return r.Backend.MLP(in, b, act, y)
}

func (r recorder) MLPBackward(in engine.DeviceBatch, b *engine.Block, act *engine.Activations, g *engine.Gradients, d engine.Buffer) error {
	r.called.note("MLPBackward")
	return r.Backend.MLPBackward(in, b, act, g, d)
}

func (r recorder) OutputBackward(in engine.DeviceBatch, b *engine.Block, act *engine.Activations, g *engine.Gradients, d engine.Buffer) error {
	r.called.note("OutputBackward")
	return r.Backend.OutputBackward(in, b, act, g, d)
}

func (r recorder) AttentionBackward(in engine.DeviceBatch, act *engine.Activations, g *engine.Gradients) error {
	r.called.note("AttentionBackward")
	return r.Backend.AttentionBackward(in, act, g)
}

func (r recorder) QKVBackward(in engine.DeviceBatch, b *engine.Block, x engine.Buffer, act *engine.Activations, g *engine.Gradients, d engine.Buffer) error {
	r.called.note("QKVBackward")
	return r.Backend.QKVBackward(in, b, x, act, g, d)
}

func (r recorder) Loss(in engine.DeviceBatch, h *engine.Head, x engine.Buffer, scale float32, nll, hit, d engine.Buffer) error {
	r.called.note("Loss")
	return r.Backend.Loss(in, h, x, scale, nll, hit, d)
}

func (r recorder) Store(in engine.DeviceBatch, c engine.Cache, layer int, act *engine.Activations) error {
	r.called.note("Store")
	return r.Backend.Store(in, c, layer, act)
}

func (r recorder) CachedAttention(in engine.DeviceBatch, c engine.Cache, layer int, act *engine.Activations) error {
	r.called.note("CachedAttention")
	return r.Backend.CachedAttention(in, c, layer, act)
}

func (r recorder) Greedy(in engine.DeviceBatch, h *engine.Head, x engine.Buffer) ([]int32, error) {
	r.called.note("Greedy")
	return r.Backend.Greedy(in, h, x)
}

func (r recorder) Logits(in engine.DeviceBatch, h *engine.Head, x engine.Buffer, last bool) ([]float32, error) {
	r.called.note("Logits")
	return r.Backend.Logits(in, h, x, last)
}

func (r recorder) NewOptimizer(cfg engine.OptimizerConfig, params []engine.Param) (engine.Optimizer, error) {
	r.called.note("NewOptimizer")
	return r.Backend.NewOptimizer(cfg, params)
}

func (r recorder) Sync() error {
	r.called.note("Sync")
	return r.Backend.Sync()
}

func (r recorder) Close() error {
	r.called.note("Close")
	return r.Backend.Close()
}
