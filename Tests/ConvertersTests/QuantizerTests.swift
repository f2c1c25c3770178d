import Converters
import QAMFormat
import Quantization
import Synchronization
import Testing

/// The plan of a quantizer, its result, and cancellation.
@Suite struct QuantizerTests {
    private static let columns = 64

    /// A matrix, another with the same role, a norm, an embedding, and a matrix that cannot be coded.
    private static func model() throws -> MemoryTensors {
        var model = MemoryTensors(groups: "")
        func values(_ rows: Int, _ columns: Int, _ seed: Int) -> [Float] { (0..<rows * columns).map { Float(($0 &* 7919 &+ seed) % 1009) / 1009 - 0.5 } }
        try model.add("layers.0.mlp.up_proj.weight", [48, columns], values(48, columns, 1))
        try model.add("layers.0.mlp.down_proj.weight", [40, columns], values(40, columns, 2))
        try model.add("layers.0.norm.weight", [columns], values(1, columns, 3))
        try model.add("embed_tokens.weight", [32, columns], values(32, columns, 4))
        try model.add("layers.0.mlp.odd.weight", [8, 7], values(8, 7, 5))
        return model
    }

    /// E[x^2] of the inputs of the matrices.
    private static func statistics() throws -> CalibrationFile {
        var source = MemoryTensors(groups: #"[["layers.0.mlp.up_proj.weight"],["layers.0.mlp.down_proj.weight"]]"#)
        for name in ["up", "down"] {
            try source.add("layers.0.mlp.\(name)_proj.weight.mean_square", [columns], (0..<columns).map { Float(1 + $0 % 7 * $0) })
            try source.add("layers.0.mlp.\(name)_proj.weight.mean_absolute", [columns], (0..<columns).map { _ in 1 })
        }
        return try CalibrationFile(source)
    }

    private static func options(_ change: (inout Quantizer.Options) -> Void = { _ in }) -> Quantizer.Options {
        var options = Quantizer.Options()
        options.threads = 2
        change(&options)
        return options
    }

    @Test func aPlanSaysWhatBecomesOfEachTensor() async throws {
        let model = try Self.model()
        let options = Self.options {
            $0.rate = .bits(4.5)
            $0.inclusions = ["embed=6.5", "nowhere"]
            $0.exclusions = ["down_proj"]
        }
        let plan = try await Quantizer(options).plan(for: model)
        #expect(plan.decisions.map(\.name) == model.tensors.map(\.name) && plan.decisions.map(\.tensor) == Array(0..<5))
        #expect(plan.decisions.map(\.weights) == model.tensors.map(\.elementCount))
        #expect(plan.decisions[0].outcome == .coded(bits: 4.5, feedsBack: false) && plan.decisions[3].outcome == .coded(bits: 6.5, feedsBack: false))
        #expect(plan.decisions[1].outcome == .left(reason: "excluded by --exclude down_proj"))
        #expect(plan.decisions[2].outcome == .left(reason: "one-dimensional"))
        #expect(plan.decisions[4].outcome == .left(reason: "7 columns have no power-of-two factor"))
        #expect(
            plan.warnings == [
                "\"nowhere\" matches the name of no tensor",
                "tensors that stay raw are F32 and take 10.7 kB, 75% of all tensors' bytes; --raw-dtype bf16 halves them",
            ])
        #expect(plan.scaling == nil && plan.rates == nil)
        #expect(plan.size.quantizedCount == 2 && plan.size.rawCount == 3 && plan.size.quantizedParameters == 80 * Self.columns)
        #expect(abs(plan.gaussianError() - (48 * 2.94e-3 + 32 * 2.5e-4) / 80) < 2e-4)
    }

    @Test func theCodedSourceIsThatOfThePlan() async throws {
        let model = try Self.model(), options = Self.options { $0.rate = .bits(4) }
        var phases: [Quantizer.Progress.Phase] = []
        let plan = try await Quantizer(options).plan(for: model) { phases.append($0.phase) }
        let coded = try await plan.codedSource { progress in
            phases.append(progress.phase)
            #expect(progress.done < progress.total && progress.item.hasPrefix("layers.0.mlp."))
        }
        #expect(Set(phases) == [.scanning])
        let choice = QuantizationChoice(try Code(.octant, bits: 4), seed: 0)
        let same = try QuantizingSource(model, plan: QuantizationPlan(choices: [0: choice, 1: choice]), gainTypes: [0: .float16, 1: .float16])
        try expectEqual(coded, same)
        #expect(ModelSize(coded) == plan.size && coded.fingerprint == same.fingerprint)
        #expect(try coded.read(0..<48, of: 0).distortion == same.read(0..<48, of: 0).distortion)
    }

