import Quantization
import Converters
import Inference
import QAMFormat
import Testing

@Suite struct CalibrationTests {
    private static let columns = 32
    private static let squares = (0..<columns).map { Float(1 + $0 % 5 * $0) }

    private static func statistics(moments: [Float]? = nil, groups: String = #"[["q","k"]]"#) throws -> MemoryTensors {
        var source = MemoryTensors(groups: groups)
        for name in ["q", "k"] {
            try source.add("\(name).mean_square", [columns], squares)
            try source.add("\(name).mean_absolute", [columns], squares.map { $0.squareRoot() / 2 })
        }
        if let moments { try source.add("q.second_moment", [columns, columns], moments) }
        return source
    }

    /// The correlation of adjacent channels is 0.5.
    private static let moments: [Float] = (0..<columns * columns).map { index in
        let i = index / columns, j = index % columns
        return (squares[i] * squares[j]).squareRoot() * Float(sign: .plus, exponent: -abs(i - j), significand: 1)
    }

    private static func weights() throws -> MemoryTensors {
        var source = MemoryTensors(groups: "")
        for (index, name) in ["q", "k", "other"].enumerated() {
            try source.add(name, [40, columns], (0..<40 * columns).map { Float(($0 &* 7919 &+ index) % 1009) / 1009 - 0.5 })
        }
        return source
    }

    @Test func statisticsAreFoundByMatrix() throws {
        let file = try CalibrationFile(Self.statistics(moments: Self.moments))
        let input = try #require(file.input(of: "k"))
        #expect(file.input(of: "q") == input && file.input(of: "other") == nil)
        #expect(try file.meanSquares(of: input) == Self.squares)
        #expect(try file.hessian(of: input, rows: 3..<5) == Array(Self.moments[96..<160]))
        #expect(try !CalibrationFile(Self.statistics()).hasHessian(of: 0))
    }

    @Test func theNumberOfVectorsIsKnown() throws {
        #expect(try CalibrationFile(Self.statistics()).vectorCount == nil)
        for (text, count) in [("4096", 4096), ("0", nil), ("-3", nil), ("many", nil)] as [(String, Int?)] {
            var source = try Self.statistics()
            source.metadata.set("qamw.calibration.tokens", .string(text))
            #expect(try CalibrationFile(source).vectorCount == count)
        }
    }

