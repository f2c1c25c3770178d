import Foundation
import QAMFormat

extension MemorySource {
    /// A model with every kind of decodable tensor; the first has several chunks.
    static func decodable(bigRows: Int = 26_000) throws -> MemorySource {
        let octant = try Codebook.builtIn(Code(.octant, bits: 5.5)), free = try Codebook.builtIn(Code(.free, bits: 4))
        func coding(_ codebook: Codebook, index: Int, columns: Int, scaled: Bool, gains: GainType) -> Coding {
            Coding(
                codec: .qamPairs, sourceType: .bf16, codebook: index, seed: index,
                parameters: PairParameters(codebook, blockSize: 32, gainType: gains).bytes,
                streams: RowLayout(codebook.code, columns: columns, gainType: gains, isScaled: scaled).streams)
        }
        var source = MemorySource(tensors: [
            .init(name: "big", shape: [bigRows, 128], storage: .coded(coding(octant, index: 0, columns: 128, scaled: false, gains: .float16))),
            .init(name: "scaled", shape: [3, 5, 96], storage: .coded(coding(free, index: 1, columns: 96, scaled: true, gains: .float32))),
            .init(name: "f32", shape: [33, 10], storage: .raw(.f32)),
            .init(name: "bf16", shape: [150_000, 9], storage: .raw(.bf16)),
            .init(name: "f16", shape: [40], storage: .raw(.f16)),
            .init(name: "nibbles", shape: [4, 3], storage: .raw(.f4)),
            .init(name: "bytes", shape: [5, 2, 2], storage: .raw(.i8)),
            .init(name: "tied", shape: [bigRows, 128], storage: .alias(of: 0)),
            .init(name: "empty", shape: [0, 5], storage: .raw(.f32)),
            .init(name: "scalar", shape: [], storage: .raw(.i64)),
        ])
        source.shared = SharedTables(
            codebooks: [octant, free].map { CodebookRecord(codec: .qamPairs, bytes: $0.record) }, seeds: [5, 6])
        source.files = [File(name: "config.json", content: Array("{}".utf8))]
        let symbols = source.byte
        source.byte = { tensor, stream, position in
            switch (tensor, stream) {
            // float16 gains of 1/64, float32 gains of about 1, and scales of 1 to 2.
            case (0, 1): position % 2 == 0 ? 0 : 0x24
            case (1, 1): [0, 0, UInt8(position % 100), 0x3F][position % 4]
            case (1, 2): position % 2 == 0 ? UInt8(truncatingIfNeeded: position) : 0x3C
            default: symbols(tensor, stream, position)
            }
        }
        return source
    }
}

/// The weights of a tensor, computed without views and spans.
func expectedFloats(_ source: some TensorSource, _ tensor: Int) throws -> [Float] {
    let descriptor = source.tensors[tensor]
    switch descriptor.storage {
    case .alias(let target): return try expectedFloats(source, target)
    case .raw(let dtype): return try ElementConversion.floats(source.read(0..<descriptor.byteCount, of: tensor).streams[0], as: dtype)
    case .unreadable(let reason): throw TensorDescriptor.unreadable(reason, descriptor.name)
    case .coded:
        return try CodecRegistry.decoder(for: tensor, of: source)
            .decode(source.read(0..<descriptor.rows, of: tensor), rows: descriptor.rows)
    }
}

/// The access modes that work for temporary files on this machine: not every file system supports direct reading.
func accessModes(_ path: String) -> [AccessMode] {
    AccessMode.allCases.filter { mode in
        guard mode == .direct else { return true }
        return (try? mode.open(path).read(0..<1)) != nil
    }
}

/// The same for the temporary folder itself. Every file system supports mapped and buffered reading.
let temporaryAccessModes: [AccessMode] = {
    guard let folder = try? TemporaryFolder(), (try? Data("content".utf8).write(to: URL(filePath: folder.file("m")))) != nil else {
        return [.mapped, .buffered]
    }
    return accessModes(folder.file("m"))
}()

/// Bit patterns, which unlike `==` distinguish signed zeros and compare NaNs equal.
func bits(_ floats: some Sequence<Float>) -> [UInt32] { floats.map(\.bitPattern) }

/// Whether `residentBytes` is available.
let residentBytesAreKnown = FileManager.default.fileExists(atPath: "/proc/self/smaps")

/// The resident bytes of this process's mappings of a file; nil if the system does not report them.
func residentBytes(ofMapping path: String) -> Int? {
    // Read to the end: the length is unknown, and a single read returns one page.
    guard let handle = FileHandle(forReadingAtPath: "/proc/self/smaps"), let bytes = try? handle.readToEnd() else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    let name = URL(filePath: path).resolvingSymlinksInPath().path
    var sum: Int?
    var isInside = false
    for line in text.split(separator: "\n") {
        if !line.prefix(while: { $0 != " " }).hasSuffix(":") { isInside = line.hasSuffix(name) }
        guard isInside, line.hasPrefix("Rss:"), let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { continue }
        sum = (sum ?? 0) + 1024 * kilobytes
    }
    return sum
}
