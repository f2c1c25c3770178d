import Converters
import Foundation
import Inference
import QAMFormat
import Synchronization
import Testing

/// Output Hessians, compared with a reference backward pass in float64 (Tests/oracles/backward.py, which is checked
/// against finite differences), and the labels that they are computed with.
@Suite struct GradientTests {
    private struct Moment: Equatable {
        var matrix: String
        var rows: Int
        var values: [Float]
    }

    private static func gather(
        _ fixture: Fixture, _ tokens: [UInt32]? = nil, context: Int, windows: Int? = nil, labels: [UInt32]? = nil, threads: Int = 1
    ) throws -> [Moment] {
        let calibrator = try Calibrator(
            fixture.model, context: context, gatheringHessians: false, gatheringGradients: true, pool: WorkerPool(width: threads))
        var all: [Moment] = [], parts: [Int] = [], last = (done: 0, total: 1)
        var run = try CalibrationRun(calibrator, tokens: tokens ?? fixture.tokens, windows: windows, labels: labels)
        func next() throws -> Calibrator.Part? {
            try run.next { done, total in
                #expect(done == last.done + 1)
                last = (done, total)
            }
        }
        while let part = try next() {
            #expect(part.inputs.allSatisfy { $0.hessian == nil })
            parts.append(part.outputs.count)
            for output in part.outputs {
                let moment = output.hessian
                all.append(Moment(matrix: output.matrix, rows: moment.width, values: moment.mean(rows: 0..<moment.width)))
            }
        }
        #expect(last.done == last.total && parts.last == 0)
        let outputs = calibrator.parts.flatMap(\.outputs)
        #expect(all.map(\.matrix) == outputs.map(\.matrix) && all.map(\.rows) == outputs.map(\.rows))
        return all
    }

    @Test(arguments: Fixture.all)
    func momentsAreThoseOfAPlainWayBack(fixture: Fixture) throws {
        let labels = try Fixture.tokens(fixture.folder.appending(path: "labels.u16")), text = try fixture.tokens
        // Longer than what passes attention and the head at a time.
        let window = text + text.reversed(), wanted = try fixture.gradients
        let tokens = (0..<labels.count / window.count).flatMap { _ in window }
        let all = try Self.gather(fixture, tokens, context: window.count, labels: labels, threads: 2)
        #expect(all.count >= 8)
        for moment in all {
            let rows = moment.rows, found = (0..<rows).map { moment.values[$0 * rows + $0] } + moment.values[..<rows]
            let expected = try #require(wanted[moment.matrix], "\(moment.matrix)")
            let largest = expected.reduce(0) { max($0, $1.magnitude) }
            let error = zip(found, expected).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
            #expect(found.count == expected.count && largest > 0 && error < 5e-5 * largest, "\(moment.matrix): \(error / largest)")
        }
    }

    /// With sampled labels. The last layers come first.
    @Test(arguments: Fixture.all)
    func threadsChangeNoBit(fixture: Fixture) throws {
        let one = try Self.gather(fixture, context: 13, threads: 1), two = try Self.gather(fixture, context: 13, threads: 2)
        #expect(one == two)
        #expect(try Self.gather(fixture, context: 13, windows: try fixture.tokens.count / 13, threads: 3) == one)
        let last = try fixture.model.configuration.layerCount - 1
        #expect(one.first?.matrix.hasPrefix("model.layers.\(last).self_attn.") == true && one.last?.matrix.hasPrefix("model.layers.0.") == true)
        for moment in one {
            let rows = moment.rows
            #expect((0..<rows * rows).allSatisfy { moment.values[$0].isFinite && moment.values[$0] == moment.values[$0 % rows * rows + $0 / rows] })
        }
    }

    /// Before each layer and each head of each window, forward and backward.
    @Test func checkpointsEndARun() throws {
        struct Stop: Error {}
        let fixture = Fixture.all[2], pool = try WorkerPool(width: 1)
        func run(stoppingAt last: Int) throws -> Int {
            let calls = Atomic(0)
            var outputs = 0
            let calibrator = try Calibrator(fixture.model, context: 20, gatheringHessians: false, gatheringGradients: true, pool: pool) {
                if calls.add(1, ordering: .relaxed).newValue == last { throw Stop() }
            }
            var run = try CalibrationRun(calibrator, tokens: fixture.tokens)
            while let layer = try run.next() {
                if !layer.outputs.isEmpty { outputs += 1 }
            }
            #expect(outputs == 2)
            return calls.load(ordering: .relaxed)
        }
        let calls = try run(stoppingAt: .max)
        #expect(calls == 2 * (2 + 1 + 2))
        for last in [5, 7, calls] { #expect(throws: Stop.self) { _ = try run(stoppingAt: last) } }
    }

    @Test func labelsAreDrawnFromWhatIsPredicted() {
        let probabilities: [Float] = [0.1, 0, 0.4, 0.2, 0.3]
        var counts = [Int](repeating: 0, count: 5)
        for window in 0..<40 {
            for position in 0..<500 {
                let label = PredictedLabel.draw(probabilities.span, window: window, position: position)
                #expect(label == PredictedLabel.draw(probabilities.span, window: window, position: position))
                counts[label] += 1
            }
        }
        for (count, probability) in zip(counts, probabilities) {
            let wanted = 20000 * Double(probability)
            #expect(abs(Double(count) - wanted) <= 4 * wanted.squareRoot())
        }
        #expect(counts[1] == 0)
    }

    /// No two windows or positions share a number.
    @Test func drawsAreSpreadEvenly() {
        let all = (0..<200).flatMap { window in (0..<200).map { PredictedLabel.uniform(window: window, position: $0) } }
        #expect(Set(all).count == all.count && all.allSatisfy { $0 >= 0 && $0 < 1 })
        #expect(abs(all.reduce(0, +) / Double(all.count) - 0.5) < 0.005)
    }

    /// Values that are not a distribution still give a token of the vocabulary.
    @Test func anyNumbersGiveAToken() {
        for values: [Float] in [[0, 0, 0], [.nan, .nan, .nan], [.infinity, 0, 1], [0, 0, .leastNonzeroMagnitude]] {
            #expect((0..<3).contains(PredictedLabel.draw(values.span, window: 1, position: 2)))
        }
    }

    @Test func unsoundLabelsAreRefused() throws {
        let fixture = Fixture.all[0]
        for labels: [UInt32] in [[1, 2, 3], Array(repeating: 80, count: 40)] {
            let error = #expect(throws: QAMError.self) { try Self.gather(fixture, context: 20, labels: labels) }
            #expect(error?.code == .invalidArgument)
        }
    }
}
