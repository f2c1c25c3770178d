import Architectures
import QAMFormat

/// The tensors that llama.cpp lets become block types: matrices of weights, except those that are small or harmed too much.
enum QuantizableTensors {
    static func contains(_ tensor: TensorDescriptor, named names: ModelNames?) -> Bool {
        guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype), !GGUFTypes.isPlain(tensor), tensor.rows > 1 else { return false }
        guard names == .gguf else { return true }
        let isWeight = ["weight", ".lora_a", ".lora_b"].contains(where: tensor.name.hasSuffix)
        return isWeight && !kept.contains { tensor.name.contains($0) } && !keptNames.contains(tensor.name)
    }

    private static let keptNames: Set<String> = ["position_embd.weight", "token_types.weight"]

    /// Parts of names: norms, routers, convolutions, small matrices, positions.
    private static let kept = [
        "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj", "ssm_conv1d",
        "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight", "time_mix_first.weight", "time_mix_w0.weight",
        "time_mix_w1.weight", "time_mix_w2.weight", "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight", "time_mix_a0.weight",
        "time_mix_a1.weight", "time_mix_a2.weight", "time_mix_g1.weight", "time_mix_g2.weight", "time_mix_decay_w1.weight",
        "time_mix_decay_w2.weight", "time_mix_lerp_fused.weight", "attn_rel_b.weight", ".position_embd", "sam.pos_embd", "sam.neck.",
        "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
    ]
}
