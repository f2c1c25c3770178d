import Converters
import Foundation
import Inference
import QAMFormat
import Testing

/// Calibration statistics, compared with direct sums over the inputs of the matrices.
@Suite struct CalibrationTests {
    private struct Gathered {
        var matrices: [String]
        var meanSquares: [Float], meanMagnitudes: [Float], largest: [Float]
        var moment: [Float]?
    }

    private static func gather(
        _ fixture: Fixture, context: Int, windows: Int?, moments: Bool, gradients: Bool = false, threads: Int
    ) throws -> [Gathered] {
        let calibrator = try Calibrator(
            fixture.model, context: context, gatheringHessians: moments, gatheringGradients: gradients, pool: WorkerPool(width: threads))
        var all: [Gathered] = []
        var run = try CalibrationRun(calibrator, tokens: fixture.tokens, windows: windows)
        while let part = try run.next() {
            for input in part.inputs {
                let statistics = input.statistics, moment = input.hessian
                all.append(
                    Gathered(
                        matrices: input.matrices, meanSquares: statistics.meanSquares, meanMagnitudes: statistics.meanMagnitudes,
                        largest: statistics.largest, moment: moment.map { $0.mean(rows: 0..<$0.width) }))
            }
        }
        #expect(all.map(\.matrices) == calibrator.parts.flatMap { $0.inputs.map(\.matrices) })
        #expect(all.map(\.meanSquares.count) == calibrator.parts.flatMap { $0.inputs.map(\.width) })
        return all
    }

    @Test(arguments: Fixture.all)
    func statisticsAgreeWithEachOther(fixture: Fixture) throws {
        let all = try Self.gather(fixture, context: 8, windows: nil, moments: true, threads: 2)
        let isTied = try fixture.model.isTied
        #expect(all.contains { $0.matrices == ["lm_head.weight"] } == !isTied)
        for input in all {
            let width = input.meanSquares.count, moment = try #require(input.moment)
            #expect(moment.count == width * width)
            for i in 0..<width {
                let square = moment[i * width + i]
                #expect((square - input.meanSquares[i]).magnitude <= 1e-5 * input.meanSquares[i])
                #expect(input.meanMagnitudes[i] * input.meanMagnitudes[i] <= input.meanSquares[i] * 1.0001)
                #expect(input.largest[i] * input.largest[i] >= input.meanSquares[i] * 0.9999)
                for j in 0..<i where moment[i * width + j] != moment[j * width + i] {
                    Issue.record("\(input.matrices[0]) is not symmetric at \(i), \(j)")
                }
            }
        }
    }

    /// Matrices with the same input are grouped; the inputs of a layer's first matrices follow from the embedding.
    @Test func theFirstLayerReadsTheNormalisedEmbedding() throws {
        let fixture = Fixture.all[1], tokens = try fixture.tokens, source = try fixture.source
        let all = try Self.gather(fixture, context: 10, windows: 3, moments: true, threads: 1)
        let prefix = "model.layers.0."
        #expect(all[0].matrices == ["q", "k", "v"].map { "\(prefix)self_attn.\($0)_proj.weight" })
        #expect(all[1].matrices == ["\(prefix)self_attn.o_proj.weight"])
        #expect(all[2].matrices == ["gate", "up"].map { "\(prefix)mlp.\($0)_proj.weight" })
        #expect(all[3].matrices == ["\(prefix)mlp.down_proj.weight"])

        func floats(_ name: String) throws -> [Float] {
            let index = try #require(source.tensors.firstIndex { $0.name == name })
            return try ElementConversion.floats(source.read(0..<source.tensors[index].byteCount, of: index).streams[0], as: .f32)
        }
        let embedding = try floats("model.embed_tokens.weight"), norm = try floats("\(prefix)input_layernorm.weight"), width = norm.count
        var squares = [Double](repeating: 0, count: width), magnitudes = squares, largest = squares
        var products = [Double](repeating: 0, count: width * width)
        for token in tokens.prefix(30) {
            let row = embedding[Int(token) * width..<(Int(token) + 1) * width].map(Double.init)
            let scale = 1 / (row.reduce(0) { $0 + $1 * $1 } / Double(width) + 1e-6).squareRoot()
            let x = zip(row, norm).map { $0 * scale * Double($1) }
            for i in 0..<width {
                squares[i] += x[i] * x[i] / 30
                magnitudes[i] += abs(x[i]) / 30
                largest[i] = max(largest[i], abs(x[i]))
                for j in 0..<width { products[i * width + j] += x[i] * x[j] / 30 }
            }
        }
        func error(_ found: [Float], _ wanted: [Double]) -> Double {
            zip(found, wanted).reduce(0) { max($0, abs(Double($1.0) - $1.1)) } / (wanted.map(abs).max() ?? 1)
        }
        #expect(error(all[0].meanSquares, squares) < 1e-6)
        #expect(error(all[0].meanMagnitudes, magnitudes) < 1e-6)
        #expect(error(all[0].largest, largest) < 1e-6)
        #expect(error(try #require(all[0].moment), products) < 1e-6)
    }

