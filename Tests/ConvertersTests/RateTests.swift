import Quantization
import Converters
import QAMFormat
import Testing

/// Rates chosen per tensor.
@Suite struct RateTests {
    private static func curve(_ points: [(Int, Double)]) -> RateCurve {
        RateCurve(points: points.enumerated().map { .init(bits: Double($0), storedBits: $1.0, cost: $1.1) })
    }

    @Test func bitsGoWhereTheyTakeMostOff() throws {
        let curves = [Self.curve([(10, 8), (20, 4), (30, 2)]), Self.curve([(10, 100), (20, 50), (30, 25)]), Self.curve([(10, 1), (20, 0.5), (30, 0.25)])]
        #expect(RateAllocation.choose(curves, storedBits: 29) == nil)
        #expect(RateAllocation.choose(curves, storedBits: 30) == [0, 0, 0])
        #expect(RateAllocation.choose(curves, storedBits: 49) == [0, 1, 0])
        #expect(RateAllocation.choose(curves, storedBits: 60) == [1, 2, 0])
        #expect(RateAllocation.choose(curves, storedBits: 1000) == [2, 2, 2])
        #expect(RateAllocation.choose([], storedBits: 0) == [])
    }

    @Test func pointsAboveTheHullAndStepsThatDoNotFitAreLeftOut() {
        // The second point lies above the line between its neighbours, and the last point is worse than the one before.
        let bent = Self.curve([(10, 10), (20, 9), (30, 0), (40, 1)])
        #expect(RateAllocation.choose([bent], storedBits: 29) == [0])
        #expect(RateAllocation.choose([bent], storedBits: 100) == [2])
        // The remaining bits do not suffice for the best step, but for another.
        let large = Self.curve([(100, 1000), (200, 0)]), small = Self.curve([(10, 1), (20, 0)])
        #expect(RateAllocation.choose([large, small], storedBits: 125) == [0, 1])
        #expect(RateAllocation.choose([small, small], storedBits: 30) == [1, 0])
    }

    /// For convex curves with equal steps the choice is optimal.
    @Test func nothingElseCostsLess() throws {
        var state: UInt64 = 7
        for _ in 0..<20 {
            let curves = (0..<4).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let scale = Double(1 + state >> 58)
                return Self.curve((0..<4).map { (8 * ($0 + 2), scale / Double(1 << (2 * $0))) })
            }
            for budget in stride(from: 64, through: 160, by: 8) {
                let chosen = try #require(RateAllocation.choose(curves, storedBits: budget))
                func total(_ choice: [Int]) -> (bits: Int, cost: Double) {
                    choice.enumerated().reduce((0, 0)) {
                        ($0.0 + curves[$1.offset].points[$1.element].storedBits, $0.1 + curves[$1.offset].points[$1.element].cost)
                    }
                }
                #expect(total(chosen).bits <= budget)
                for other in 0..<256 {
                    let choice = [other & 3, other >> 2 & 3, other >> 4 & 3, other >> 6]
                    if total(choice).bits <= budget { #expect(total(chosen).cost <= total(choice).cost + 1e-12) }
                }
            }
        }
    }

    // MARK: Curves

    private static let columns = 64, rows = 96

    /// A matrix of random weights, and another with ten times larger ones.
    private static func weights() throws -> MemoryTensors {
        var source = MemoryTensors(groups: "")
        var state: UInt64 = 3
        for (name, scale) in [("q", Float(1)), ("k", 10)] {
            try source.add(
                name, [rows, columns],
                (0..<rows * columns).map { _ in
                    (0..<6).reduce(Float(0)) { sum, _ in
                        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                        return sum + scale * (Float(state >> 40) * 0x1p-24 - 0.5)
                    }
                })
        }
        return source
    }

    private static func moments(_ count: Int) -> [Float] {
        (0..<count * count).map { index in
            let i = index / count, j = index % count
            return Float(1 + i % 3) * Float(1 + j % 3) * Float(sign: .plus, exponent: -abs(i - j), significand: 1)
        }
    }

