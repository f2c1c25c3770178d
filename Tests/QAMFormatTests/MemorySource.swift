import QAMFormat

/// A model in memory whose payload is a function of tensor and position.
struct MemorySource: TensorSource {
    struct File: EmbeddedFile {
        var name: String
        var content: [UInt8]
        var byteCount: Int { content.count }
        func read(_ range: Range<Int>) throws -> [UInt8] { Array(content[range]) }
    }

    var metadata = Metadata()
    var tensors: [TensorDescriptor]
    var shared = SharedTables()
    var files: [any EmbeddedFile] = []
    var fingerprint = "memory"
    var inputs: [String] { [] }
    /// The byte at a position of a stream.
    var byte: @Sendable (_ tensor: Int, _ stream: Int, _ position: Int) -> UInt8 = { tensor, stream, position in
        UInt8(truncatingIfNeeded: (position &* 2_654_435_761 &+ tensor &* 977 &+ stream &* 31) >> 7)
    }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard case .coded(let coding) = tensors[tensor].storage else {
            return TensorChunk(streams: [units.map { byte(tensor, 0, $0) }])
        }
        return TensorChunk(
            streams: coding.streams.enumerated().map { index, stream in
                (stream.bytes(of: units) ?? 0..<0).map { byte(tensor, index, $0) }
            },
            distortion: Distortion(error: Double(units.count), energy: 100))
    }

    func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] {
        guard case .coded(let coding) = tensors[tensor].storage, case .whole(let size) = coding.streams[stream].extent else { return [] }
        return (0..<size).map { byte(tensor, stream, $0) }
    }
}

extension MemorySource {
    /// An unknown codec: the container must carry its tensors all the same.
    static let unknownCodec = CodecID(rawValue: 0x7F01)

    /// A model with every kind of content: raw tensors of several types, coded ones with and without channel scales,
    /// an alias, an empty tensor, a scalar, metadata, two files.
    static func complete(bigRows: Int = 3) -> MemorySource {
        func coding(_ rowBytes: Int, scaled: Int?) -> Coding {
            Coding(
                codec: unknownCodec, sourceType: .bf16, codebook: 0, seed: 1, parameters: [1, 2, 3],
                streams: [
                    StreamLayout(role: .symbols, extent: .perRow(rowBytes)),
                    StreamLayout(role: .gains, extent: .perRow(2)),
                ] + (scaled.map { [StreamLayout(role: .channelScales, extent: .whole($0))] } ?? []))
        }
        var source = MemorySource(tensors: [
            TensorDescriptor(name: "embed.weight", shape: [10, 7], storage: .raw(.bf16)),
            TensorDescriptor(name: "layer.0.weight", shape: [bigRows, 64], storage: .coded(coding(44, scaled: nil))),
            TensorDescriptor(name: "layer.1.weight", shape: [2, 3, 64], storage: .coded(coding(44, scaled: 128))),
            TensorDescriptor(name: "head.weight", shape: [10, 7], storage: .alias(of: 0)),
            TensorDescriptor(name: "empty", shape: [0, 5], storage: .raw(.f32)),
            TensorDescriptor(name: "scalar", shape: [], storage: .raw(.i64)),
            TensorDescriptor(name: "nibbles", shape: [3, 4], storage: .raw(.f4)),
        ])
        source.shared = SharedTables(
            codebooks: [CodebookRecord(codec: unknownCodec, bytes: Array(0..<21)), CodebookRecord(codec: unknownCodec, bytes: [])],
            seeds: [1, .max])
        source.metadata.set("general.name", .string("complete"))
        source.metadata.set("tokens", .array(.string(["a", "", "é\0"])))
        source.files = [
            File(name: "config.json", content: Array(#"{"a": 1}"#.utf8)),
            File(name: "tokenizer.json", content: [UInt8](repeating: 0x41, count: 3000)),
        ]
        return source
    }
}

/// A folder for one test, removed afterwards.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = "\(ProcessInfoShim.temporaryFolder)/qamw-test-\(UInt64.random(in: 0 ... .max))"
        try Folder.create(path)
    }

    deinit {
        for name in (try? Folder.names(in: path)) ?? [] { try? SystemCalls.remove(file(name)) }
        ProcessInfoShim.removeFolder(path)
    }

    func file(_ name: String) -> String { Path.join(path, name) }

    var names: [String] { (try? Folder.names(in: path)) ?? [] }
}

/// Writes `source` to a file of `folder` and returns its path.
@discardableResult
func write(
    _ source: some TensorSource, to path: String, options: ContainerOptions = ContainerOptions(), threads: Int = 2,
    replacing: Bool = false, resuming: Bool = false, keepingPartial: Bool = false, monitor: (TransferProgress) throws -> Void = { _ in }
) async throws -> TransferReport {
    try await transfer(
        from: source, to: QAMWriter(path: path, options: options, replacing: replacing, resuming: resuming), threads: threads,
        keepingPartial: keepingPartial, monitor: monitor)
}

func contents(of path: String) throws -> [UInt8] {
    let file = try FileBytes(path: path)
    return try file.read(0..<file.byteCount)
}

/// All stored streams of a tensor.
func payload(_ source: some TensorSource, _ tensor: Int) throws -> [[UInt8]] {
    let descriptor = source.tensors[tensor]
    if case .alias(let target) = descriptor.storage { return try payload(source, target) }
    var streams = try source.read(0..<descriptor.unitCount, of: tensor).streams
    if case .coded(let coding) = descriptor.storage {
        for (index, stream) in coding.streams.enumerated() {
            if case .whole = stream.extent { streams[index] = try source.readWhole(stream: index, of: tensor) }
        }
    }
    return streams
}
