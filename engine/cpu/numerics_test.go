package cpu

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"

	"daybook/engine"
)

// bitsOf names the results of compute for each version of the numerics. A
// mismatch means that some operation computes other bits than it did: if that is
// meant, raise numericsVersion and add a line, because checkpoints and train keys
// of the old version must not be taken for the new one.
var bitsOf = map[int]string{
	1: "54ccca39dd9880133af96c0291c24726a949a9a6fd62216ee7cd21e3f13fd573",
}

func TestNumericsVersion(t *testing.T) {
	h := sha256.New()
	for _, lengths := range [][]int{many, few} {
		r := compute(t, bitShape(), Options{Threads: 1}, engine.CheckpointNone, lengths)
		var b []byte
		for _, v := range r.losses {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		for _, values := range [][]float32{r.gradients, r.logits} {
			for _, v := range values {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			}
		}
		for _, answer := range r.answers {
			for _, token := range answer {
				b = binary.LittleEndian.AppendUint32(b, uint32(token))
			}
		}
		h.Write(b)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != bitsOf[numericsVersion] {
		t.Errorf("numerics version %d: results have digest %s, want %s", numericsVersion, got, bitsOf[numericsVersion])
	}
}