    /// The backward pass comes from the last layer to the first, and its inputs have the bits of the forward pass.
    @Test(arguments: Fixture.all) func theBackwardPassSeesTheSameInputs(fixture: Fixture) throws {
        let forward = try Self.gather(fixture, context: 8, windows: 4, moments: true, threads: 1)
        let backward = try Self.gather(fixture, context: 8, windows: 4, moments: true, gradients: true, threads: 2)
        #expect(backward.last?.matrices == ["model.embed_tokens.weight"] && backward.count == forward.count + 1)
        for input in forward {
            let same = try #require(backward.first { $0.matrices == input.matrices })
            #expect(same.moment == input.moment && same.meanSquares == input.meanSquares, "\(input.matrices)")
            #expect(same.meanMagnitudes == input.meanMagnitudes && same.largest == input.largest)
        }
        let layerCount = try fixture.model.configuration.layerCount
        let layers = backward.compactMap { $0.matrices[0].split(separator: ".").dropFirst(2).first.flatMap { Int($0) } }
        #expect(layers == layers.sorted(by: >) && Set(layers).count == layerCount)
    }

    /// How much each token's errors cost follows from the predictions.
    @Test(arguments: Fixture.all) func tokenWeightsFollowFromPredictions(fixture: Fixture) throws {
        let model = try fixture.model, context = 8, tokens = try fixture.tokens, vocabulary = model.configuration.vocabularySize
        let configuration = model.configuration
        let calibrator = try Calibrator(model, context: context, gatheringHessians: true, gatheringGradients: true, pool: WorkerPool(width: 2))
        var run = try CalibrationRun(calibrator, tokens: tokens, windows: 2), found: [TokenWeights] = []
        while let part = try run.next() { found += part.tokenWeights }
        var wanted = [Double](repeating: 0, count: vocabulary)
        for start in [0, context] {
            let logits = try model.logits(Array(tokens[start..<start + context]))
            for t in 0..<context {
                let row = logits[t * vocabulary..<(t + 1) * vocabulary].map { Double($0) }, largest = row.max() ?? 0
                let powers = row.map { exp($0 - largest) }, sum = powers.reduce(0, +)
                for (token, power) in powers.enumerated() {
                    let share = configuration.logitCap.map { row[token] / $0 } ?? 0, slope = configuration.logitScale * (1 - share * share)
                    wanted[token] += power / sum * (1 - power / sum) * slope * slope / Double(2 * context)
                }
            }
        }
        #expect(found.map(\.matrix) == (model.isTied ? [] : ["lm_head.weight"]) + ["model.embed_tokens.weight"])
        for weights in found {
            #expect(zip(weights.means, wanted).allSatisfy { abs(Double($0) - $1) <= 1e-4 * $1 + 1e-7 })
        }
    }