    @Test func statisticsGiveScalesAndRates() async throws {
        let model = try Self.model(), statistics = try Self.statistics()
        var phases: [Quantizer.Progress.Phase] = []
        let plan = try await Quantizer(Self.options { $0.rate = .average(12) }, statistics: statistics).plan(for: model) { phases.append($0.phase) }
        #expect(phases.first == .scaling && phases.last == .measuring)
        let rates = try #require(plan.rates), scaling = try #require(plan.scaling)
        #expect(rates.tensors.map(\.name) == ["layers.0.mlp.up_proj.weight", "layers.0.mlp.down_proj.weight"] && rates.unit == .outputError)
        #expect(rates.cost > 0 && abs(rates.target - 12) < 0.01 && 8 * plan.size.storedBytes <= 12 * plan.size.parameters)
        for (decision, rate) in zip(plan.decisions, rates.tensors) { #expect(decision.outcome == .coded(bits: rate.bits, feedsBack: false)) }
        #expect(scaling.map(\.matrices) == [["layers.0.mlp.up_proj.weight"], ["layers.0.mlp.down_proj.weight"]])
        #expect(scaling.allSatisfy { $0.isUsed == (($0.errorRatio ?? 2) < 1) })
        let unscaled = try await Quantizer(Self.options { $0.scaling = .off }, statistics: statistics).plan(for: model)
        #expect(unscaled.scaling == nil)
        let other = try await Quantizer(Self.options { $0.inclusions = ["embed"] }, statistics: statistics).plan(for: model)
        #expect(
            other.warnings == [
                "the calibration has no statistics for 1 quantized tensor of this shape, \"embed_tokens.weight\" the first",
                "tensors that stay raw are F32 and take 480 B, 7% of all tensors' bytes; --raw-dtype bf16 halves them",
            ])
    }

    private typealias Change = @Sendable (inout Quantizer.Options) -> Void

    private static let senseless: [(Change, String)] = {
        let changes: [(Change, String)] = [
            ({ $0.rate = .bits(4.6) }, "4.6 bits"), ({ $0.rate = .average(4) }, "statistics"), ({ $0.rate = .average(.nan) }, "average rate"),
            ({ $0.scaling = .optimal }, "statistics"), ({ $0.blockSize = 48 }, "power of two"), ({ $0.blockSize = 65536 }, "power of two"),
            ({ $0.threads = 0 }, "0 threads"), ({ $0.inclusions = ["("] }, "("), ({ $0.exclusions = ["["] }, "["),
        ]
        return changes
    }()

    @Test(arguments: senseless)
    func optionsThatMakeNoSense(change: @Sendable (inout Quantizer.Options) -> Void, text: String) throws {
        let error = #expect(throws: QAMError.self) { try Quantizer(Self.options(change)) }
        #expect(error?.code == .invalidArgument && error?.message.contains(text) == true, "\(error?.message ?? "")")
    }

    @Test func whatIsWantedAndCannotBeCoded() async throws {
        let model = try Self.model(), quantizer = try Quantizer(Self.options { $0.isStrict = true })
        let error = await #expect(throws: QAMError.self) { try await quantizer.plan(for: model) }
        #expect(error?.code == .unsupported && error?.place.tensor == "layers.0.mlp.odd.weight")
        let nothing = try await Quantizer(Self.options { $0.exclusions = ["."] }).plan(for: model)
        #expect(nothing.warnings == ["no tensor was quantized"] && nothing.size.quantizedCount == 0 && nothing.gaussianError() == 0)
    }

    private struct Stop: Error {}

    @Test func checkpointsAndProgressEndTheWork() async throws {
        let model = try Self.model(), isStopped = Atomic(false)
        let quantizer = try Quantizer(Self.options(), statistics: Self.statistics()) { if isStopped.load(ordering: .relaxed) { throw Stop() } }
        let plan = try await quantizer.plan(for: model)
        await #expect(throws: Stop.self) { try await quantizer.plan(for: model) { _ in throw Stop() } }
        await #expect(throws: Stop.self) { try await plan.codedSource { _ in throw Stop() } }
        isStopped.store(true, ordering: .relaxed)
        await #expect(throws: Stop.self) { try await quantizer.plan(for: model) }
    }
}
