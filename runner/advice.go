package runner

import (
	"errors"
	"io/fs"
	"strings"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/tokenizer"
)

// baseAdvice says what to do about a base that can't be opened.
func baseAdvice(err error) string {
	if advice := HintOf(err); advice != "" {
		return advice
	}
	var config *checkpoint.ConfigError
	var feature *tokenizer.FeatureError
	errors.As(err, &config)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "base.model is a folder with config.json, model.safetensors, tokenizer.json and tokenizer_config.json; a relative path starts at the sweep file"
	case errors.Is(err, checkpoint.ErrPickle):
		return "save the model with safe_serialization=True, or use a copy that has model.safetensors"
	case errors.Is(err, checkpoint.ErrGGUF), errors.Is(err, checkpoint.ErrRemoteCode), config != nil && config.Key == "architectures":
		return "a base is a folder with config.json, safetensors and tokenizer.json, of an architecture that daybook has: see 'daybook inspect --help'"
	case errors.Is(err, checkpoint.ErrPointer):
		return "git lfs pull fetches the file"
	case config != nil && strings.HasPrefix(config.Key, "quantization_config."):
		return "take the model that it was quantized from: base.quantization quantizes it to NF4"
	case config != nil && config.Has != "":
		return "choose a base that daybook supports, see 'daybook inspect --help'; changing config.json would make it another model"
	case errors.As(err, &feature):
		return "choose a base whose tokenizer is BPE as Llama, Mistral and Qwen have it; changing tokenizer.json would give other tokens than the base was trained on"
	}
	return "download the base again if a file is damaged; if config.json belongs to other weights, restore its own"
}

// templateAdvice says what to do about a chat template that can't be used.
func templateAdvice(err error) string {
	switch advice := HintOf(err); {
	case advice != "":
		return advice
	case errors.Is(err, fs.ErrNotExist):
		return "base.chat_template is the path of a template; a relative one starts at the sweep file"
	}
	return "choose a base whose template takes a user's turn and its answer, or name another file as base.chat_template in the sweep"
}

// ReadAdapter reads the adapter in dir for base. See checkpoint.ReadAdapter; the
// error says what to do about it.
func ReadAdapter(dir string, base *Base) (*engine.HostAdapter, error) {
	a, err := checkpoint.ReadAdapter(dir, base.Shape())
	if err != nil {
		return nil, WithHint(err, adapterAdvice(err))
	}
	return a, nil
}

// adapterAdvice says what to do about an adapter that can't be read.
func adapterAdvice(err error) string {
	var config *checkpoint.ConfigError
	var tensor *checkpoint.TensorError
	errors.As(err, &config)
	switch advice := HintOf(err); {
	case advice != "":
		return advice
	case errors.Is(err, checkpoint.ErrPickle):
		return "load it with PEFT and save it with save_pretrained, which writes safetensors"
	case errors.Is(err, fs.ErrNotExist):
		return "an adapter's folder holds " + strings.Join(adapterFiles, " and ")
	case errors.Is(err, checkpoint.ErrPointer):
		return "git lfs pull fetches the file"
	case config != nil && config.Has != "":
		return "take an adapter that is plain LoRA; changing adapter_config.json would make it another"
	case config != nil, errors.As(err, &tensor):
		return "take the base that it was trained on, and the adapter_config.json that was saved with it"
	}
	return "copy the adapter again: a file is damaged"
}
