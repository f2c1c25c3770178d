import Architectures

/// Keys of config.json without an equivalent in GGUF.
enum UnsaidKeys {
    /// A warning that names those that may change results.
    static func warnings(_ config: ModelConfig, _ architecture: Architecture) -> [String] {
        let known = said(architecture)
        let unsaid = config.saidKeys.filter { !known.contains($0) && !harmless.contains($0) && !architecture.harmless.contains($0) && !isOfTools($0) }
        guard !unsaid.isEmpty else { return [] }
        let names = unsaid.prefix(8).map { "\"\($0)\"" }.joined(separator: ", ") + (unsaid.count > 8 ? " and \(unsaid.count - 8) more" : "")
        return ["\(ModelConfig.name): \(names): not known in \(architecture.gguf); GGUF loaders ignore it, which may change results"]
    }

    /// Keys that the architecture's tables read.
    private static func said(_ architecture: Architecture) -> Set<String> {
        var keys = Set(
            architecture.hyperparameters.map(\.config) + architecture.fixed.map(\.key)
                + (architecture.names + architecture.synonyms).flatMap { [$0.table, $0.own] } + architecture.defaults.map(\.key))
        for feature in architecture.features {
            switch feature {
            case .ropeDimensions(let isPartial): keys.formUnion(isPartial ? ["partial_rotary_factor", "rotary_dim"] : ["partial_rotary_factor"])
            case .ropeScaling, .longRope: keys.formUnion(["rope_scaling", "original_max_position_embeddings"])
            case .slidingPattern: keys.formUnion(["sliding_window_pattern", "_sliding_window_pattern", "layer_types"])
            case .layerTypes: keys.insert("layer_types")
            case .layersWithoutRotary: keys.insert("no_rope_layers")
            case .heeded(let key, _): keys.insert(key)
            case .furtherLayers: keys.insert("num_nextn_predict_layers")
            case .yarnMultiplier, .scaledByDefault: break
            case .unusedWindow: keys.insert("sliding_window")
            case .queryScalar: keys.insert("query_pre_attn_scalar")
            case .flag(let key, _): keys.insert(key)
            }
        }
        return keys
    }

    private static func isOfTools(_ key: String) -> Bool {
        // For training and tools: unsloth_version, transformers.js_config, attention_dropout, output_attentions.
        ["unsloth_", "transformers"].contains(where: key.hasPrefix) || ["_dropout", "_pdrop"].contains(where: key.hasSuffix)
    }

    /// Keys that do not affect next-token probabilities: names and versions, training, sampling, token ids, caches and classification.
    private static let harmless: Set<String> = [
        "architectures", "model_type", "torch_dtype", "dtype", "_name_or_path", "name_or_path", "auto_map", "custom_pipelines", "text_config",
        "tie_word_embeddings", "rope_parameters", "partial_rotary_factor", "is_llama_config", "pretraining_tp",
        "_attn_implementation_autoset", "attn_implementation", "_attn_implementation",
        "use_cache", "cache_implementation", "initializer_range", "dropout", "output_router_logits", "gradient_checkpointing", "tokenizer_class",
        "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "sep_token_id", "decoder_start_token_id", "forced_bos_token_id",
        "forced_eos_token_id", "bos_token", "eos_token", "pad_token", "model_max_length", "max_sequence_length", "tokenizer_model_max_length",
        "return_dict", "return_dict_in_generate", "output_hidden_states", "output_attentions", "output_scores", "torchscript", "use_bfloat16",
        "tf_legacy_loss", "pruned_heads", "chunk_size_feed_forward", "is_decoder", "tie_encoder_decoder", "max_length", "min_length", "do_sample",
        "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "min_p", "typical_p",
        "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences",
        "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens", "finetuning_task", "id2label",
        "label2id", "num_labels", "prefix", "task_specific_params", "problem_type",
    ]
}
