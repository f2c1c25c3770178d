import Architectures
import Converters
import Testing

@Suite struct BenchTests {
    private static func scratchWithModel() throws -> Scratch {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw", "--bits", "4.5").status == 0)
        return scratch
    }

    @Test func aModelsMatricesAreMeasuredBesideMemory() throws {
        let scratch = try Self.scratchWithModel()
        let outcome = try scratch.qamw("bench", "q.qamw", "--threads", "2", "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["machine"]?.text?.isEmpty == false)
        let kernels = try #require(json["kernels"]).elements
        let reads = kernels.filter { $0["name"] == "read" }
        #expect(reads.compactMap { $0["GBps"]?.double }.max() == json["memoryReadGBps"]?.double)
        #expect(reads.compactMap { $0["threads"]?.double } == [1, 2])

        // Matrices of three shapes: of attention, of the feed-forward part and of its output.
        let products = kernels.filter { $0["name"] == "multiply" }
        #expect(products.count == 6)
        for product in products {
            #expect(product["codebook"] == "octant" && product["bits"]?.double == 4.5)
            #expect(try #require(product["weightsPerSecond"]?.double) > 0)
            let read = try #require(reads.first { $0["threads"] == product["threads"] }?["GBps"]?.double)
            let fraction = try #require(product["fractionOfMemoryRead"]?.double), own = try #require(product["GBps"]?.double)
            #expect(abs(fraction * read - own) < 1e-6 * own)
        }
        let attention = products.first { $0["shape"] == [JSONValue(64), JSONValue(64)] }
        #expect(attention?["tensors"]?.double == 8)
        #expect(kernels.contains { $0["name"] == "dequantize" })
    }

    @Test func theTableNamesEveryKindOfMatrix() throws {
        let outcome = try Self.scratchWithModel().qamw("bench", "q.qamw")
        #expect(outcome.status == 0)
        for part in ["Memory read", "Product with one int8 vector", "octant 4.5, 128 x 64 (4)", "OF READ"] {
            #expect(outcome.output.contains(part), "\(part) in \(outcome.output)")
        }
    }

    @Test func whatCannotBeMeasuredIsNamed() throws {
        let scratch = try QuantizeTests.scratch()
        let other = try scratch.qamw("bench", "model.safetensors")
        #expect(other.status == 64)
        #expect(other.errors.contains("safetensors"))
        #expect(try scratch.qamw("bench", "nothing.qamw").status == 66)
        #expect(try scratch.qamw("convert", ".", "raw.qamw").status == 0)
        let raw = try scratch.qamw("bench", "raw.qamw")
        #expect(raw.status == 64)
        #expect(raw.errors.contains("no coded tensor to measure"))
    }
}
