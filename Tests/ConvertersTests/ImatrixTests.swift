import Quantization
import Converters
import QAMFormat
import Testing

/// llama.cpp's importance matrices, used as calibration statistics.
@Suite struct ImatrixTests {
    private static let names = ["attn_q", "attn_k", "attn_output", "ffn_down"].map { "blk.7.\($0).weight" }
    /// q and k read the same input.
    private static let meanSquares: [[Float]] = [[1, 2, 0.5, 4], [1, 2, 0.5, 4], [3, 3, 3, 0], [8, 1]]

    private static func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

    private static func entry(_ name: String, calls: Int = 4, _ means: [Float]) -> [UInt8] {
        word(name.utf8.count) + Array(name.utf8) + word(calls) + word(means.count) + means.flatMap { word(Int(($0 * Float(max(calls, 1))).bitPattern)) }
    }

    private static func older() -> [UInt8] {
        word(names.count) + zip(names, meanSquares).flatMap { entry($0, $1) } + word(3) + word(4) + Array("text".utf8)
    }

    private func check(_ file: CalibrationFile) throws {
        #expect(file.inputs.map(\.width) == [4, 4, 2])
        for (name, means) in zip(Self.names, Self.meanSquares) {
            let input = try #require(file.input(of: name))
            #expect(try file.meanSquares(of: input) == means)
            #expect(try file.meanMagnitudes(of: input) == nil)
            #expect(!file.hasHessian(of: input))
        }
        let pairs = [
            "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.o_proj": "attn_output", "mlp.down_proj": "ffn_down",
        ]
        for (theirs, ours) in pairs {
            #expect(file.input(of: "model.layers.7.\(theirs).weight") == file.input(of: "blk.7.\(ours).weight"))
        }
        #expect(file.input(of: Self.names[0]) == file.input(of: Self.names[1]))
        #expect(file.input(of: "blk.8.attn_q.weight") == nil)
    }

    @Test func olderKind() throws {
        let folder = try ScratchFolder()
        try check(CalibrationFile(StatisticsFile.open(folder.write(Self.older(), "imatrix.dat"))))
        // A count of 0 calls is read as one.
        let unseen = Self.word(1) + Self.entry("blk.0.ffn_up.weight", calls: 0, [5])
        #expect(try CalibrationFile(StatisticsFile.open(folder.write(unseen, "unseen.dat"))).meanSquares(of: 0) == [5])
    }

    @Test(arguments: [1, 2])
    func kindInGGUF(experts: Int) async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        source.metadata.set("general.type", .string("imatrix"))
        for (name, means) in zip(Self.names, Self.meanSquares) {
            // The experts have seen 2, 4, ... vectors; their common statistics are the mean over all.
            let counts = (1...experts).map { Float(2 * $0) }
            let sums = counts.flatMap { count in means.map { $0 * count } }
            source.add("\(name).in_sum2", [experts, means.count], .f32, try ElementConversion.bytes(sums, as: .f32))
            source.add("\(name).counts", [experts, 1], .f32, try ElementConversion.bytes(counts, as: .f32))
        }
        let path = folder.path("imatrix.gguf")
        _ = try await transfer(from: source, to: GGUFSink(output: .file(path)), threads: 1)
        try check(CalibrationFile(StatisticsFile.open(path)))
    }

    @Test func otherGGUFFilesAreRefused() async throws {
        let folder = try ScratchFolder()
        let path = folder.path("model.gguf")
        var source = MemorySource()
        source.add("blk.0.attn_q.weight", [1, 4], .f32, try ElementConversion.bytes([Float]([1, 2, 3, 4]), as: .f32))
        _ = try await transfer(from: source, to: GGUFSink(output: .file(path)), threads: 1)
        let none = #expect(throws: QAMError.self) { try CalibrationFile(StatisticsFile.open(path)) }
        #expect(none?.code == .malformed && none?.place.file == path)
        source.metadata.set("general.type", .string("imatrix"))
        source.add("blk.0.attn_q.weight.in_sum2", [1, 4], .f32, try ElementConversion.bytes([Float]([1, 2, 3, 4]), as: .f32))
        _ = try await transfer(from: source, to: GGUFSink(output: .file(path), replacing: true), threads: 1)
        let alone = #expect(throws: QAMError.self) { try CalibrationFile(StatisticsFile.open(path)) }
        #expect(alone?.code == .malformed && alone?.place.tensor == "blk.0.attn_q.weight.in_sum2")
    }

    @Test func everyCutIsNoticed() throws {
        let folder = try ScratchFolder()
        let whole = Self.older()
        // The data after the entries are optional.
        let needed = whole.count - 12
        for count in 1..<needed {
            #expect(throws: QAMError.self, "\(count) bytes") { try CalibrationFile(StatisticsFile.open(folder.write(Array(whole[..<count]), "cut.dat"))) }
        }
        #expect(throws: Never.self) { try CalibrationFile(StatisticsFile.open(folder.write(Array(whole[..<needed]), "entries.dat"))) }
    }

    @Test func hostileNumbersAreRefused() throws {
        let folder = try ScratchFolder()
        let name = "blk.0.ffn_up.weight"
        let largest = [0xFF, 0xFF, 0xFF, 0x7F] as [UInt8]
        let files = [
            Self.word(0), Self.word(-1), largest, Self.word(1) + largest, Self.word(1) + Self.word(-3),
            Self.word(1) + Self.word(1) + [0x78] + Self.word(1) + largest, Self.word(1) + Self.word(1) + [0x78] + Self.word(-2) + Self.word(1),
            Self.word(1) + Self.word(1) + [0xFF] + Self.word(1) + Self.word(1) + Self.word(0),
            Self.word(2) + Self.entry(name, [1]) + Self.entry(name, [2]),
            Self.word(2) + Self.entry(name, [1]) + Self.entry("model.layers.0.mlp.up_proj.weight", [2]),
        ]
        for (index, bytes) in files.enumerated() {
            let error = #expect(throws: QAMError.self, "file \(index)") { try CalibrationFile(StatisticsFile.open(folder.write(bytes, "hostile.dat"))) }
            #expect(error?.code == .malformed, "file \(index)")
        }
        for value: Float in [-1, .nan, .infinity] {
            let file = try CalibrationFile(StatisticsFile.open(folder.write(Self.word(1) + Self.entry(name, [1, value]), "values.dat")))
            let error = #expect(throws: QAMError.self) { try file.meanSquares(of: 0) }
            #expect(error?.place.tensor == "\(name).mean_square")
        }
    }
}
