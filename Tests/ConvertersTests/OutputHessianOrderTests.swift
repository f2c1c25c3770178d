import Quantization
import Architectures
import Converters
import QAMFormat
import Testing

/// Output Hessians with Hugging Face's names, for models with GGUF's names.
@Suite struct OutputHessianOrderTests {
    private static let models = ArchitectureModels.all.filter { ["llama", "mistral", "qwen2", "qwen3", "gemma3_text"].contains($0.kind) }

    /// All elements of row r of each matrix are r.
    private static func numbered(_ model: ArchitectureModels.Model) throws -> MemorySource {
        var source = try ArchitectureModels.source(model, dtype: .f32)
        for (index, tensor) in source.tensors.enumerated() where tensor.shape.count == 2 {
            source.payloads[index] = [try ElementConversion.bytes((0..<tensor.elementCount).map { Float($0 / tensor.columns) }, as: .f32)]
        }
        return source
    }

    /// G[i, j] = i * rows + j for every matrix of a model.
    private static func statistics(_ model: some TensorSource) throws -> CalibrationFile {
        var statistics = MemoryTensors(groups: "[]")
        for tensor in model.tensors where tensor.shape.count == 2 {
            try statistics.add("\(tensor.name).output_moment", [tensor.rows, tensor.rows], (0..<tensor.rows * tensor.rows).map(Float.init))
        }
        return try CalibrationFile(statistics)
    }

    @Test(arguments: models) func rowsAndColumnsAreInTheModelsOrder(_ model: ArchitectureModels.Model) throws {
        let original = try Self.numbered(model), file = try Self.statistics(original)
        let gguf = try ModelNames.gguf.applied(to: original, strict: true)
        let ordered = try file.ordered(for: gguf)
        var moved = 0
        for (index, tensor) in gguf.tensors.enumerated() where tensor.shape.count == 2 {
            let rows = tensor.rows
            let values = try ElementConversion.floats(payload(gguf, index)[0], as: .f32)
            let order = (0..<rows).map { Int(values[$0 * tensor.columns]) }
            #expect(ordered.outputCount(of: tensor.name) == rows, "\(tensor.name)")
            for range in [0..<rows, 1..<2, rows / 2 - 1..<rows, 3..<3] {
                let expected = range.flatMap { i in order.map { Float(order[i] * rows + $0) } }
                #expect(try ordered.outputHessian(of: tensor.name, rows: range) == expected, "\(tensor.name)")
            }
            let error = #expect(throws: QAMError.self) { try ordered.outputHessian(of: tensor.name, rows: 0..<rows + 1) }
            #expect(error?.code == .invalidArgument)
            if order != Array(0..<rows) { moved += 1 }
            // The name alone does not determine the order of rows.
            #expect(file.hasOutputHessian(of: tensor.name) == !(tensor.name.contains("attn_q.") || tensor.name.contains("attn_k.")))
        }
        #expect(moved == (model.architecture == "llama" ? 4 : 0))
        #expect(ordered.fingerprint == file.fingerprint)
        // A model with the names of the statistics needs no conversion.
        let same = try file.ordered(for: original)
        for tensor in original.tensors where tensor.shape.count == 2 {
            #expect(try same.outputHessian(of: tensor.name, rows: 0..<2) == (0..<2 * tensor.rows).map(Float.init))
        }
    }

    @Test func whatTheMetadataDoNotSayIsNotGuessed() throws {
        let original = try Self.numbered(ArchitectureModels.all[0]), file = try Self.statistics(original)
        let gguf = try ModelNames.gguf.applied(to: original, strict: true)
        func knows(_ change: (inout Metadata) -> Void) throws -> [Bool] {
            var metadata = gguf.metadata
            change(&metadata)
            let ordered = try file.ordered(for: MetadataReplacingSource(gguf, metadata: metadata))
            return ["q", "k", "v"].map { ordered.hasOutputHessian(of: "blk.1.attn_\($0).weight") }
        }
        #expect(try knows { _ in } == [true, true, true])
        #expect(try knows { $0.set("general.architecture", .string("other")) } == [false, false, true])
        #expect(try knows { $0.remove("general.architecture") } == [false, false, true])
        #expect(try knows { $0.set("llama.nextn_predict_layers", .uint32(1)) } == [false, false, true])
        #expect(try knows { $0.remove("llama.attention.head_count") } == [false, true, true])
        // As many key heads as query heads by default.
        #expect(try knows { $0.remove("llama.attention.head_count_kv") } == [true, true, true])
        #expect(try knows { $0.set("llama.attention.head_count_kv", .array(.uint32([2, 1]))) } == [true, false, true])
        for heads in [0, 3, 32] { #expect(try knows { $0.set("llama.attention.head_count", .uint32(UInt32(heads))) } == [false, true, true]) }
        #expect(throws: QAMError.self) { try knows { $0.set("llama.expert_count", .string("many")) } }
    }
}
