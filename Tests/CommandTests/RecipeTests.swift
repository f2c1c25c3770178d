import Quantization
import Converters
import QAMFormat
import Testing

/// The roles that recipes assign to tensor names.
@Suite struct RecipeTests {
    @Test(arguments: [
        ("model.layers.0.mlp.down_proj.weight_scale_inv", TensorRole.scale), ("a.scales", .scale), ("rope.scale", .scale), ("a.upscale.weight", .other),
        ("model.embed_tokens.weight", TensorRole.embedding), ("transformer.wte.weight", .embedding), ("wpe.weight", .embedding),
        ("shared.weight", .embedding), ("bert.embeddings.word_embeddings.weight", .embedding), ("token_embd.weight", .embedding),
        ("model.decoder.embed_positions.weight", .embedding), ("tok_embeddings.weight", .embedding), ("gpt_neox.embed_in.weight", .embedding),
        ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", .embedding),
        ("lm_head.weight", .head), ("output.weight", .head), ("embed_out.weight", .head), ("score.weight", .head), ("classifier.weight", .head),
        ("classifier.dense.weight", .head), ("qa_outputs.weight", .head), ("cls.predictions.decoder.weight", .head), ("proj_out.weight", .head),
        ("model.layers.0.mlp.gate.weight", .router), ("model.layers.0.block_sparse_moe.gate.weight", .router), ("blk.0.ffn_gate_inp.weight", .router),
        ("model.layers.0.mlp.router.weight", .router), ("model.layers.1.mlp.shared_expert_gate.weight", .router),
        ("model.layers.0.mlp.gate_proj.weight", .feedForward), ("model.layers.0.mlp.gate_up_proj.weight", .feedForward),
        ("model.layers.0.mlp.experts.3.down_proj.weight", .feedForward), ("model.layers.0.block_sparse_moe.experts.0.w1.weight", .feedForward),
        ("h.0.mlp.c_fc.weight", .feedForward), ("h.0.mlp.c_proj.weight", .feedForward), ("model.decoder.layers.0.fc1.weight", .feedForward),
        ("bert.encoder.layer.0.intermediate.dense.weight", .feedForward), ("bert.encoder.layer.0.output.dense.weight", .feedForward),
        ("encoder.block.0.layer.1.DenseReluDense.wi_0.weight", .feedForward), ("encoder.block.0.layer.1.DenseReluDense.wo.weight", .feedForward),
        ("layers.0.feed_forward.w2.weight", .feedForward), ("blk.0.ffn_down.weight", .feedForward),
        ("distilbert.transformer.layer.0.ffn.lin1.weight", .feedForward),
        ("bert.encoder.layer.0.attention.output.dense.weight", .other), ("layers.0.attention.wo.weight", .other), ("h.0.attn.c_proj.weight", .other),
        ("model.layers.0.self_attn.q_proj.weight", .other), ("bert.pooler.dense.weight", .other), ("blk.0.attn_output.weight", .other),
        ("model.layers.0.mlp.experts.gate_up_proj_bias", .bias), ("model.layers.0.self_attn.q_proj.bias", .bias), ("backbone.layers.0.mixer.A_log", .bias),
    ])
    func namesTellRoles(_ name: String, _ role: TensorRole) { #expect(TensorRole(name: name) == role) }

    private func tensor(_ name: String, _ shape: Int..., dtype: DType = .bf16) -> TensorDescriptor {
        TensorDescriptor(name: name, shape: shape, storage: .raw(dtype))
    }

    @Test func stacksOfExpertsAreLinearAndConvolutionsAreNot() throws {
        let recipe = try Recipe(.linear, code: Code(.octant, bits: 5))
        #expect(try recipe.decision(for: tensor("model.layers.0.mlp.experts.gate_up_proj", 4, 64, 128)) == .code(Code(.octant, bits: 5)))
        #expect(recipe.decision(for: tensor("conv1.weight", 64, 80, 4)) == .leave(reason: "3 dimensions (recipe linear)", wanted: false))
        #expect(try Recipe(.all, code: Code(.octant, bits: 5)).decision(for: tensor("conv1.weight", 64, 80, 4)) == .code(Code(.octant, bits: 5)))
        #expect(try Recipe(.all, code: Code(.octant, bits: 5)).decision(for: tensor("lm_head.weight", 64, 80)) == .code(Code(.octant, bits: 5)))
    }

    @Test func whatIsInTheWayIsWantedOrNot() throws {
        var recipe = try Recipe(.linear, code: Code(.octant, bits: 5))
        try recipe.include("norm")
        func isWanted(_ tensor: TensorDescriptor) -> Bool? {
            if case .leave(_, let wanted) = recipe.decision(for: tensor) { wanted } else { nil }
        }
        #expect(isWanted(tensor("a.weight", 8, 7)) == true)
        #expect(isWanted(tensor("a.weight", 64)) == false)
        #expect(isWanted(tensor("a.weight", 8, 8, dtype: .i64)) == false)
        #expect(isWanted(tensor("norm.weight", 64)) == true)
        #expect(isWanted(tensor("lm_head.weight", 8, 7)) == false)
    }

    @Test(arguments: ["(", "a=7", "a=3.25", "a=0"]) func badRulesAreRefused(_ rule: String) throws {
        var recipe = try Recipe(.linear, code: Code(.octant, bits: 5))
        #expect(throws: QAMError.self) { try recipe.include(rule) }
    }

    @Test func textAfterTheLastEqualsSignIsBitsOnlyIfItIsANumber() throws {
        var recipe = try Recipe(.mlp, code: Code(.octant, bits: 5))
        try recipe.include("x=y")
        try recipe.include("p=q=3")
        #expect(try recipe.decision(for: tensor("x=y", 8, 8)) == .code(Code(.octant, bits: 5)))
        #expect(try recipe.decision(for: tensor("p=q", 8, 8)) == .code(Code(.octant, bits: 3)))
        #expect(recipe.decision(for: tensor("attn.weight", 8, 8)) == .leave(reason: "not feed-forward (recipe mlp)", wanted: false))
    }
}