    private static func calibration(hessian: Bool, outputs: Bool) throws -> CalibrationFile {
        var source = MemoryTensors(groups: #"[["q"],["k"]]"#)
        let h = moments(columns)
        for name in ["q", "k"] {
            try source.add("\(name).mean_square", [columns], (0..<columns).map { h[$0 * columns + $0] })
            if hessian { try source.add("\(name).second_moment", [columns, columns], h) }
            if outputs { try source.add("\(name).output_moment", [rows, rows], moments(rows)) }
        }
        return try CalibrationFile(source)
    }

    /// tr(G E H ET) for the errors E of a coded tensor.
    private static func cost(_ source: QuantizingSource, _ base: MemoryTensors, _ tensor: Int, diagonal: Bool, gradients: Bool) throws -> Double {
        let decoded = try DequantizingSource(source, to: .dtype(.f32)).read(0..<4 * rows * columns, of: tensor).streams[0]
        let a = try ElementConversion.floats(base.payloads[tensor], as: .f32), b = try ElementConversion.floats(decoded, as: .f32)
        let e = zip(a, b).map { Double($0) - Double($1) }, h = moments(columns), g = moments(rows)
        var read = e.map { _ in 0.0 }
        for i in 0..<rows {
            for j in 0..<columns {
                for k in diagonal ? j..<j + 1 : 0..<columns {
                    let moment = Double(h[k * columns + j])
                    read[i * columns + j] += e[i * columns + k] * moment
                }
            }
        }
        var sum = 0.0
        for i in 0..<rows {
            for k in gradients ? 0..<rows : i..<i + 1 {
                var product = 0.0
                for j in 0..<columns { product += e[i * columns + j] * read[k * columns + j] }
                let weight = gradients ? Double(g[i * rows + k]) / 2 : 1
                sum += weight * product
            }
        }
        return sum
    }

    @Test(arguments: [
        (QuantizationChoice.Feedback.off, false, false), (.off, true, false), (.columns, true, false), (.columns, true, true), (.columnsAndRows, true, true),
    ])
    func costsAreWhatCodingCosts(feedback: QuantizationChoice.Feedback, hessian: Bool, outputs: Bool) async throws {
        let base = try Self.weights(), calibration = try Self.calibration(hessian: hessian, outputs: outputs)
        let scales = feedback == .off ? (0..<Self.columns).map { 0.5 + Float($0 % 3) / 2 } : nil
        var plan = QuantizationPlan(choices: [:])
        for tensor in 0..<2 { plan.choices[tensor] = QuantizationChoice(try Code(.octant, bits: 4.5), seed: 3, channelScales: scales, feedback: feedback) }
        let measured = try await RateMeasurement.measure([0, 1], of: base, plan: plan, by: calibration, threads: 2)
        #expect(measured.unit == (outputs ? .divergence : .outputError))
        for bits in [2.5, 4.5, 6.5] {
            for tensor in 0..<2 { plan.choices[tensor]?.code = try Code(.octant, bits: bits) }
            let source = try QuantizingSource(base, plan: plan, gainTypes: [0: .float16, 1: .float16], calibration: calibration)
            for tensor in 0..<2 {
                let point = try #require(measured.curves[tensor]?.points.first { $0.bits == bits })
                let truth = try Self.cost(source, base, tensor, diagonal: !hessian, gradients: outputs)
                #expect(abs(point.cost - truth) < 0.25 * truth, "\(bits) bits: \(point.cost), not \(truth)")
                #expect(point.storedBits == 8 * source.tensors[tensor].byteCount)
            }
        }
        let again = try await RateMeasurement.measure([0, 1], of: base, plan: plan, by: calibration, threads: 1)
        #expect(again.curves == measured.curves)
    }

    @Test func unknownTensorsHaveNoCurve() async throws {
        var base = try Self.weights()
        try base.add("other", [8, Self.columns], Array(repeating: 1, count: 8 * Self.columns))
        let plan = QuantizationPlan(choices: [2: QuantizationChoice(try Code(.octant, bits: 4), seed: 3)]), source = base
        let error = await #expect(throws: QAMError.self) {
            try await RateMeasurement.measure([2], of: source, plan: plan, by: Self.calibration(hessian: false, outputs: false), threads: 1)
        }
        #expect(error?.code == .invalidArgument && error?.place.tensor == "other")
    }

    @Test(arguments: [1, 2])
    func rowsOfWholeTensorsAreThoseCodedTogether(threads: Int) throws {
        let base = try Self.weights(), calibration = try Self.calibration(hessian: true, outputs: true)
        let choice = QuantizationChoice(try Code(.octant, bits: 4), seed: 3, feedback: .columnsAndRows)
        let plan = QuantizationPlan(choices: [0: choice, 1: choice]), gains: [Int: GainType] = [0: .float16, 1: .float32]
        let source = try QuantizingSource(base, plan: plan, gainTypes: gains, calibration: calibration)
        let again = try QuantizingSource(base, plan: plan, gainTypes: gains, calibration: calibration, threads: threads)
        for tensor in 0..<2 {
            let whole = try source.read(0..<Self.rows, of: tensor), parts = try [0..<7, 7..<Self.rows].map { try again.read($0, of: tensor) }
            for stream in 0..<2 { #expect(whole.streams[stream] == parts[0].streams[stream] + parts[1].streams[stream]) }
            #expect(whole.distortion == parts[0].distortion && parts[1].distortion == Distortion())
        }
        let columnsOnly = try QuantizingSource(
            base, plan: QuantizationPlan(choices: [0: QuantizationChoice(try Code(.octant, bits: 4), seed: 3, feedback: .columns)]), gainTypes: gains,
            calibration: calibration)
        #expect(try columnsOnly.read(0..<Self.rows, of: 0).streams != source.read(0..<Self.rows, of: 0).streams)
        // Requires output Hessians.
        let error = #expect(throws: QAMError.self) {
            try QuantizingSource(base, plan: plan, gainTypes: gains, calibration: Self.calibration(hessian: true, outputs: false))
        }
        #expect(error?.code == .invalidArgument && error?.place.tensor == "q")
    }
}