    @Test(arguments: ["{}", "[[]]", "[[1]]", #"[["q","q"]]"#, #"[["v"]]"#, #"["q"]"#, "[["])
    func unsoundGroupsAreRefused(groups: String) throws {
        let error = #expect(throws: QAMError.self) { try CalibrationFile(Self.statistics(groups: groups)) }
        #expect(error?.code == .malformed)
    }

    @Test func unsoundNumbersAreRefused() throws {
        var source = try Self.statistics(groups: #"[["q"],["k"]]"#)
        source.payloads[0][3] = 0xC0
        let error = #expect(throws: QAMError.self) { try CalibrationFile(source).meanSquares(of: 0) }
        #expect(error?.code == .malformed && error?.place.tensor == "q.mean_square")
        source.tensors[0].shape = [Self.columns / 2, 2]
        #expect(throws: QAMError.self) { try CalibrationFile(source) }
    }

    // MARK: Output Hessians

    private static func withOutputs(_ outputs: [(name: String, shape: [Int])]) throws -> MemoryTensors {
        var source = try statistics()
        for (name, shape) in outputs {
            try source.add("\(name).output_moment", shape, (0..<shape.reduce(1, *)).map(Float.init))
        }
        return source
    }

    @Test func momentsOfOutputsAreFound() throws {
        let file = try CalibrationFile(Self.withOutputs([("q", [3, 3])]))
        #expect(file.hasOutputHessian(of: "q") && !file.hasOutputHessian(of: "k") && !file.hasOutputHessian(of: "other"))
        #expect(file.outputCount(of: "q") == 3 && file.outputCount(of: "k") == nil)
        #expect(try file.outputHessian(of: "q", rows: 1..<3) == [3, 4, 5, 6, 7, 8])
        #expect(try file.outputHessian(of: "q", rows: 0..<0) == [])
        #expect(try file.meanSquares(of: 0) == Self.squares)
        let missing = #expect(throws: QAMError.self) { try file.outputHessian(of: "k", rows: 0..<1) }
        #expect(missing?.code == .notFound && missing?.place.tensor == "k.output_moment")
        for rows in [0..<4, -1..<1] {
            let error = #expect(throws: QAMError.self) { try file.outputHessian(of: "q", rows: rows) }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test(arguments: [[3, 4], [9], [1, 3, 3], [0, 0]])
    func momentsOfOutputsThatAreNoSquareAreRefused(shape: [Int]) throws {
        let error = #expect(throws: QAMError.self) { try CalibrationFile(Self.withOutputs([("q", shape)])) }
        #expect(error?.code == .malformed && error?.place.tensor == "q.output_moment")
    }

    @Test func momentsOfOutputsOfAnotherTypeAreRefused() throws {
        var source = try Self.withOutputs([("q", [4, 4])])
        source.tensors[source.tensors.count - 1].storage = .raw(.f16)
        let error = #expect(throws: QAMError.self) { try CalibrationFile(source) }
        #expect(error?.code == .malformed)
    }

    /// Conversion permutes the query and key rows of llama; the names exist in other architectures too.
    @Test func momentsOfOutputsAreFoundByTheOtherNameWhereRowsStay() throws {
        let pairs = [
            ("self_attn.q_proj", "attn_q", false), ("self_attn.k_proj", "attn_k", false), ("self_attn.v_proj", "attn_v", true),
            ("self_attn.o_proj", "attn_output", true), ("mlp.gate_proj", "ffn_gate", true), ("mlp.up_proj", "ffn_up", true),
            ("mlp.down_proj", "ffn_down", true), ("self_attn.qkv_proj", "attn_qkv", true), ("mlp.gate_up_proj", "ffn_up", true),
        ]
        for (huggingFace, gguf, keepsRows) in pairs {
            let long = "model.layers.3.\(huggingFace).weight", short = "blk.3.\(gguf).weight"
            let ofLong = try CalibrationFile(Self.withOutputs([(long, [2, 2])])), ofShort = try CalibrationFile(Self.withOutputs([(short, [2, 2])]))
            #expect(ofLong.hasOutputHessian(of: long) && ofShort.hasOutputHessian(of: short))
            #expect(ofLong.hasOutputHessian(of: short) == keepsRows && ofShort.hasOutputHessian(of: long) == keepsRows, "\(huggingFace)")
            #expect(!ofLong.hasOutputHessian(of: "blk.4.\(gguf).weight"))
        }
        // Another matrix that reads the same input.
        let up = try CalibrationFile(Self.withOutputs([("model.layers.0.mlp.up_proj.weight", [2, 2])]))
        #expect(!up.hasOutputHessian(of: "model.layers.0.mlp.gate_up_proj.weight"))
        let twice = try Self.withOutputs([("model.layers.0.mlp.down_proj.weight", [2, 2]), ("blk.0.ffn_down.weight", [2, 2])])
        #expect(throws: QAMError.self) { try CalibrationFile(twice) }
    }

    @Test func theLayoutFollowsTheParts() throws {
        let parts = [
            Calibrator.PartNames(inputs: [(["head"], 4)], tokenWeights: [("head", 9)]),
            Calibrator.PartNames(inputs: [(["a", "b"], 4), (["c"], 2)], outputs: [("c", 3), ("a", 5), ("b", 6)]),
        ]
        let layout = CalibrationLayout(parts: parts, hasHessians: true, tokens: 7, context: 7)
        #expect(layout.tensors.count == 5 + 7 + 4 + 3 && layout.contents.map(\.part) == [Int](repeating: 0, count: 5) + [Int](repeating: 1, count: 14))
        #expect(layout.tensors[4].name == "head.token_weight" && layout.tensors[4].shape == [9] && layout.contents[4].statistic == .tokenWeight)
        #expect(layout.contents[5..<12].map(\.index) == [0, 0, 0, 0, 0, 0, 0] && layout.contents[12..<16].map(\.index) == [1, 1, 1, 1])
        #expect(layout.tensors.suffix(3).map(\.name) == ["c.output_moment", "a.output_moment", "b.output_moment"])
        #expect(layout.tensors.suffix(3).map(\.shape) == [[3, 3], [5, 5], [6, 6]] && layout.contents.suffix(3).map(\.index) == [0, 1, 2])
        let plain = CalibrationLayout(parts: parts, hasHessians: false, tokens: 7, context: 7)
        #expect(plain.tensors.map(\.name) == layout.tensors.map(\.name).filter { !$0.hasSuffix("second_moment") })
    }

    @Test func tokenWeightsAreFoundByMatrix() throws {
        func statistics(_ values: [Float], _ shape: [Int], named name: String = "model.embed_tokens.weight") throws -> CalibrationFile {
            var source = try Self.statistics()
            try source.add("\(name).token_weight", shape, values)
            return try CalibrationFile(source)
        }
        let tensor = { (name: String, rows: Int) in TensorDescriptor(name: name, shape: [rows, 2], storage: .raw(.f32)) }
        let file = try statistics([1, 0, 2], [3])
        for name in ["model.embed_tokens.weight", "token_embd.weight"] {
            #expect(try file.tokenWeights(of: tensor(name, 3)) == [1, 0, 2] && file.hasTokenWeights(of: tensor(name, 3)))
            #expect(try file.tokenWeights(of: tensor(name, 4)) == nil && !file.hasTokenWeights(of: tensor(name, 4)))
        }
        #expect(try file.tokenWeights(of: tensor("lm_head.weight", 3)) == nil)
        for value: Float in [-1, .nan, .infinity] {
            let error = #expect(throws: QAMError.self) { try statistics([1, value], [2]).tokenWeights(of: tensor("token_embd.weight", 2)) }
            #expect(error?.code == .malformed && error?.place.tensor == "model.embed_tokens.weight.token_weight")
        }
        #expect(throws: QAMError.self) { try statistics([1, 2, 3, 4], [2, 2]) }
    }

    @Test func rowsCodedInPiecesAreThoseCodedTogether() throws {
        let base = try Self.weights(), calibration = try CalibrationFile(Self.statistics(moments: Self.moments))
        let choice = QuantizationChoice(try Code(.octant, bits: 4), seed: 3, feedback: .columns)
        let plan = QuantizationPlan(choices: [0: choice, 1: choice, 2: QuantizationChoice(try Code(.octant, bits: 4), seed: 3)])
        let gains: [Int: GainType] = [0: .float16, 1: .float16, 2: .float16]
        let source = try QuantizingSource(base, plan: plan, gainTypes: gains, calibration: calibration)
        let again = try QuantizingSource(base, plan: plan, gainTypes: gains, calibration: calibration, threads: 2)
        for tensor in 0..<3 {
            let whole = try source.read(0..<40, of: tensor)
            // The factor is released at the end of the second tensor; later reads recompute it.
            let parts = try [0..<7, 7..<40].map { try again.read($0, of: tensor) }
            #expect(whole.streams[0] == parts[0].streams[0] + parts[1].streams[0])
            #expect(whole.streams[1] == parts[0].streams[1] + parts[1].streams[1])
        }
        #expect(source.fingerprint == again.fingerprint)
        // The statistics file is an input too, so no output may replace it.
        #expect(source.inputs == base.inputs + calibration.paths)
        var other = Self.moments
        other[0] += 1
        let changed = try QuantizingSource(base, plan: plan, gainTypes: gains, calibration: CalibrationFile(Self.statistics(moments: other)))
        #expect(changed.fingerprint != source.fingerprint)
        let error = #expect(throws: QAMError.self) {
            try QuantizingSource(base, plan: QuantizationPlan(choices: [2: choice]), gainTypes: gains, calibration: calibration)
        }
        #expect(error?.code == .invalidArgument && error?.place.tensor == "other")
    }

    @Test(arguments: [1, 2])
    func optimalScalesFollowTheClosedForm(threads: Int) async throws {
        let base = try Self.weights(), calibration = try CalibrationFile(Self.statistics())
        let choice = QuantizationChoice(try Code(.octant, bits: 4), seed: 3)
        var plan = QuantizationPlan(choices: [0: choice, 1: choice, 2: choice])
        let outcomes = try await ChannelScaling.optimal.apply(to: &plan, of: base, by: calibration, threads: threads)
        #expect(outcomes.map(\.matrices) == [["q", "k"]])
        let scales = try #require(plan.choices[0]?.channelScales)
        #expect(plan.choices[1]?.channelScales == scales && plan.choices[2]?.channelScales == nil)
        // c^4 e / a is the same for all columns.
        let values = try [0, 1].map { try ElementConversion.floats(base.payloads[$0], as: .f32) }
        let products = (0..<Self.columns).map { j -> Double in
            let energy = values.reduce(0.0) { sum, w in stride(from: j, to: w.count, by: Self.columns).reduce(sum) { $0 + Double(w[$1]) * Double(w[$1]) } }
            let square = Double(scales[j]) * Double(scales[j])
            return square * square * energy / Double(Self.squares[j])
        }
        for product in products { #expect(abs(product / products[0] - 1) < 1e-2) }
        #expect(try #require(outcomes.first?.errorRatio) < 1)
        var published = QuantizationPlan(choices: [0: choice])
        let rule = try await ChannelScaling.published.apply(to: &published, of: base, by: calibration, threads: threads)
        #expect(try #require(rule.first).isUsed == (published.choices[0]?.channelScales != nil))
    }

    /// SmoothQuant's rule, applied to all matrices that read the input.
    @Test(arguments: [1, 2])
    func smoothScalesAreSmoothQuants(threads: Int) async throws {
        let base = try Self.weights(), choice = QuantizationChoice(Code.Family.int8.usual, seed: 3)
        var plan = QuantizationPlan(choices: [0: choice, 1: choice])
        var statistics = try Self.statistics()
        do {
            _ = try await ChannelScaling.smooth.apply(to: &plan, of: base, by: CalibrationFile(statistics), threads: threads)
            Issue.record("statistics without maxima were taken")
        } catch let error as QAMError {
            #expect(error.code == .unsupported && error.message.contains("smooth scaling takes max |x|") && error.place.tensor == "q")
        }
        let maxima = Self.squares.map { 3 * $0 }
        for name in ["q", "k"] { try statistics.add("\(name).max_absolute", [Self.columns], maxima) }
        let outcomes = try await ChannelScaling.smooth.apply(to: &plan, of: base, by: CalibrationFile(statistics), threads: threads)
        #expect(outcomes.map(\.matrices) == [["q", "k"]] && outcomes[0].errorRatio == nil && outcomes[0].isUsed)
        let scales = try #require(plan.choices[0]?.channelScales)
        #expect(plan.choices[1]?.channelScales == scales)
        let values = try [0, 1].flatMap { try ElementConversion.floats(base.payloads[$0], as: .f32) }
        let ratios = (0..<Self.columns).map { j -> Double in
            let largest = stride(from: j, to: values.count, by: Self.columns).reduce(0) { max($0, values[$1].magnitude) }
            return (Double(maxima[j]) / Double(largest)).squareRoot() / Double(scales[j])
        }
        // Up to a common factor, which the gains of the rows absorb.
        for ratio in ratios { #expect(abs(ratio / ratios[0] - 1) < 2e-3) }
    }

    /// If the energies of the channels outweigh their inputs, the published rule is worse than no scales.
    @Test func scalesThatDoNotHelpAreLeftOut() async throws {
        var base = MemoryTensors(groups: "")
        try base.add("q", [4, Self.columns], (0..<4 * Self.columns).map { 0.1 + Self.squares[$0 % Self.columns] })
        var plan = QuantizationPlan(choices: [0: QuantizationChoice(try Code(.octant, bits: 4), seed: 3)])
        let outcomes = try await ChannelScaling.published.apply(to: &plan, of: base, by: CalibrationFile(Self.statistics()), threads: 1)
        #expect(try #require(outcomes.first?.errorRatio) >= 1)
        #expect(plan.choices[0]?.channelScales == nil)
    }
}
