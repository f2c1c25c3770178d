import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

/// The types that the matrices of a GGUF become.
@Suite struct BlockTypesTests {
    /// Models of several shapes, and the types that llama.cpp's own functions choose for their tensors (Tests/oracles/ggml_types/mixtures.py).
    struct Golden: Decodable {
        struct Model: Decodable, CustomTestStringConvertible {
            var architecture: String
            var layers, width, keys, inner, experts, queriesPerKey: Int
            var head, fused: Bool
            /// By mixture and role, a letter for each layer, or one for all.
            var types: [String: [String: String]]

            var testDescription: String { "\(architecture) of \(layers) layers, \(experts) experts" }
        }

        var letters: [String: String]
        var models: [Model]

        static var models: [Model] { file?.models ?? [] }
        static let file: Golden? = {
            let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "testdata/golden/ggml/mixtures.json")
            return (try? Data(contentsOf: url)).flatMap { try? JSONDecoder().decode(Golden.self, from: $0) }
        }()
    }

    /// Tensors with nothing in them, and the role and layer of each.
    private static func source(_ model: Golden.Model) throws -> (source: MemoryTensors, roles: [(role: String, layer: Int)]) {
        var source = MemoryTensors(groups: "[]"), roles: [(role: String, layer: Int)] = []
        func add(_ name: String, _ role: String, _ layer: Int, _ shape: [Int]) {
            source.tensors.append(TensorDescriptor(name: name, shape: shape, storage: .raw(.f32)))
            roles.append((role, layer))
        }
        let name = model.architecture
        source.metadata.set("general.architecture", .string(name))
        source.metadata.set("\(name).block_count", .uint32(UInt32(model.layers)))
        if model.experts > 0 { source.metadata.set("\(name).expert_count", .uint32(UInt32(model.experts))) }
        source.metadata.set("\(name).attention.head_count", .uint32(UInt32(8 * model.queriesPerKey)))
        source.metadata.set("\(name).attention.head_count_kv", .array(.uint32([UInt32](repeating: 8, count: model.layers))))
        // Files need not have llama.cpp's order.
        for layer in (0..<model.layers).reversed() {
            let width = model.width, experts = model.experts > 0 ? [model.experts] : [], ending = model.experts > 0 ? "_exps" : ""
            var parts = [("attn_output", [width, width]), ("attn_norm", [width])]
            parts +=
                model.fused
                ? [("attn_qkv", [3 * width, width])] : [("attn_q", [width, width]), ("attn_k", [model.keys, width]), ("attn_v", [model.keys, width])]
            if model.experts > 0 { parts.append(("ffn_gate_inp", [model.experts, width])) }
            parts += [("ffn_gate\(ending)", experts + [model.inner, width]), ("ffn_up\(ending)", experts + [model.inner, width])]
            parts.append(("ffn_down\(ending)", experts + [width, model.inner]))
            for (role, shape) in parts { add("blk.\(layer).\(role).weight", role, layer, shape) }
        }
        add("token_embd.weight", "embedding", 0, [512, model.width])
        add("output_norm.weight", "norm", 0, [model.width])
        if model.head { add("output.weight", "head", 0, [512, model.width]) }
        return (source, roles)
    }

    @Test(arguments: Golden.models) func mixtures(_ model: Golden.Model) throws {
        let letters = try #require(Golden.file).letters
        let (source, roles) = try Self.source(model)
        #expect(model.types.count >= 18)
        for (key, expected) in model.types {
            let parts: [String] = key.split(separator: " ").map { String($0) }
            let isWeighted = parts.count > 1, found: BlockTypes? = BlockTypes.named(parts[0])
            let types = try #require(found)
            let statistics: Statistics? = isWeighted ? Self.unknown : nil
            let plain: any TensorSource = try GGUFTypes.quantize(source, to: types, meanSquares: statistics)
            for (tensor, place) in zip(plain.tensors, roles) {
                let text: [Character] = Array(try #require(expected[place.role]))
                let letter = String(text.count == 1 ? text[0] : text[place.layer])
                let name: String = try #require(letters[letter])
                let known: [DType] = DType.ggml + [.f32], listed: DType? = known.first { $0.name == name }
                let dtype = try #require(listed)
                #expect(tensor.storage == .raw(dtype), "\(key) \(tensor.name)")
            }
            // What statistics do not change is the same with them.
            guard !isWeighted, model.types["\(key) weighted"] == nil else { continue }
            #expect(try GGUFTypes.quantize(source, to: types, meanSquares: Self.unknown).tensors == plain.tensors, "\(key)")
        }
    }

    private typealias Statistics = @Sendable (TensorDescriptor) throws -> [Float]?

    /// Statistics of no matrix.
    private static let unknown: Statistics = { _ in nil }

    @Test func everyName() throws {
        #expect(Golden.models.count == 8)
        #expect(Set(BlockTypes.all.map(\.name)).count == BlockTypes.all.count)
        for types in BlockTypes.all {
            #expect(ElementConversion.encodable.contains(types.base), "\(types.name)")
            let pure = try #require(BlockTypes.named(types.name, pure: true))
            var source = try Self.source(try #require(Golden.file).models[0]).source
            let tensors = try GGUFTypes.quantize(source, to: pure).tensors
            #expect(tensors.allSatisfy { $0.storage == .raw($0.shape.count == 1 ? .f32 : types.base) }, "\(types.name)")
            // Without GGUF's names nothing can be told apart.
            source.metadata = Metadata()
            #expect(try GGUFTypes.quantize(source, to: pure).tensors == tensors)
            guard try #require(BlockTypes.named(types.name)) != pure else { continue }
            let nameless = source
            #expect(throws: QAMError.self) { try GGUFTypes.quantize(nameless, to: types) }
        }
        #expect(BlockTypes.named("q4") == nil)
    }

    @Test func rowsThatAreNotWholeBlocks() throws {
        var source = MemoryTensors(groups: "[]")
        source.metadata.set("general.architecture", .string("llama"))
        for (name, columns) in [("attn_q", 288), ("attn_k", 48), ("ffn_up", 512)] {
            source.tensors.append(TensorDescriptor(name: "blk.0.\(name).weight", shape: [2, columns], storage: .raw(.f32)))
        }
        let fallbacks = ["q2_k": "Q4_0", "q3_k": "Q4_0", "q4_k": "Q5_0", "q5_k": "Q5_1", "q6_k": "Q8_0", "iq4_xs": "IQ4_NL"]
        for (name, expected) in fallbacks {
            let types = try #require(BlockTypes.named(name, pure: true))
            let result = try GGUFTypes.quantize(source, to: types)
            #expect(result.tensors.map(\.storage) == [.raw(try #require(DType.ggml.first { $0.name == expected })), .raw(.f16), .raw(types.base)])
            #expect(result.warnings.contains("rows that are not a multiple of 256 become \(expected), not \(types.base.name): blk.0.attn_q.weight"))
            #expect(result.warnings.contains("rows that are not a multiple of 32 stay F16: blk.0.attn_k.weight"))
        }
    }

    @Test func whatIsSaid() throws {
        var source = MemoryTensors(groups: "[]")
        source.metadata.set("general.architecture", .string("llama"))
        for (name, type) in [("token_embd", DType.bf16), ("blk.0.attn_q", .q8_0), ("blk.0.ffn_gate_inp", .f32), ("blk.0.attn_q_norm", .bf16)] {
            source.tensors.append(TensorDescriptor(name: "\(name).weight", shape: [4, 256], storage: .raw(type)))
        }
        let types = try #require(BlockTypes.named("q4_k_m"))
        let result = try GGUFTypes.quantize(source, to: types) { _ in [Float](repeating: 0, count: 256) }
        #expect(result.tensors.map(\.storage) == [.raw(try #require(DType.ggml.first { $0.name == "Q6_K" })), .raw(types.base), .raw(.f32), .raw(.f32)])
        #expect(result.metadata["general.file_type"] == .uint32(15) && result.metadata["general.quantization_version"] == .uint32(2))
        #expect(result.warnings.count == 2 && result.warnings[0].contains("second time") && result.warnings[0].hasSuffix(": blk.0.attn_q.weight"))
        #expect(result.warnings[1].contains("no statistics") && result.warnings[1].hasSuffix(": blk.0.attn_q.weight"))
        let same = source
        #expect(throws: QAMError.self) { try GGUFTypes.quantize(same, to: types) { _ in [1, 2, 3] } }
    }

    private static let searched = ElementConversion.encodable.filter { $0.blockElements > 1 && $0 != .q8_0 }.sorted { $0.id < $1.id }

    /// A tensor read in pieces has the bytes and the error of the whole, and errors name it.
    @Test(arguments: searched) func castInPieces(_ dtype: DType) throws {
        // Columns without weight are large, so that every type chooses other scales for the weighted error.
        let values: [Float] = (0..<4 * 768).map { (index: Int) -> Float in
            let value = Float(sin(Double(index * index)))
            return index % 768 % 7 == 0 ? 4 * value : value
        }
        var base = MemoryTensors(groups: "[]")
        try base.add("w", [4, 768], values)
        let source = base
        let weights = try #require(try ColumnWeights((0..<768).map { Float($0 % 7) }))
        let cast = try CastingSource(source, weights: { _ in weights }, target: { _ in dtype })
        let total = cast.tensors[0].byteCount, granule = cast.granule(of: 0)
        let whole = try cast.read(0..<total, of: 0)
        var pieces = TensorFindings(), bytes: [UInt8] = []
        for start in stride(from: 0, to: total, by: granule) {
            let piece = try cast.read(start..<start + granule, of: 0)
            pieces += piece
            bytes += piece.streams[0]
        }
        #expect([bytes] == whole.streams)
        var weighted = 0.0, plain = 0.0, error = 0.0
        let equal = try ElementConversion.floats(ElementConversion.bytes(values, as: dtype), as: dtype)
        for (index, stored) in try ElementConversion.floats(bytes, as: dtype).enumerated() {
            let weight = Double(weights.values[index % 768])
            weighted += weight * Double((values[index] - stored) * (values[index] - stored))
            plain += weight * Double((values[index] - equal[index]) * (values[index] - equal[index]))
            error += pow(Double(values[index]) - Double(stored), 2)
        }
        #expect(weighted < plain)
        #expect(abs((pieces.distortion?.error ?? 0) / error - 1) < 1e-9)
        #expect(cast.fingerprint != (try CastingSource(source, to: dtype)).fingerprint)

        try base.add("broken", [1, 256], [Float](repeating: .nan, count: 256))
        let broken = try CastingSource(base, to: dtype)
        let refusal = #expect(throws: QAMError.self) { try broken.read(0..<broken.tensors[1].byteCount, of: 1) }
        #expect(refusal?.place.tensor == "broken" && refusal?.message.contains(dtype.name) == true)
        let both = base
        #expect(throws: QAMError.self) { try CastingSource(both, weights: { _ in weights }, target: { _ in dtype }) }
    }
}
