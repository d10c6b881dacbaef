package engine

// Turn is one message of a conversation.
type Turn struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
}