    /// Experts that few tokens use have statistics that can be used: those of the others fill what is missing.
    @Test func fewTokensSufficeForExperts() throws {
        let model = try Fixture(name: "mixtral").model
        let calibrator = try Calibrator(model, context: 2, gatheringHessians: true, gatheringGradients: true, pool: WorkerPool(width: 2))
        var run = try CalibrationRun(calibrator, tokens: [3, 4]), unused = 0, kinds: Set<[Float]> = []
        while let part = try run.next() {
            unused += part.unusedExperts
            for input in part.inputs where input.matrices[0].contains(".experts.") {
                let hessian = try #require(input.hessian)
                #expect(hessian.mean(rows: 0..<hessian.width).allSatisfy(\.isFinite) && input.statistics.meanSquares.contains { $0 > 0 })
                if input.matrices[0].contains("layers.1.") && input.matrices[0].contains(".w1.") { kinds.insert(input.statistics.meanSquares) }
            }
            for output in part.outputs where output.matrix.contains(".experts.") {
                let mean = output.hessian.mean(rows: 0..<output.hessian.width)
                #expect((0..<output.hessian.width).contains { mean[$0 * output.hessian.width + $0] > 0 })
            }
        }
        // Two tokens use two experts each, of two layers with four. Unused ones share the mean of the others.
        #expect((1...4).contains(unused))
        #expect(kinds.count >= 2 && kinds.count <= 4)
    }

    /// A tied table has the Hessian of the head's inputs and of the gradients at the embeddings.
    @Test func aTiedTableCountsBothUses() throws {
        let tied = try #require(try Fixture.all.first { try $0.model.isTied })
        let all = try Self.gather(tied, context: 8, windows: 4, moments: true, gradients: true, threads: 1)
        let table = try #require(all.last), moment = try #require(table.moment), width = table.meanSquares.count
        for i in 0..<width {
            #expect((moment[i * width + i] - table.meanSquares[i]).magnitude <= 1e-5 * table.meanSquares[i])
            // Magnitudes are those of the head's inputs alone.
            #expect(table.meanMagnitudes[i] * table.meanMagnitudes[i] < table.meanSquares[i])
        }
    }

    @Test(arguments: [(1, 0), (5, 1), (7, 1 << 30), (9, .max), (16, 1 << 29)])
    func savedVectorsComeBack(layers: Int, bytes: Int) throws {
        var saved = SavedVectors(layers: layers, bytes: bytes), window = FloatMatrix(count: 1, width: 1)
        for layer in 0..<layers {
            saved.save([window], before: layer)
            window = FloatMatrix(copying: window, 0..<1)
            window[0, 0] += Float(layer + 1)
        }
        var repeated = 0
        for layer in (0..<layers).reversed() {
            let found = saved.take(before: layer) { index, window in
                window[0, 0] += Float(index + 1)
                repeated += 1
            }
            #expect(found.map { $0[0, 0] } == [Float(layer * (layer + 1) / 2)])
        }
        #expect(repeated == saved.repeatedPasses(layers: layers))
        #expect(saved.interval == 1 || SavedVectors.count(layers: layers, bytes: bytes) < layers)
    }

    /// The same bits on any number of threads; no Hessian unless it is requested.
    @Test func threadsChangeNoBit() throws {
        let fixture = Fixture.all[3]
        let one = try Self.gather(fixture, context: 8, windows: 4, moments: true, threads: 1)
        let three = try Self.gather(fixture, context: 8, windows: 4, moments: true, threads: 3)
        #expect(one.map(\.moment) == three.map(\.moment))
        #expect(one.map(\.meanSquares) == three.map(\.meanSquares))
        #expect(try Self.gather(fixture, context: 8, windows: 4, moments: false, threads: 1).allSatisfy { $0.moment == nil })
    }

    @Test func whatCannotBeReadIsRefused() throws {
        let model = try Fixture.all[0].model, pool = try WorkerPool(width: 1)
        #expect(throws: QAMError.self) { _ = try Calibrator(model, context: 0, gatheringHessians: false, pool: pool) }
        let calibrator = try Calibrator(model, context: 4, gatheringHessians: false, pool: pool)
        #expect(throws: QAMError.self) { try CalibrationRun(calibrator, tokens: [1, 2, 3]) }
        #expect(throws: QAMError.self) { try CalibrationRun(calibrator, tokens: [1, 2, 3, 80]) }
    }
}
