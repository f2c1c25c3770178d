/// The role of a tensor in its model, derived from its name: covers llama, mistral, qwen, gemma, phi, GPT-2, GPT-J, GPT-NeoX, falcon, BERT, T5, OPT and related
/// models in Hugging Face's checkpoints, and GGUF's names.
package enum TensorRole: Hashable, Sendable {
    /// A table indexed by token, position or distance.
    case embedding
    /// Maps the last activation to scores of tokens or classes.
    case head
    /// Chooses the experts of a token: small, and a wrong choice is costly.
    case router
    /// A weight of a feed-forward block.
    case feedForward
    /// An addend of any shape.
    case bias
    /// A factor for a weight or an activation.
    case scale
    /// Any other tensor.
    case other

    /// The role of a tensor with this name. O(length).
    package init(name: String) {
        var parts = name.lowercased().split(separator: ".").map(String.init)
        let isBias = parts.last.map { $0 == "bias" || $0.hasSuffix("_bias") || $0 == "a_log" } ?? false
        if parts.count > 1, parts.last == "weight" || parts.last == "bias" { parts.removeLast() }
        let last = parts.last ?? ""
        let parent = parts.dropLast().last ?? ""
        let all = Set(parts)

        if isBias {
            self = .bias
        } else if Self.isScale(last) {
            self = .scale
        } else if Self.isHead(parts, all, last) {
            self = .head
        } else if Self.isEmbedding(parts, all, last) {
            self = .embedding
        } else if Self.isRouter(last, parent) {
            self = .router
        } else if Self.isFeedForward(parts, all, last, parent) {
            self = .feedForward
        } else {
            self = .other
        }
    }

    private static func isScale(_ last: String) -> Bool {
        ["scale", "scales"].contains(last) || ["_scale", "_scales", "_scale_inv"].contains { last.hasSuffix($0) }
    }

    private static func isHead(_ parts: [String], _ all: Set<String>, _ last: String) -> Bool {
        let anywhere: Set = ["lm_head", "embed_out", "classifier", "score", "qa_outputs", "vocab_projector"]
        if !all.isDisjoint(with: anywhere) { return true }
        // BERT's head is under cls; a whole model's output has no layer name before it.
        if all.isSuperset(of: ["cls", "predictions", "decoder"]) || all.isSuperset(of: ["cls", "seq_relationship"]) { return true }
        return parts == ["output"] || parts == ["head"] || parts == ["proj_out"] || last == "lm_head"
    }

    private static func isEmbedding(_ parts: [String], _ all: Set<String>, _ last: String) -> Bool {
        let names: Set = ["wte", "wpe", "token_embd", "position_embd", "token_types", "relative_attention_bias", "relative_position_bias_table"]
        if names.contains(last) || parts == ["shared"] || parts == ["emb"] { return true }
        // embed_tokens, word_embeddings, position_embeddings, embed_positions, embed_in, tok_embeddings, ...
        return parts.contains { $0.contains("embed") }
    }

    private static func isRouter(_ last: String, _ parent: String) -> Bool {
        if ["router", "ffn_gate_inp", "shared_expert_gate", "ffn_gate_inp_shexp"].contains(last) || parent == "router" { return true }
        return last == "gate" && ["mlp", "block_sparse_moe", "feed_forward", "moe", "ffn"].contains(parent)
    }

    private static func isFeedForward(_ parts: [String], _ all: Set<String>, _ last: String, _ parent: String) -> Bool {
        let blocks: Set = [
            "mlp", "ffn", "feed_forward", "feedforward", "densereludense", "block_sparse_moe", "experts", "shared_expert", "shared_experts", "moe",
        ]
        if !all.isDisjoint(with: blocks) { return true }
        let names: Set = [
            "gate_proj", "up_proj", "down_proj", "gate_up_proj", "fc1", "fc2", "c_fc", "fc_in", "fc_out", "dense_h_to_4h", "dense_4h_to_h",
            "lin1", "lin2", "linear1", "linear2", "wi", "wi_0", "wi_1", "w1", "w2", "w3",
        ]
        if names.contains(last) || last.hasPrefix("ffn_") { return true }
        // BERT: layer.0.intermediate.dense and layer.0.output.dense, but not layer.0.attention.output.dense.
        return last == "dense" && (parent == "intermediate" || parent == "output" && !all.contains("attention"))
    }
}
