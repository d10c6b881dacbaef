package backendtest

import (
	"runtime"
	"sync"

	"daybook/engine"
)

// checkLifetime calls operations whose batch and buffers nobody uses any more
// afterwards, while the garbage collector runs all the time: a backend that
// keeps memory outside of Go's heap must keep it until the operation is done.
func checkLifetime(g *rig) {
	l := g.layer(0, settings[0])
	batch := g.batch(70, 1, 33)
	n, w := len(batch.Tokens), g.s.Hidden
	mid, up := g.normal(n*w, 1), g.normal(n*w, 1)
	run := func() []float32 {
		act, grad := g.activations(n, ranks(&l.block)), g.gradients(n, ranks(&l.block))
		g.upload(act.Mid, mid)
		d, _ := g.put(engine.Activation, up)
		in := g.load(batch)
		g.must("mlp", g.be.MLP(in, &l.block, act, g.poisoned(engine.Activation, n*w)))
		g.must("mlp backward", g.be.MLPBackward(in, &l.block, act, grad, d))
		return g.download(d)
	}
	want := run()

	stop := make(chan struct{})
	var collector sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	})
	defer collector.Wait()
	defer close(stop)
	for range 8 {
		g.same("gradient while garbage is collected", run(), want)
		if g.t.Failed() {
			return
		}
	}
}
