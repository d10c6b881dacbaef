package runnertest

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"daybook/engine"
	"daybook/engine/checkpoint"
)

// special are the tokens after the 256 bytes.
var special = []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"}

const endOfTurn = 256 + 2

// chatML renders the turns as ChatML does, without a system turn of its own.
const chatML = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
	"{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

// Shape is that of the base: 54,000 parameters in one layer, with grouped
// queries and a tied head. A LoRA of rank 64 has matrices of 4,096 elements,
// from which 8-bit optimizer state starts.
func Shape() engine.Shape {
	return engine.Shape{
		Vocab: 256 + len(special), Hidden: 64, Layers: 1, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 128,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 1024, TiedHead: true,
	}
}

// WriteBase writes a random base into dir: a byte-level tokenizer without
// merges and a ChatML template.
func WriteBase(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("runnertest: %w", err)
	}
	for name, content := range map[string]any{
		"config.json":           config(Shape()),
		"tokenizer.json":        tokenizer(),
		"tokenizer_config.json": map[string]any{"eos_token": "<|im_end|>", "pad_token": "<|pad|>", "chat_template": chatML},
	} {
		data, err := json.MarshalIndent(content, "", "  ")
		if err != nil {
			return fmt.Errorf("runnertest: %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), append(data, '\n'), 0o600); err != nil {
			return fmt.Errorf("runnertest: %w", err)
		}
	}
	return checkpoint.WriteFile(filepath.Join(dir, "model.safetensors"), checkpoint.Contents{
		Tensors: weights(Shape()), Metadata: map[string]string{"format": "pt"},
	})
}

func config(s engine.Shape) map[string]any {
	return map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_act": "silu",
		"vocab_size": s.Vocab, "hidden_size": s.Hidden, "num_hidden_layers": s.Layers,
		"num_attention_heads": s.Heads, "num_key_value_heads": s.KVHeads, "head_dim": s.HeadDim,
		"intermediate_size": s.Intermediate, "rope_theta": s.RopeTheta, "rms_norm_eps": s.NormEps,
		"max_position_embeddings": s.MaxPositions, "tie_word_embeddings": s.TiedHead,
		"eos_token_id": endOfTurn,
	}
}

func tokenizer() map[string]any {
	vocab := map[string]int{}
	next := rune(256) // bytes that don't print are written as the characters from here on
	for b := range 256 {
		c := rune(b)
		if b < '!' || b > '~' && b < 0xA1 || b == 0xAD {
			c = next
			next++
		}
		vocab[string(c)] = b
	}
	added := []map[string]any{}
	for i, token := range special {
		added = append(added, map[string]any{
			"id": 256 + i, "content": token, "special": true,
			"single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
		})
	}
	byteLevel := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	return map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil, "post_processor": nil,
		"added_tokens": added, "pre_tokenizer": byteLevel, "decoder": byteLevel,
		"model": map[string]any{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": []string{},
		},
	}
}

// weights draws every matrix uniformly, with the variance that keeps activations
// at their size.
func weights(s engine.Shape) map[string]checkpoint.Tensor {
	r := engine.NewRandom(0x7e57)
	matrix := func(rows, cols int, bound float64) checkpoint.Tensor {
		w := make([]float32, rows*cols)
		for i := range w {
			w[i] = float32((2*r.Float64() - 1) * bound)
		}
		return checkpoint.NewF32([]int{rows, cols}, w)
	}
	ones := make([]float32, s.Hidden)
	for i := range ones {
		ones[i] = 1
	}
	norm := checkpoint.NewF32([]int{s.Hidden}, ones)
	out := map[string]checkpoint.Tensor{
		"model.embed_tokens.weight": matrix(s.Vocab, s.Hidden, 0.2),
		"model.norm.weight":         norm,
	}
	for layer := range s.Layers {
		prefix := fmt.Sprintf("model.layers.%d.", layer)
		out[prefix+"input_layernorm.weight"], out[prefix+"post_attention_layernorm.weight"] = norm, norm
		for p := range engine.NumProjections {
			rows, cols := p.Dims(s)
			out[prefix+p.Module()+"."+p.String()+".weight"] = matrix(rows, cols, math.Sqrt(3/float64(cols)))
		}
	}
	return out
}
