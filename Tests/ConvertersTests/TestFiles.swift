import Converters
import QAMFormat
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A temporary folder for a test, removed with its content when the last reference is released.
final class ScratchFolder {
    let path: String

    init() throws {
        path = "/tmp/qamw-test-\(UInt64.random(in: 0 ... .max))"
        try Folder.create(path)
    }

    deinit { Self.removeAll(path) }

    func path(_ name: String) -> String { path + "/" + name }

    func folder(_ name: String) throws -> String {
        try Folder.create(path(name))
        return path(name)
    }

    @discardableResult
    func write(_ bytes: [UInt8], _ name: String) throws -> String {
        let path = path(name)
        try SystemCalls.remove(path)
        let descriptor = try #require(try SystemCalls.create(path))
        defer { SystemCalls.closeDescriptor(descriptor) }
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: 0, $0, path: path) }
        return path
    }

    @discardableResult
    func write(_ text: String, _ name: String) throws -> String { try write(Array(text.utf8), name) }

    func names(in folder: String? = nil) throws -> [String] { try Folder.names(in: folder ?? path) }

    private static func removeAll(_ path: String) {
        for name in (try? Folder.names(in: path)) ?? [] {
            let child = path + "/" + name
            if (try? FileStatus(child))?.kind == .folder { removeAll(child) } else { try? SystemCalls.remove(child) }
        }
        _ = unsafe rmdir(path)
    }
}

extension TensorDescriptor {
    /// The element type of a raw tensor.
    var rawType: DType? { if case .raw(let dtype) = storage { dtype } else { nil } }
}

func contents(_ path: String) throws -> [UInt8] {
    let file = try FileBytes(path: path)
    return try file.read(0..<file.byteCount)
}

/// Changes one byte of a file.
func overwrite(_ path: String, at offset: Int, _ byte: UInt8) throws {
    let descriptor = try SystemCalls.openWriting(path)
    defer { SystemCalls.closeDescriptor(descriptor) }
    try unsafe withUnsafeBytes(of: byte) { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: path) }
}

/// The bytes of a safetensors file: length, the given header, data.
func safetensors(_ header: String, data: [UInt8] = [], length: UInt64? = nil) -> [UInt8] {
    safetensors(Array(header.utf8), data: data, length: length)
}

func safetensors(_ header: [UInt8], data: [UInt8] = [], length: UInt64? = nil) -> [UInt8] {
    var writer = ByteWriter()
    writer.integer(length ?? UInt64(header.count))
    writer.append(header)
    writer.append(data)
    return writer.bytes
}

/// Pseudorandom bytes, the same in each run.
func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}

struct MemoryFile: EmbeddedFile {
    var name: String
    var bytes: [UInt8]
    var byteCount: Int { bytes.count }
    func read(_ range: Range<Int>) throws -> [UInt8] { Array(bytes[range]) }
}

/// A source in memory with raw and coded tensors of arbitrary bytes.
struct MemorySource: TensorSource {
    var metadata = Metadata()
    var tensors: [TensorDescriptor] = []
    var shared = SharedTables()
    var files: [any EmbeddedFile] = []
    var inputs: [String] = []
    var fingerprint = "memory"
    /// The whole streams of each tensor.
    var payloads: [[[UInt8]]] = []

    mutating func add(_ name: String, _ shape: [Int], _ dtype: DType, _ bytes: [UInt8]? = nil) {
        let descriptor = TensorDescriptor(name: name, shape: shape, storage: .raw(dtype))
        tensors.append(descriptor)
        payloads.append([bytes ?? noise(descriptor.byteCount, seed: UInt64(tensors.count))])
    }

    /// The target may be added later; then the shape must be given.
    mutating func addAlias(_ name: String, of target: Int, shape: [Int]? = nil) {
        tensors.append(TensorDescriptor(name: name, shape: shape ?? tensors[target].shape, storage: .alias(of: target)))
        payloads.append([])
    }

    mutating func addCoded(_ name: String, _ shape: [Int], _ coding: Coding) {
        let descriptor = TensorDescriptor(name: name, shape: shape, storage: .coded(coding))
        tensors.append(descriptor)
        payloads.append(
            coding.streams.enumerated().map { index, stream in
                noise(stream.byteCount(rows: descriptor.rows), seed: UInt64(1000 * tensors.count + index))
            })
    }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard case .coded(let coding) = tensors[tensor].storage else {
            return TensorChunk(streams: [Array(payloads[tensor][0][units])])
        }
        return TensorChunk(
            streams: zip(coding.streams, payloads[tensor]).map { stream, bytes in
                stream.bytes(of: units).map { Array(bytes[$0]) } ?? []
            })
    }

    func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] { payloads[tensor][stream] }
}

/// All bytes of a tensor, read at once, stream by stream.
func payload(_ source: any TensorSource, _ tensor: Int) throws -> [[UInt8]] {
    let descriptor = source.tensors[tensor]
    if case .alias(let target) = descriptor.storage { return try payload(source, target) }
    var streams: [[UInt8]] = [[]]
    if case .coded(let coding) = descriptor.storage { streams = coding.streams.map { _ in [] } }
    if descriptor.unitCount > 0 { streams = try source.read(0..<descriptor.unitCount, of: tensor).streams }
    if case .coded(let coding) = descriptor.storage {
        for (index, stream) in coding.streams.enumerated() {
            if case .whole = stream.extent { streams[index] = try source.readWhole(stream: index, of: tensor) }
        }
    }
    return streams
}

/// Two sources are equal in everything that a sink can see.
func expectEqual(_ left: any TensorSource, _ right: any TensorSource, sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(left.tensors == right.tensors, sourceLocation: sourceLocation)
    #expect(left.metadata == right.metadata, sourceLocation: sourceLocation)
    #expect(left.shared == right.shared, sourceLocation: sourceLocation)
    #expect(left.files.map(\.name) == right.files.map(\.name), sourceLocation: sourceLocation)
    for (one, other) in zip(left.files, right.files) {
        #expect(try one.read(0..<one.byteCount) == other.read(0..<other.byteCount), sourceLocation: sourceLocation)
    }
    for tensor in left.tensors.indices where tensor < right.tensors.count {
        #expect(try payload(left, tensor) == payload(right, tensor), "\(left.tensors[tensor].name)", sourceLocation: sourceLocation)
    }
}

/// Fails the nth call of one kind with an errno.
final class FailingCall: FaultInjector {
    private let call: SystemCalls.Call
    private let code: CInt
    private let nth: Int
    private let count = Mutex(0)

    init(_ call: SystemCalls.Call, _ code: CInt, nth: Int = 1) {
        self.call = call
        self.code = code
        self.nth = nth
    }

    func failure(of call: SystemCalls.Call) -> CInt? {
        guard call == self.call else { return nil }
        let number = count.withLock { count in
            count += 1
            return count
        }
        return number == nth ? code : nil
    }
}
